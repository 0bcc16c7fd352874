import HTTPServing
import NIOCore
import Streams
import Synchronization

/// Port forwarding as kubectl does it: for each connection a pair of SPDY streams, one for errors and one for data, that name the
/// port and, to find each other, a request.
struct SPDYPortForward: Sendable {
    /// Two for each connection.
    static let mostStreams = 256

    private enum Role { case error, data }

    /// A connection that one or both of its streams have been opened for.
    private struct Pair {
        let port: UInt16
        var error: UInt32?
        var data: UInt32?
    }

    /// Pairs whose connection is over, on their way from its task to the reader, which keeps account of the streams.
    private final class Finished: Sendable {
        private let pairs = Mutex<[Complete]>([])
        func append(_ pair: Complete) { pairs.withLock { $0.append(pair) } }
        func take() -> [Complete] {
            pairs.withLock { pairs in
                defer { pairs = [] }
                return pairs
            }
        }
    }

    private let link: SPDYLink
    private let connect: @Sendable (UInt16) async throws -> Int32

    init(_ link: SPDYLink, connect: @escaping @Sendable (UInt16) async throws -> Int32) {
        self.link = link
        self.connect = connect
    }

    func run() async {
        var events = SPDYEvents(link, mostStreams: Self.mostStreams)
        await withDiscardingTaskGroup { group in
            do {
                var pairs: [String: Pair] = [:]
                var connections: [UInt32: ForwardedConnection] = [:]
                let finished = Finished()
                while let event = try await events.next() {
                    for pair in finished.take() {
                        events.serverHasEnded(pair.error)
                        events.serverHasEnded(pair.data)
                        connections[pair.data] = nil
                    }
                    switch event {
                    case .opened(let id, let headers):
                        guard let pair = try await open(id, headers, &pairs, &events) else { continue }
                        let connection = ForwardedConnection()
                        connections[pair.data] = connection
                        group.addTask {
                            await carry(connection, pair)
                            finished.append(pair)
                        }
                    case .data(let id, let bytes):
                        guard !pairs.values.contains(where: { $0.data == id || $0.error == id }) else {
                            throw StreamError(
                                .malformed, "a client sends in stream \(id) before it has opened its pair")
                        }
                        await connections[id]?.input.push(bytes)
                    case .ended(let id): connections[id]?.input.finish()
                    case .reset(let id):
                        connections.removeValue(forKey: id)?.stop()
                        pairs = pairs.filter { $0.value.error != id && $0.value.data != id }
                    case .answer, .goAway: break
                    }
                }
            } catch {
                await link.refuse(error)
            }
            group.cancelAll()
        }
    }

    private struct Complete: Sendable {
        let port: UInt16
        let error: UInt32
        let data: UInt32
    }

    /// Accepts a stream; gives the pair when it is the second of one.
    private func open(
        _ id: UInt32, _ headers: [String: String], _ pairs: inout [String: Pair], _ events: inout SPDYEvents
    ) async throws -> Complete? {
        guard let port = headers["port"].flatMap({ UInt16($0) }), port > 0,
            let role = headers["streamtype"].flatMap({ $0 == "error" ? Role.error : $0 == "data" ? .data : nil })
        else {
            try await events.reset(id, .protocolError)
            return nil
        }
        // Clients before requests were named opened the error stream first, and its data stream next.
        let request = headers["requestid"] ?? "stream \(role == .error ? id : id - 2)"
        var pair = pairs[request] ?? Pair(port: port)
        guard pair.port == port, role == .error ? pair.error == nil : pair.data == nil else {
            try await events.reset(id, .protocolError)
            return nil
        }
        try await events.accept(id)
        if role == .error { pair.error = id } else { pair.data = id }
        guard let error = pair.error, let data = pair.data else {
            pairs[request] = pair
            return nil
        }
        pairs[request] = nil
        return Complete(port: port, error: error, data: data)
    }

    private func carry(_ connection: ForwardedConnection, _ pair: Complete) async {
        let link = link
        do {
            try await connection.run(
                connect: { try await connect(pair.port) },
                write: { try await link.send(SPDYConnection.data(pair.data, $0)) },
                outputEnd: { try await link.send(SPDYConnection.data(pair.data, ByteBuffer(), isLast: true)) })
            try await link.send(SPDYConnection.data(pair.error, ByteBuffer(), isLast: true))
        } catch {
            guard !Task.isCancelled else { return }
            // A failed write is a client that is gone, which its reader notices, too.
            try? await link.send(SPDYConnection.data(pair.error, ByteBuffer(string: "\(error)"), isLast: true))
            try? await link.send(SPDYConnection.data(pair.data, ByteBuffer(), isLast: true))
        }
    }
}
