public import NIOCore

/// The server's side of a SPDY/3.1 connection, without its transport: bytes in, events out.
///
/// There are no windows, as Kubernetes' clients know none: who calls ``next()`` no faster than it can use the data holds
/// the client back through the transport.
public struct SPDYConnection {
    public enum Event: Equatable, Sendable {
        /// The client has opened a stream, which must be replied to. Names of headers are in lower case.
        case opened(UInt32, headers: [String: String])
        case data(UInt32, ByteBuffer)
        /// The client sends no more in this stream.
        case ended(UInt32)
        /// The client wants to hear no more of this stream, either.
        case reset(UInt32)
        /// Has to be sent.
        case answer(ByteBuffer)
        /// The client opens no more streams.
        case goAway
    }

    /// A stream that either side may still send in.
    private struct Stream {
        var clientHasEnded = false
        var serverHasEnded = false
    }

    private let mostStreams: Int
    private var decoder = SPDYDecoder()
    private var encoder = SPDYEncoder()
    private var streams: [UInt32: Stream] = [:]
    private var lastStream: UInt32 = 0
    private var pending: [Event] = []

    /// - Parameter mostStreams: open at a time; more are refused.
    public init(mostStreams: Int) { self.mostStreams = mostStreams }

    /// Takes what came in.
    public mutating func append(_ bytes: ByteBuffer) { decoder.append(bytes) }

    /// What happens next; nil when more must come first.
    public mutating func next() throws(StreamError) -> Event? {
        while pending.isEmpty {
            guard let frame = try decoder.next() else { return nil }
            try handle(frame)
        }
        return pending.removeFirst()
    }

    private mutating func handle(_ frame: SPDYFrame) throws(StreamError) {
        switch frame {
        case .open(let id, let headers, let isLast): try open(id, headers, isLast: isLast)
        case .data(let id, let bytes, let isLast):
            guard try isOpen(id) else { return }
            if bytes.readableBytes > 0 { pending.append(.data(id, bytes)) }
            if isLast { clientEnds(id) }
        case .headers(let id, let isLast): if try isOpen(id), isLast { clientEnds(id) }
        case .reset(let id): if streams.removeValue(forKey: id) != nil { pending.append(.reset(id)) }
        // Pings with even numbers would be answers to ours.
        case .ping(let number): if number & 1 == 1 { pending.append(.answer(SPDYEncoder.ping(number))) }
        case .goAway: pending.append(.goAway)
        case .ignored: break
        }
    }

    private mutating func open(_ id: UInt32, _ headers: [String: String], isLast: Bool) throws(StreamError) {
        guard id & 1 == 1, id > lastStream else {
            throw StreamError(.malformed, "a client opens stream \(id) after stream \(lastStream)")
        }
        lastStream = id
        guard streams.count < mostStreams else {
            pending.append(.answer(SPDYEncoder.reset(id, .refused)))
            return
        }
        streams[id] = Stream()
        pending.append(.opened(id, headers: headers))
        if isLast { clientEnds(id) }
    }

    /// Whether the client may send in a stream. What was under way when a stream closed is passed over.
    private func isOpen(_ id: UInt32) throws(StreamError) -> Bool {
        guard id > 0, id <= lastStream, id & 1 == 1 else {
            throw StreamError(.unknownStream, "a client sends in stream \(id), which was never opened")
        }
        return streams[id]?.clientHasEnded == false
    }

    private mutating func clientEnds(_ id: UInt32) {
        streams[id]?.clientHasEnded = true
        forgetIfOver(id)
        pending.append(.ended(id))
    }

    private mutating func forgetIfOver(_ id: UInt32) {
        if let stream = streams[id], stream.clientHasEnded, stream.serverHasEnded { streams[id] = nil }
    }

    // MARK: What the server sends

    /// Accepts a stream. Replies must be sent in the order they are made.
    public mutating func reply(_ id: UInt32) -> ByteBuffer { encoder.reply(id) }

    /// Refuses a stream, or ends it at once in both directions.
    public mutating func reset(_ id: UInt32, _ status: SPDYResetStatus) -> ByteBuffer {
        streams[id] = nil
        return SPDYEncoder.reset(id, status)
    }

    /// The server has ended its direction of a stream, by a last ``data(_:_:isLast:)``.
    public mutating func serverHasEnded(_ id: UInt32) {
        streams[id]?.serverHasEnded = true
        forgetIfOver(id)
    }

    public static func data(_ id: UInt32, _ bytes: ByteBuffer, isLast: Bool = false) -> ByteBuffer {
        SPDYEncoder.data(id, bytes, isLast: isLast)
    }

    /// The server accepts no more streams.
    public func goAway() -> ByteBuffer { SPDYEncoder.goAway(lastStream: lastStream) }
}
