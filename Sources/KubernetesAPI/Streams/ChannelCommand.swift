import HTTPServing
import JSON
import NIOCore
import Resources
import Streams

/// A client with a WebSocket whose messages are for numbered channels.
struct ChannelCommandReader: CommandReader {
    private let stream: ByteStream
    private let options: PodStreamOptions
    private var messages: ChannelMessages
    private var frames: WebSocketFrames

    init(_ stream: ByteStream, _ version: ChannelProtocol, _ options: PodStreamOptions) {
        self.stream = stream
        self.options = options
        messages = ChannelMessages(version, whole: [CommandChannel.resize])
        frames = WebSocketFrames(stream)
    }

    mutating func begin() async throws -> ChannelCommandWriter? {
        let writer = ChannelCommandWriter(stream: stream)
        // An empty message tells clients that wait for one that the connection is up.
        try await writer.write(ByteBuffer(), to: options.stdout || !options.stderr ? .stdout : .stderr)
        return writer
    }

    mutating func next() async throws -> CommandInput? {
        while let piece = try await frames.next() {
            switch try messages.receive(piece.bytes, isFirst: piece.isFirst, isLast: piece.isLast) {
            case .data(CommandChannel.stdin, let bytes): return .stdin(bytes)
            case .closed(CommandChannel.stdin): return .stdinEnd
            case .message(CommandChannel.resize, let bytes): if let size = TerminalSize.parse(bytes) { return size }
            default: break
            }
        }
        return nil
    }
}

/// The numbers of a command's channels.
enum CommandChannel {
    static let stdin: UInt8 = 0
    static let stdout: UInt8 = 1
    static let stderr: UInt8 = 2
    static let status: UInt8 = 3
    static let resize: UInt8 = 4
}

struct ChannelCommandWriter: CommandWriter {
    let stream: ByteStream

    func write(_ bytes: ByteBuffer, to output: CommandOutput) async throws {
        let channel = output == .stdout ? CommandChannel.stdout : CommandChannel.stderr
        try await stream.write(WebSocketEncoder.message(prefix: [channel], bytes))
    }

    func end(_ report: CommandReport) async throws {
        let status = ByteBuffer(bytes: report.status.serialized())
        try await stream.write(WebSocketEncoder.message(prefix: [CommandChannel.status], status))
        try await stream.write(WebSocketEncoder.close(.normal))
    }

    func refuse(_ error: any Error) async throws {
        try await stream.write(WebSocketEncoder.close(.init(error)))
    }
}

extension WebSocketEncoder.CloseCode {
    init(_ error: any Error) {
        self = (error as? StreamError)?.code == .tooLarge ? .tooLarge : .protocolError
    }
}

/// The messages of a WebSocket, in pieces; answers its pings. Used by one task.
struct WebSocketFrames {
    private let stream: ByteStream
    private var decoder = WebSocketDecoder()
    private var isClosed = false

    init(_ stream: ByteStream) { self.stream = stream }

    /// Nil once the client has closed its side or is gone.
    mutating func next() async throws -> (bytes: ByteBuffer, isFirst: Bool, isLast: Bool)? {
        while !isClosed {
            switch try decoder.next() {
            case .data(let bytes, let isFirst, let isLast): return (bytes, isFirst, isLast)
            case .ping(let bytes): try await stream.write(WebSocketEncoder.pong(bytes))
            case .pong: break
            case .close:
                isClosed = true
                // Ours may be under way already; a client takes no notice of a second.
                try? await stream.write(WebSocketEncoder.close(.normal))
            case nil:
                guard let bytes = await stream.inbound.next() else { return nil }
                decoder.append(bytes)
            }
        }
        return nil
    }
}
