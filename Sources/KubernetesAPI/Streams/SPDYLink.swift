import HTTPServing
import NIOCore
import Streams

/// Carries SPDY frames: as they are, or in the binary messages of a WebSocket.
struct SPDYLink: Sendable {
    let stream: ByteStream
    let isTunnelled: Bool

    init(_ stream: ByteStream, isTunnelled: Bool) {
        self.stream = stream
        self.isTunnelled = isTunnelled
    }

    func send(_ frame: ByteBuffer) async throws {
        try await stream.write(isTunnelled ? WebSocketEncoder.message(frame) : frame)
    }

    /// The last words: no more streams, and in a tunnel its end.
    func end(_ connection: SPDYConnection) async throws {
        try await send(connection.goAway())
        if isTunnelled { try await stream.write(WebSocketEncoder.close(.normal)) }
    }

    /// What a client that breaks the rules is told.
    func refuse(_ error: any Error) async {
        if isTunnelled { try? await stream.write(WebSocketEncoder.close(.init(error))) }
    }
}

/// The events of a SPDY connection; sends what the protocol itself answers. Used by one task.
struct SPDYEvents {
    let link: SPDYLink
    private(set) var connection: SPDYConnection
    private var frames: WebSocketFrames

    init(_ link: SPDYLink, mostStreams: Int) {
        self.link = link
        connection = SPDYConnection(mostStreams: mostStreams)
        frames = WebSocketFrames(link.stream)
    }

    /// Nil when the client is gone.
    mutating func next() async throws -> SPDYConnection.Event? {
        while true {
            switch try connection.next() {
            case .answer(let frame): try await link.send(frame)
            case .goAway: break
            case nil:
                guard let bytes = try await nextBytes() else { return nil }
                connection.append(bytes)
            case let event?: return event
            }
        }
    }

    private mutating func nextBytes() async throws -> ByteBuffer? {
        link.isTunnelled ? try await frames.next()?.bytes : await link.stream.inbound.next()
    }

    mutating func accept(_ stream: UInt32) async throws { try await link.send(connection.reply(stream)) }

    mutating func reset(_ stream: UInt32, _ status: SPDYResetStatus) async throws {
        try await link.send(connection.reset(stream, status))
    }

    mutating func serverHasEnded(_ stream: UInt32) { connection.serverHasEnded(stream) }
}
