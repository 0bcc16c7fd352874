import NIOCore

/// Writes SPDY/3.1 frames.
///
/// Replies have no headers, so their blocks are stored as they are: a compressor's quarter of a megabyte for each connection
/// would save nothing.
struct SPDYEncoder {
    private var hasBegunHeaders = false

    /// SYN_REPLY: the stream is accepted. Replies go out in the order they are made.
    mutating func reply(_ stream: UInt32) -> ByteBuffer {
        // A zlib stream's first two bytes; a stored block: its length, the complement, and "no headers"; and an empty one, as a
        // flush writes it: Go's reader gives nothing out before.
        let block: [UInt8] =
            (hasBegunHeaders ? [] : [0x78, 0x01]) + [0, 4, 0, 0xFB, 0xFF, 0, 0, 0, 0] + [0, 0, 0, 0xFF, 0xFF]
        hasBegunHeaders = true
        return Self.control(2, [stream], block)
    }

    static func data(_ stream: UInt32, _ bytes: ByteBuffer, isLast: Bool = false) -> ByteBuffer {
        var frame = ByteBufferAllocator().buffer(capacity: 8 + bytes.readableBytes)
        frame.writeInteger(stream)
        frame.writeInteger(UInt32(bytes.readableBytes) | (isLast ? 1 << 24 : 0))
        frame.writeImmutableBuffer(bytes)
        return frame
    }

    /// RST_STREAM.
    static func reset(_ stream: UInt32, _ status: SPDYResetStatus) -> ByteBuffer {
        control(3, [stream, status.rawValue], [])
    }

    static func ping(_ number: UInt32) -> ByteBuffer { control(6, [number], []) }

    /// GOAWAY, status OK.
    static func goAway(lastStream: UInt32) -> ByteBuffer { control(7, [lastStream, 0], []) }

    private static func control(_ type: UInt16, _ words: [UInt32], _ rest: [UInt8]) -> ByteBuffer {
        var frame = ByteBufferAllocator().buffer(capacity: 8 + 4 * words.count + rest.count)
        frame.writeInteger(0x8003 << 16 | UInt32(type))
        frame.writeInteger(UInt32(4 * words.count + rest.count))
        for word in words { frame.writeInteger(word) }
        frame.writeBytes(rest)
        return frame
    }
}

/// Why a stream is reset (SPDY/3.1, section 2.6.3).
public enum SPDYResetStatus: UInt32, Sendable {
    case protocolError = 1
    case invalidStream = 2
    case refused = 3
    case cancelled = 5
}
