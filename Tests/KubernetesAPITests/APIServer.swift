import Access
import HTTPServing
import Hummingbird
import JSON
import Linux
import Logging
import ResourceStore
import Resources
import Testing

@testable import KubernetesAPI

/// A real server on a unix socket in a directory of its own, over a real store.
struct APIServer {
    let directory: String
    let store: Store
    var socket: String { directory + "/wherry.sock" }

    /// Runs `body` against a server that listens, and stops it.
    static func run(
        streams: PodStreams? = nil, usage: UsageReader? = nil, isHub: Bool = false,
        _ body: @escaping @Sendable (APIServer) async throws -> Void
    ) async throws {
        var template = Array("/tmp/wherry-api-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } }
        try #require(made != nil)
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? Files.removeTree(directory) }
        let store = try Store(path: directory + "/state.db")
        let namespace: JSONValue = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "default"]]
        if try await store.find(ResourceKey(type: .namespace, namespace: nil, name: "default")) == nil {
            _ = try await store.create(Admission.create(namespace, type: .namespace, namespace: nil).resource)
        }
        let router = Router(context: ServingContext.self)
        HealthRoutes(notReady: { [] }, metrics: { "" }).register(on: router)
        KubernetesRoutes(
            store: store, access: try AccessControl(store: store, directory: directory),
            readLogs: { request in
                AsyncThrowingStream { continuation in
                    continuation.yield(Array("hello from \(request.container ?? "")\n".utf8))
                    continuation.finish()
                }
            },
            streams: streams, usage: usage,
            version: ServerVersion(release: "0.0.0"), isHub: isHub,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        ).register(on: router)
        let (listening, signal) = AsyncStream<ListeningAddresses>.makeStream()
        let server = HTTPServer(
            unixSocket: directory + "/wherry.sock", router: router, onListening: { signal.yield($0) },
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            group.addTask {
                for await _ in listening { break }
                try await body(APIServer(directory: directory, store: store))
            }
            try await group.next()
            group.cancelAll()
        }
        await store.close()
    }

    struct Answer: Sendable {
        let code: Int
        let head: String
        let body: [UInt8]

        var json: JSONValue { get throws { try JSONValue(parsing: body) } }
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// One request on a connection of its own.
    ///
    /// - Parameter until: stops reading as soon as the answer holds this text; for answers without an end.
    func send(
        _ method: String, _ path: String, _ body: JSONValue? = nil, type: String = "application/json",
        accept: String = "application/json", until: String? = nil
    ) async throws -> Answer {
        try await send(method, path, bytes: body?.serialized() ?? [], type: type, accept: accept, until: until)
    }

    /// A request with headers of its own, "Name: value" each.
    func send(
        _ method: String, _ path: String, headers: [String], body: String = "", until: String? = nil
    ) async throws -> Answer {
        let head = (["\(method) \(path) HTTP/1.1", "Host: x"] + headers).joined(separator: "\r\n") + "\r\n\r\n"
        return try await send(Array((head + body).utf8), until: until)
    }

    func send(
        _ method: String, _ path: String, bytes: [UInt8], type: String, accept: String = "application/json",
        until: String? = nil
    ) async throws -> Answer {
        let head =
            "\(method) \(path) HTTP/1.1\r\nHost: x\r\nAccept: \(accept)\r\nContent-Type: \(type)\r\n"
            + "Content-Length: \(bytes.count)\r\nConnection: close\r\n\r\n"
        return try await send(Array(head.utf8) + bytes, until: until)
    }

    private func send(_ request: [UInt8], until: String?) async throws -> Answer {
        let socketPath = socket
        // Blocking calls have no place on the pool that the server runs on.
        let received: [UInt8] = await withCheckedContinuation { continuation in
            Thread.start(name: "client") {
                continuation.resume(returning: Self.exchange(socketPath, request, until: until))
            }
        }
        return try Self.parse(received)
    }

    private static func exchange(_ path: String, _ request: [UInt8], until: String?) -> [UInt8] {
        let client = Linux.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(client) }
        var timeout = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(client, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else { return [] }
        var sent = 0
        while sent < request.count {
            let count = request[sent...].withUnsafeBytes {
                Linux.send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { break }
            sent += count
        }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { return received }
            received += buffer[..<count]
            if let until, String(decoding: received, as: UTF8.self).contains(until) { return received }
        }
    }

    private static func parse(_ bytes: [UInt8]) throws -> Answer {
        let text = String(decoding: bytes, as: UTF8.self)
        let end = try #require(text.range(of: "\r\n\r\n"), "no answer: \(text)")
        let head = String(text[..<end.lowerBound])
        let code = try #require(Int(head.split(separator: " ")[1]))
        var body = Array(text[end.upperBound...].utf8)
        if head.lowercased().contains("transfer-encoding: chunked") { body = dechunked(body) }
        return Answer(code: code, head: head, body: body)
    }

    private static func dechunked(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = bytes[...]
        while let newline = rest.firstIndex(of: 0x0A),
            let size = Int(String(decoding: rest[..<newline].filter { $0 != 0x0D }, as: UTF8.self), radix: 16), size > 0
        {
            let start = newline + 1
            result += rest[start..<min(start + size, rest.endIndex)]
            rest = rest[min(start + size + 2, rest.endIndex)...]
        }
        return result
    }
}

extension String {
    func range(of text: String) -> Range<String.Index>? {
        let needle = Array(text.utf8)
        let bytes = utf8
        var index = bytes.startIndex
        while index != bytes.endIndex {
            if bytes[index...].starts(with: needle) { return index..<bytes.index(index, offsetBy: needle.count) }
            index = bytes.index(after: index)
        }
        return nil
    }
}
