public import NIOCore

/// Writes a server's WebSocket frames, which are not masked.
public enum WebSocketEncoder {
    /// Why a connection is closed.
    public struct CloseCode: RawRepresentable, Hashable, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }

        public static let normal = CloseCode(rawValue: 1000)
        public static let goingAway = CloseCode(rawValue: 1001)
        public static let protocolError = CloseCode(rawValue: 1002)
        public static let tooLarge = CloseCode(rawValue: 1009)
    }

    /// A whole binary message: `prefix`, then the bytes.
    public static func message(prefix: [UInt8] = [], _ bytes: ByteBuffer) -> ByteBuffer {
        frame(0x82, prefix, bytes)
    }

    public static func pong(_ bytes: ByteBuffer) -> ByteBuffer { frame(0x8A, [], bytes) }

    public static func close(_ code: CloseCode) -> ByteBuffer {
        frame(0x88, [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xFF)], ByteBuffer())
    }

    private static func frame(_ first: UInt8, _ prefix: [UInt8], _ bytes: ByteBuffer) -> ByteBuffer {
        let length = prefix.count + bytes.readableBytes
        var frame = ByteBufferAllocator().buffer(capacity: length + 10)
        frame.writeInteger(first)
        switch length {
        case ..<126:
            frame.writeInteger(UInt8(length))
        case ..<65536:
            frame.writeInteger(UInt8(126))
            frame.writeInteger(UInt16(length))
        default:
            frame.writeInteger(UInt8(127))
            frame.writeInteger(UInt64(length))
        }
        frame.writeBytes(prefix)
        frame.writeImmutableBuffer(bytes)
        return frame
    }
}
