import Linux
import MQTT
import Testing

@Suite(.enabled(if: Broker.isInstalled, "needs mosquitto"), .timeLimit(.minutes(5)))
struct MQTTConnectionTests {
    private func configuration(_ broker: Broker, _ id: String) -> MQTTConfiguration {
        MQTTConfiguration(host: "127.0.0.1", port: broker.port, clientID: id)
    }

    @Test(arguments: [MQTTConfiguration.Version.v5, .v311])
    func publishedMessageReachesTheSubscriberWhole(_ version: MQTTConfiguration.Version) async throws {
        let broker = try Broker("max_packet_size 163840")
        try await broker.ready()
        var settings = configuration(broker, "a")
        settings.versions = [version]
        let connection = try await MQTTConnection.open(settings)
        #expect(connection.version == version)
        try await connection.subscribe(["t/+"])
        let payload = (0..<130_000).map { UInt8(truncatingIfNeeded: $0) }
        try await connection.publish("t/x", payload)
        var messages = connection.messages.makeAsyncIterator()
        let message = await messages.next()
        #expect(message == MQTTMessage(topic: "t/x", payload: payload))
        await connection.disconnect()
        #expect(await messages.next() == nil)
    }

    @Test func refusedPublishIsAnErrorOnVersion5() async throws {
        let acl = "/tmp/wherry-acl-\(UInt32.random(in: 0 ... .max))"
        try Files.writeAtomically(Array("topic write ok/#\n".utf8), to: acl, mode: 0o644, durable: false)
        defer { _ = try? Files.remove(acl) }
        let broker = try Broker("acl_file \(acl)")
        try await broker.ready()
        let connection = try await MQTTConnection.open(configuration(broker, "a"))
        try await connection.publish("ok/a", [1])
        do throws(MQTTError) {
            try await connection.publish("no/a", [1])
            Issue.record("was taken")
        } catch {
            #expect(error.code == .notAuthorized)
        }
        await connection.disconnect()
    }

    @Test func oversizedPublishIsAnErrorAndTheConnectionGoesOn() async throws {
        let broker = try Broker("max_packet_size 2000")
        try await broker.ready()
        let connection = try await MQTTConnection.open(configuration(broker, "a"))
        do throws(MQTTError) {
            try await connection.publish("t", [UInt8](repeating: 0, count: 3000))
            Issue.record("was taken")
        } catch {
            #expect(error.code == .oversized)
        }
        try await connection.publish("t", [1])
        await connection.disconnect()
    }

    @Test func willIsSentAfterAnAbortButNotAfterAGoodbye() async throws {
        let broker = try Broker()
        try await broker.ready()
        let watcher = try await MQTTConnection.open(configuration(broker, "watcher"))
        try await watcher.subscribe(["will/#"])
        for (id, graceful) in [("one", true), ("two", false)] {
            var settings = configuration(broker, id)
            settings.will = .init(topic: "will/\(id)", payload: Array(id.utf8))
            let connection = try await MQTTConnection.open(settings)
            if graceful { await connection.disconnect() } else { connection.abort() }
        }
        var messages = watcher.messages.makeAsyncIterator()
        #expect(await messages.next()?.topic == "will/two")
        await watcher.disconnect()
    }

    @Test func brokenConnectionEndsTheMessagesAndFailsTheWaiting() async throws {
        let broker = try Broker()
        try await broker.ready()
        let connection = try await MQTTConnection.open(configuration(broker, "a"))
        broker.stop()
        var messages = connection.messages.makeAsyncIterator()
        #expect(await messages.next() == nil)
        do throws(MQTTError) {
            try await connection.publish("t", [1])
            Issue.record("was taken")
        } catch {
            #expect(error.code == .connectionLost)
        }
        await connection.disconnect()
    }

    @Test func unreachableBrokerIsAnErrorThatNamesIt() async throws {
        let port = try Broker.freePort()
        do throws(MQTTError) {
            _ = try await MQTTConnection.open(MQTTConfiguration(host: "127.0.0.1", port: port, clientID: "a"))
            Issue.record("was made")
        } catch {
            #expect(error.code == .unreachable)
            #expect(error.description.contains("127.0.0.1:\(port)"))
        }
    }

    @Test func silentServerIsGivenUpInTime() async throws {
        let listener = try Silent()
        var settings = MQTTConfiguration(host: "127.0.0.1", port: listener.port, clientID: "a")
        settings.connectTimeout = .milliseconds(200)
        do throws(MQTTError) {
            _ = try await MQTTConnection.open(settings)
            Issue.record("was made")
        } catch {
            #expect(error.code == .timeout)
        }
    }

    @Test func cancelledOpenReturnsAtOnce() async throws {
        let listener = try Silent()
        let settings = MQTTConfiguration(host: "127.0.0.1", port: listener.port, clientID: "a")
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await MQTTConnection.open(settings)) == nil }
            group.cancelAll()
            #expect(await group.next() == true)
        }
    }

    @Test func slowReaderLosesNothing() async throws {
        let broker = try Broker("max_queued_messages 5000\nmax_inflight_messages 20")
        try await broker.ready()
        var settings = configuration(broker, "reader")
        settings.inboxLimit = 8
        let reader = try await MQTTConnection.open(settings)
        try await reader.subscribe(["t"])
        let writer = try await MQTTConnection.open(configuration(broker, "writer"))
        for index in 0..<300 { try await writer.publish("t", Array("\(index)".utf8)) }
        var messages = reader.messages.makeAsyncIterator()
        for index in 0..<300 {
            let message = await messages.next()
            #expect(message.map { String(decoding: $0.payload, as: UTF8.self) } == "\(index)")
        }
        await writer.disconnect()
        await reader.disconnect()
    }

    @Test func hundredConnectionsComeAndGoWithoutLeavingDescriptors() async throws {
        let broker = try Broker()
        try await broker.ready()
        for index in 0..<100 {
            let connection = try await MQTTConnection.open(configuration(broker, "c\(index)"))
            if index % 2 == 0 { await connection.disconnect() } else { connection.abort() }
        }
        try await eventually("sockets closed") {
            try Files.listDirectory("/proc/self/fd").filter { name in
                withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { target in
                    guard let base = target.baseAddress else { return false }
                    let length = readlink("/proc/self/fd/\(name)", base, target.count)
                    return String(decoding: target.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
                        == "anon_inode:[eventfd]"
                }
            }.count < 40
        }
    }
}
