import HTTPServing
import NIOCore
import Streams

/// Port forwarding for clients without SPDY: for each port of the query one connection, and two channels, 2n for its data and
/// 2n + 1 for its errors, that each begin with the port's number.
struct ChannelPortForward: Sendable {
    /// A channel's number has a byte, and the highest means something else.
    static let mostPorts = 64

    private let stream: ByteStream
    private let ports: [UInt16]
    private let connect: @Sendable (UInt16) async throws -> Int32

    init(_ stream: ByteStream, ports: [UInt16], connect: @escaping @Sendable (UInt16) async throws -> Int32) {
        self.stream = stream
        self.ports = ports
        self.connect = connect
    }

    func run() async {
        let connections = ports.map { _ in ForwardedConnection() }
        var frames = WebSocketFrames(stream)
        var messages = ChannelMessages(.v4)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await withTaskGroup(of: Void.self) { group in
                    for (index, port) in ports.enumerated() {
                        group.addTask { await carry(connections[index], UInt8(2 * index), port) }
                    }
                }
                try? await stream.write(WebSocketEncoder.close(.normal))
                if (try? await Task.sleep(for: CommandSession.leavingTime)) != nil { await stream.close() }
            }
            do {
                while let piece = try await frames.next() {
                    guard
                        case .data(let channel, let bytes)? = try messages.receive(
                            piece.bytes, isFirst: piece.isFirst, isLast: piece.isLast)
                    else { continue }
                    guard channel & 1 == 0, Int(channel / 2) < connections.count else {
                        throw StreamError(.unknownStream, "a client sends in channel \(channel), which does not exist")
                    }
                    await connections[Int(channel / 2)].input.push(bytes)
                }
            } catch {
                try? await stream.write(WebSocketEncoder.close(.init(error)))
            }
            group.cancelAll()
        }
    }

    private func carry(_ connection: ForwardedConnection, _ channel: UInt8, _ port: UInt16) async {
        let stream = stream
        let number = ByteBuffer(bytes: [UInt8(port & 0xFF), UInt8(port >> 8)])
        do {
            for channel in [channel, channel + 1] {
                try await stream.write(WebSocketEncoder.message(prefix: [channel], number))
            }
            try await connection.run(
                connect: { try await connect(port) },
                write: { try await stream.write(WebSocketEncoder.message(prefix: [channel], $0)) },
                outputEnd: {
                    // Nothing says that the port has closed but the end of the connection: the client's input ends, too.
                    connection.input.finish()
                })
        } catch {
            guard !Task.isCancelled else { return }
            // A failed write is a client that is gone, which its reader notices, too.
            try? await stream.write(WebSocketEncoder.message(prefix: [channel + 1], ByteBuffer(string: "\(error)")))
        }
    }
}
