import FleetProtocol
import JSON
import Linux
import Logging
import MQTT
import ResourceStore
import Resources
import Testing

@testable import DeviceLink

@Suite(.enabled(if: Fleet.isPossible, "needs mosquitto"), .timeLimit(.minutes(5)))
struct DeviceLinkTests {
    let fleet: Fleet
    let device: Scratch
    let store: Store

    init() async throws {
        fleet = try Fleet()
        device = try Scratch()
        store = try await device.store()
        _ = try await store.create(Resource(value: Objects.node("dev-1")))
        try fleet.startBroker()
    }

    private func link(
        readLogs: @escaping HubLink.LogReader = { _ in AsyncThrowingStream { $0.finish() } }
    ) -> HubLink {
        var timing = LinkTiming()
        timing.identityPoll = .milliseconds(50)
        timing.reconnectBase = .milliseconds(50)
        timing.reconnectCap = .milliseconds(300)
        timing.reconnectSpread = .milliseconds(50)
        return HubLink(
            store: store, spoolPath: device.path + "/spool.db", dataDirectory: device.path, nodeName: "dev-1",
            agentVersion: "0.1.0", readLogs: readLogs, timing: timing, logger: .silent)
    }

    /// Runs `body` beside a running device.
    private func withDevice(_ link: HubLink, _ body: @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await link.run() }
            try await body()
            group.cancelAll()
        }
    }

    @Test func enrolledDeviceSaysHelloTakesItsDocumentAndAcknowledges() async throws {
        let hub = try await fleet.hub()
        let fleet = fleet
        let device = device
        let store = store
        try await withDevice(link()) {
            var messages = hub.connection.messages.makeAsyncIterator()
            // The device looks for its identity again and again.
            try fleet.enrol(device.path)
            let hello = try await hub.next(.hello, from: &messages)
            let body: Hello = try hello.message()
            #expect(body.have == nil)
            #expect(body.node == "dev-1")
            #expect(hello.epoch == 1)
            try await hub.answer(hello, full: true)
            let report: Report = try await hub.next(.report, from: &messages).message()
            #expect(report.full)
            #expect(report.entries.map(\.reference.kind) == ["Node"])

            try await hub.desire(Document(objects: [Objects.configMap("a", ["k": "1"])]), 1)
            var levels: [Ack.Level] = []
            while levels.last != .healthy {
                let ack: Ack = try await hub.next(.ack, from: &messages).message()
                levels.append(ack.level)
            }
            #expect(levels == [.stored, .applied, .healthy])
            #expect(try await store.find(Objects.key(.configMap, "a")) != nil)

            // Changes follow as deltas.
            _ = try await store.create(Resource(value: Objects.deployment("local")))
            let delta: Report = try await hub.next(.report, from: &messages).message()
            #expect(!delta.full)
            #expect(delta.entries.map(\.reference.name) == ["local"])
        }
        await hub.connection.disconnect()
    }

    @Test func brokerRestartConvergesToTheNewestRevision() async throws {
        try fleet.enrol(device.path)
        let first = try await fleet.hub()
        let fleet = fleet
        let store = store
        try await withDevice(link()) {
            var messages = first.connection.messages.makeAsyncIterator()
            try await first.answer(try await first.next(.hello, from: &messages))
            try await first.desire(Document(objects: [Objects.configMap("a", ["k": "1"])]), 1)
            try await eventually("first document") { try await store.find(Objects.key(.configMap, "a")) != nil }
            fleet.stopBroker()
            // What runs here goes on; a local change is possible.
            _ = try await store.create(Resource(value: Objects.deployment("local")))
            try fleet.startBroker()
            let second = try await fleet.hub()
            var again = second.connection.messages.makeAsyncIterator()
            let online = try Envelope(epoch: 0, sequence: 0, timestamp: 0, HubState(online: true, reconnectSpread: 50))
            try await second.connection.publish(Topic.hubState.string, online.serialized(), retain: true)
            let hello = try await second.next(.hello, from: &again)
            let body: Hello = try hello.message()
            #expect(hello.epoch > 1)
            #expect(body.have?.revision.number == 1)
            try await second.answer(hello, full: true)
            try await second.desire(Document(objects: [Objects.configMap("b", ["k": "2"])]), 2)
            try await eventually("second document") {
                let old = try await store.find(Objects.key(.configMap, "a"))
                let new = try await store.find(Objects.key(.configMap, "b"))
                return old == nil && new != nil
            }
            let report: Report = try await second.next(.report, from: &again).message()
            #expect(report.entries.contains { $0.reference.name == "local" })
            await second.connection.disconnect()
        }
    }

    @Test func hubThatComesBackGetsAHelloAtOnce() async throws {
        try fleet.enrol(device.path)
        let hub = try await fleet.hub()
        try await withDevice(link()) {
            var messages = hub.connection.messages.makeAsyncIterator()
            _ = try await hub.next(.hello, from: &messages)
            // No answer: the hub was away. Its retained state says when it is back.
            let online = try Envelope(epoch: 0, sequence: 0, timestamp: 0, HubState(online: true))
            try await hub.connection.publish(Topic.hubState.string, online.serialized(), retain: true)
            let again = try await hub.next(.hello, from: &messages)
            #expect(again.epoch == 1)
        }
        await hub.connection.disconnect()
    }

    @Test func eventsWaitForTheHubAndAreSentAgainUntilItHasThem() async throws {
        try fleet.enrol(device.path)
        let hub = try await fleet.hub()
        let store = store
        let device = device
        try await withDevice(link()) {
            var messages = hub.connection.messages.makeAsyncIterator()
            let hello = try await hub.next(.hello, from: &messages)
            let node = try await store.get(Objects.key(.node, "dev-1"))
            let recorder = EventRecorder(store: store, component: "test")
            await recorder.record(reason: "Tested", message: "one", on: node)
            try await hub.answer(hello)
            let batch: EventBatch = try await hub.next(.events, from: &messages).message()
            #expect(batch.rows.first?.body["reason"] == "Tested")
            // Not acknowledged: it is still there.
            let row = try #require(batch.rows.last)
            try await hub.answer(hello, eventsUpTo: row.sequence)
            try await eventually("row gone") {
                // From a copy, for the link has its database to itself; one that a write tears is taken anew.
                for name in ["spool.db", "spool.db-wal"] {
                    let bytes = try Files.read(device.path + "/" + name, limit: 1 << 24)
                    try Files.writeAtomically(bytes, to: device.path + "/copy-of-" + name, mode: 0o600)
                }
                guard let copy = try? Outbox(path: device.path + "/copy-of-spool.db") else { return false }
                let isEmpty = try await copy.range() == nil
                await copy.close()
                return isEmpty
            }
        }
        await hub.connection.disconnect()
    }

    @Test func logCommandStreamsChunksAndACancelEndsAFollower() async throws {
        try fleet.enrol(device.path)
        let hub = try await fleet.hub()
        let lines = [UInt8](repeating: 65, count: 70_000)
        let reader: HubLink.LogReader = { request in
            guard request.pod == "there" else {
                throw StatusError(code: 404, reason: .notFound, message: "pods \"\(request.pod)\" not found")
            }
            let (stream, continuation) = AsyncThrowingStream.makeStream(of: [UInt8].self)
            continuation.yield(lines)
            if !request.follow { continuation.finish() }
            return stream
        }
        try await withDevice(link(readLogs: reader)) {
            var messages = hub.connection.messages.makeAsyncIterator()
            let hello = try await hub.next(.hello, from: &messages)
            try await hub.answer(hello)
            let deadline = WallClock.now().seconds * 1000 + 30_000
            try await hub.send(
                .command, Command(id: "c1", deadline: deadline, logs: LogsRequest(namespace: "default", pod: "there")))
            var bytes: [UInt8] = []
            while true {
                let request: UpRequest = try await hub.next(.request, from: &messages).message()
                let reply = try #require(request.reply)
                #expect(reply.command == "c1")
                #expect(reply.bytes?.count ?? .max <= FleetLimits.replyChunk)
                bytes += reply.bytes ?? []
                if reply.eof { break }
            }
            #expect(bytes == lines)

            try await hub.send(
                .command, Command(id: "c2", deadline: deadline, logs: LogsRequest(namespace: "default", pod: "gone")))
            let missing: UpRequest = try await hub.next(.request, from: &messages).message()
            #expect(missing.reply?.error?.status == 404)

            try await hub.send(
                .command, Command(id: "c3", deadline: 1000, logs: LogsRequest(namespace: "default", pod: "there")))
            let late: UpRequest = try await hub.next(.request, from: &messages).message()
            #expect(late.reply?.error?.status == 504)

            let follow = LogsRequest(namespace: "default", pod: "there", follow: true)
            try await hub.send(.command, Command(id: "c4", deadline: deadline, logs: follow))
            _ = try await hub.next(.request, from: &messages)
            try await hub.send(.command, Command(id: "c5", deadline: deadline, cancel: "c4"))
        }
        await hub.connection.disconnect()
    }

    @Test func stoppingDeviceSaysGoodbyeAndAKilledOneLeavesItsWill() async throws {
        try fleet.enrol(device.path)
        let hub = try await fleet.hub()
        var messages = hub.connection.messages.makeAsyncIterator()
        try await withThrowingTaskGroup(of: Void.self) { group in
            let link = link()
            group.addTask { try await link.run() }
            _ = try await hub.next(.hello, from: &messages)
            group.cancelAll()
        }
        let bye: Bye = try await hub.next(.bye, from: &messages).message()
        #expect(bye.reason == .stopping)
        await hub.connection.disconnect()
    }

    @Test func damagedIdentityIsAnErrorThatDeletesNothing() async throws {
        try fleet.enrol(device.path)
        let path = device.path + "/identity/link.json"
        try Files.writeAtomically(Array("{".utf8), to: path)
        do {
            _ = try DeviceIdentity.load(from: device.path)
            Issue.record("was loaded")
        } catch {
            #expect(error.code == .malformed)
        }
        #expect(Files.exists(path))
    }
}
