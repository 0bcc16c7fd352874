public import NIOCore

/// What a client sends in a WebSocket. Messages come in pieces as they arrive: a client may send gigabytes as one.
public enum WebSocketEvent: Equatable, Sendable {
    /// A piece of a message, text or binary alike; the first may be the last, too, and may be empty.
    case data(ByteBuffer, isFirst: Bool, isLast: Bool)
    /// To be answered with the same bytes.
    case ping(ByteBuffer)
    case pong
    /// The client sends no more; nil when it gave no reason.
    case close(UInt16?)
}

/// Reads a client's WebSocket frames (RFC 6455, section 5). Holds less than a frame's header and a control frame.
public struct WebSocketDecoder {
    /// Of one frame.
    public static let largestPayload: UInt64 = 32 << 20
    private static let largestControl = 125

    private enum Opcode: UInt8 {
        case continuation = 0
        case text = 1
        case binary = 2
        case close = 8
        case ping = 9
        case pong = 10
    }

    /// A data frame that has not come whole.
    private struct Payload {
        var left: Int
        let isFinal: Bool
        var isFirst: Bool
    }

    private var buffer = ByteBuffer()
    private var payload: Payload?
    private var mask: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)
    private var maskPosition = 0
    /// A message's first frame came, and its last did not.
    private var isInMessage = false
    private var isClosed = false

    public init() {}

    /// Takes what came in.
    public mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next event; nil when more must come first. After `close` whatever follows is ignored.
    public mutating func next() throws(StreamError) -> WebSocketEvent? {
        if isClosed { return nil }
        if payload == nil, let control = try readHeader() { return try readControl(control) }
        return payload == nil ? nil : readData()
    }

    /// Reads a frame's header. A data frame is kept in `payload`; a control frame, once it is whole, is returned.
    private mutating func readHeader() throws(StreamError) -> (opcode: Opcode, payload: ByteBuffer)? {
        var rest = buffer
        guard let first = rest.readInteger(as: UInt8.self), let second = rest.readInteger(as: UInt8.self) else {
            return nil
        }
        guard first & 0x70 == 0, let opcode = Opcode(rawValue: first & 0x0F) else {
            throw StreamError(.malformed, "a WebSocket frame has an unknown opcode or extension bit")
        }
        guard second & 0x80 != 0 else { throw StreamError(.malformed, "a client's WebSocket frame is not masked") }
        let isFinal = first & 0x80 != 0
        let isControl = opcode.rawValue >= 8
        guard let length = Self.readLength(second & 0x7F, &rest) else { return nil }
        guard !isControl || isFinal && length <= Self.largestControl else {
            throw StreamError(.malformed, "a WebSocket control frame is fragmented or longer than 125 bytes")
        }
        guard length <= Self.largestPayload else {
            throw StreamError(.tooLarge, "a WebSocket frame of \(length) bytes is larger than 32 MiB")
        }
        guard let m0 = rest.readInteger(as: UInt8.self), let m1 = rest.readInteger(as: UInt8.self),
            let m2 = rest.readInteger(as: UInt8.self), let m3 = rest.readInteger(as: UInt8.self)
        else { return nil }
        mask = (m0, m1, m2, m3)
        maskPosition = 0
        if isControl {
            guard var content = rest.readSlice(length: Int(length)) else { return nil }
            unmask(&content)
            buffer = rest
            return (opcode, content)
        }
        guard (opcode == .continuation) == isInMessage else {
            throw StreamError(.malformed, "a WebSocket message is not continued, or continued without a beginning")
        }
        isInMessage = !isFinal
        payload = Payload(left: Int(length), isFinal: isFinal, isFirst: opcode != .continuation)
        buffer = rest
        return nil
    }

    private static func readLength(_ short: UInt8, _ rest: inout ByteBuffer) -> UInt64? {
        switch short {
        case 126: rest.readInteger(as: UInt16.self).map(UInt64.init)
        case 127: rest.readInteger(as: UInt64.self)
        default: UInt64(short)
        }
    }

    private mutating func readControl(
        _ frame: (opcode: Opcode, payload: ByteBuffer)
    ) throws(StreamError) -> WebSocketEvent {
        var content = frame.payload
        switch frame.opcode {
        case .ping: return .ping(content)
        case .pong: return .pong
        default:
            isClosed = true
            guard content.readableBytes != 1 else {
                throw StreamError(.malformed, "a WebSocket close frame has half a status")
            }
            return .close(content.readInteger(as: UInt16.self))
        }
    }

    private mutating func readData() -> WebSocketEvent? {
        guard var payload, payload.left == 0 || buffer.readableBytes > 0 else { return nil }
        let count = min(payload.left, buffer.readableBytes)
        guard var piece = buffer.readSlice(length: count) else { return nil }
        unmask(&piece)
        payload.left -= count
        let event = WebSocketEvent.data(
            piece, isFirst: payload.isFirst, isLast: payload.left == 0 && payload.isFinal)
        payload.isFirst = false
        self.payload = payload.left == 0 ? nil : payload
        return event
    }

    private mutating func unmask(_ bytes: inout ByteBuffer) {
        let key = [mask.0, mask.1, mask.2, mask.3]
        let start = maskPosition
        bytes.withUnsafeMutableReadableBytes { bytes in
            var word: UInt64 = 0
            for position in (0..<8).reversed() { word = word << 8 | UInt64(key[(start + position) & 3]) }
            word = word.littleEndian
            var index = 0
            while index + 8 <= bytes.count {
                let value = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                bytes.storeBytes(of: value ^ word, toByteOffset: index, as: UInt64.self)
                index += 8
            }
            while index < bytes.count {
                bytes[index] ^= key[(start + index) & 3]
                index += 1
            }
        }
        maskPosition = (start + bytes.readableBytes) & 3
    }
}
