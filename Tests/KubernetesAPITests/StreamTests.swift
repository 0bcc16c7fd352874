import HTTPServing
import JSON
import Linux
import NIOCore
import Resources
import Synchronization
import Testing

@testable import KubernetesAPI

/// What a route does before and around a stream, with processes that are only pipes.
@Suite struct StreamTests {
    /// A process that wrote a text and ended.
    private static func process(_ text: String, _ end: PodProcess.End) throws -> PodProcess {
        let output = try FileDescriptor.pipe()
        try output.writer.writeAll(Array(text.utf8))
        return PodProcess(streams: ProcessStreams(stdout: try output.reader.duplicate().release())) { end }
    }

    private static func streams(_ end: PodProcess.End) -> PodStreams {
        PodStreams(
            check: { _, container in
                if container == "gone" { throw StreamRefusal("container not found (\"gone\")") }
            },
            exec: { try process($0.command.joined(separator: " ") + "\n", end) },
            attach: { _ in try process("attached\n", end) },
            connect: { _, port in throw StreamRefusal("error forwarding port \(port)") })
    }

    private static let upgrade = [
        "Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io",
    ]

    private static func makePods(_ server: APIServer) async throws {
        for (name, node) in [("p", "n1"), ("waits", nil)] {
            var spec: JSONValue = ["containers": [["name": "main", "image": "i"], ["name": "gone", "image": "i"]]]
            if let node { spec["nodeName"] = .string(node) }
            let made = try await server.send(
                "POST", "/api/v1/namespaces/default/pods",
                ["apiVersion": "v1", "kind": "Pod", "metadata": ["name": .string(name)], "spec": spec])
            #expect(made.code == 201)
        }
    }

    private static func path(_ query: String, pod: String = "p", _ part: String = "exec") -> String {
        "/api/v1/namespaces/default/pods/\(pod)/\(part)?\(query)"
    }

    @Test func aWebSocketGetsTheOutputAndTheStatus() async throws {
        try await APIServer.run(streams: Self.streams(.exited(3))) { server in
            try await Self.makePods(server)
            let answer = try await server.send(
                "GET", Self.path("container=main&stdout=true&command=hello&command=w%C3%B6rld+1"),
                headers: Self.upgrade,
                until: "ExitCode")
            #expect(answer.code == 101)
            #expect(answer.head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            #expect(answer.head.lowercased().contains("sec-websocket-protocol: v5.channel.k8s.io"))
            #expect(answer.text.contains("\u{1}hello wörld 1\n"))
            #expect(answer.text.contains("\"reason\":\"NonZeroExitCode\""))
            #expect(answer.text.contains("command terminated with non-zero exit code"))
        }
    }

    @Test func attachEndsWithSuccess() async throws {
        try await APIServer.run(streams: Self.streams(.exited(0))) { server in
            try await Self.makePods(server)
            let answer = try await server.send(
                "GET", Self.path("container=main&stdout=true", "attach"), headers: Self.upgrade, until: "Success")
            #expect(answer.code == 101 && answer.text.contains("\u{1}attached\n"))
        }
    }

    @Test func whatIsWrongIsSaidInHTTP() async throws {
        try await APIServer.run(streams: Self.streams(.exited(0))) { server in
            try await Self.makePods(server)
            func refusal(_ path: String, method: String = "GET") async throws -> (Int, String) {
                let answer = try await server.send(method, path, headers: Self.upgrade)
                return (answer.code, (try? answer.json["message"]?.stringValue) ?? answer.text)
            }
            let all = "stdout=true&command=true"
            #expect(try await refusal(Self.path(all + "&container=main", pod: "nobody")).0 == 404)
            #expect(try await refusal(Self.path(all), method: "PUT").0 == 405)
            let waits = try await refusal(Self.path(all + "&container=main", pod: "waits"))
            #expect(waits == (400, "pod waits does not have a host assigned"))
            let several = try await refusal(Self.path(all))
            #expect(several == (400, "a container name must be specified for pod p, choose one of: [main gone]"))
            let gone = try await refusal(Self.path(all + "&container=gone"))
            #expect(gone == (500, "container not found (\"gone\")"))
            let nothing = try await refusal(Self.path("command=true&container=main"))
            #expect(nothing == (400, "you must specify at least one of stdin, stdout, stderr"))
            let commandless = try await refusal(Self.path("stdout=1&container=main"))
            #expect(commandless == (400, "you must specify at least one command for the container"))
            let plain = try await server.send("GET", Self.path(all + "&container=main"))
            #expect(plain.code == 400 && plain.text.contains("Upgrade request required"))
        }
    }

    @Test func aHubSaysWhereToGo() async throws {
        try await APIServer.run { server in
            try await Self.makePods(server)
            for part in ["exec", "attach", "portforward"] {
                let answer = try await server.send("GET", Self.path("stdout=true", part), headers: Self.upgrade)
                #expect(answer.code == 501)
                #expect(try answer.json["reason"] == "NotImplemented")
                #expect(answer.text.contains("wherry kubeconfig"))
            }
        }
    }

    @Test func sizesAreReadAndNonsenseIsNot() {
        func parse(_ text: String) -> CommandInput? { TerminalSize.parse(ByteBuffer(string: text)) }
        #expect(parse("{\"Width\":80,\"Height\":24}") == .resize(rows: 24, columns: 80))
        for text in [
            "", "{}", "{\"Width\":0,\"Height\":1}", "{\"Width\":65536,\"Height\":1}", "{\"Width\":-1,\"Height\":1}",
        ] {
            #expect(parse(text) == nil, "\(text)")
        }
    }

    @Test func aReportSaysHowACommandEnded() {
        #expect(CommandReport.success.status == ["metadata": [:], "status": "Success"])
        let exited = CommandReport.exited(7, command: "[sh -c exit 7]")
        #expect(exited.status[path: "details", "causes"] == [["reason": "ExitCode", "message": "7"]])
        #expect(exited.text.hasSuffix("error executing command [sh -c exit 7], exit code 7"))
        #expect(CommandReport.failed("why").status["code"] == 500)
    }
}

@Suite struct ByteQueueTests {
    private func buffer(_ count: Int) -> ByteBuffer { ByteBuffer(repeating: 1, count: count) }

    @Test func aFullQueueAsksForMoreOnceThereIsRoom() async {
        let room = Mutex(0)
        let queue = ByteQueue(limit: 10) { room.withLock { $0 += 1 } }
        #expect(queue.offer(buffer(4)))
        #expect(!queue.offer(buffer(8)))
        #expect(await queue.next()?.readableBytes == 4)
        #expect(room.withLock { $0 } == 1)
        #expect(await queue.next()?.readableBytes == 8)
        #expect(room.withLock { $0 } == 1)
        queue.finish()
        #expect(await queue.next() == nil)
    }

    @Test func whatIsThereComesBeforeTheEnd() async {
        let queue = ByteQueue(limit: 10)
        _ = queue.offer(buffer(1))
        queue.finish()
        _ = queue.offer(buffer(2))
        #expect(await queue.next()?.readableBytes == 1)
        #expect(await queue.next() == nil)
    }

    @Test func aWriterWaitsForRoomAndIsLetGoWhenNobodyReads() async {
        let queue = ByteQueue(limit: 4)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await queue.push(ByteBuffer(repeating: 1, count: 4))
                await queue.push(ByteBuffer(repeating: 2, count: 4))
                await queue.push(ByteBuffer(repeating: 3, count: 4))
                queue.finish()
            }
            var received: [UInt8] = []
            while let piece = await queue.next() { received.append(piece.readableBytesView[0]) }
            #expect(received == [1, 2, 3])
        }
        let left = ByteQueue(limit: 4)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await left.push(ByteBuffer(repeating: 1, count: 4)) }
            group.addTask { left.abandon() }
        }
        #expect(await left.next() == nil)
    }

    @Test func aCancelledReaderGetsTheEnd() async {
        let queue = ByteQueue(limit: 4)
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { await queue.next() == nil }
            group.cancelAll()
            #expect(await group.next() == true)
        }
        // Nobody waits for a queue without a reader.
        await queue.push(buffer(100))
    }
}
