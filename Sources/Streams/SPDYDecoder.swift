import NIOCore

/// A frame of SPDY/3.1, as far as this server looks at it. Data comes in pieces as it arrives.
enum SPDYFrame: Equatable {
    case open(UInt32, headers: [String: String], isLast: Bool)
    case data(UInt32, ByteBuffer, isLast: Bool)
    case headers(UInt32, isLast: Bool)
    case reset(UInt32)
    case ping(UInt32)
    case goAway
    /// Settings, windows, replies to what was never asked, and types of the future.
    case ignored
}

/// Reads SPDY frames. Holds less than a control frame, which has 16 KiB at most.
struct SPDYDecoder {
    static let largestControl = 16 << 10

    private struct Data {
        let stream: UInt32
        var left: Int
        let isLast: Bool
    }

    private var buffer = ByteBuffer()
    private var data: Data?
    private let inflater = SPDYHeaderInflater()

    mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next frame or piece; nil when more must come first.
    mutating func next() throws(StreamError) -> SPDYFrame? {
        if data != nil { return readData() }
        var rest = buffer
        guard let word = rest.readInteger(as: UInt32.self), let flagsAndLength = rest.readInteger(as: UInt32.self)
        else { return nil }
        let length = Int(flagsAndLength & 0xFF_FFFF)
        let flags = UInt8(flagsAndLength >> 24)
        if word & 0x8000_0000 == 0 {
            buffer = rest
            data = Data(stream: word, left: length, isLast: flags & 1 != 0)
            return readData()
        }
        guard word >> 16 & 0x7FFF == 3 else {
            throw StreamError(.malformed, "a SPDY frame is of another version than 3")
        }
        guard length <= Self.largestControl else {
            throw StreamError(.tooLarge, "a SPDY control frame of \(length) bytes is larger than 16 KiB")
        }
        guard let body = rest.readSlice(length: length) else { return nil }
        buffer = rest
        return try control(UInt16(word & 0xFFFF), flags, body)
    }

    private mutating func readData() -> SPDYFrame? {
        guard var frame = data, frame.left == 0 || buffer.readableBytes > 0,
            let piece = buffer.readSlice(length: min(frame.left, buffer.readableBytes))
        else { return nil }
        frame.left -= piece.readableBytes
        data = frame.left == 0 ? nil : frame
        return .data(frame.stream, piece, isLast: frame.isLast && frame.left == 0)
    }

    private func control(_ type: UInt16, _ flags: UInt8, _ body: ByteBuffer) throws(StreamError) -> SPDYFrame {
        var body = body
        func word() throws(StreamError) -> UInt32 {
            guard let word = body.readInteger(as: UInt32.self) else {
                throw StreamError(.malformed, "a SPDY control frame of type \(type) is cut off")
            }
            return word
        }
        switch type {
        case 1:  // SYN_STREAM: stream, associated stream, priority and slot, headers
            let stream = try word() & 0x7FFF_FFFF
            _ = try word()
            guard body.readInteger(as: UInt16.self) != nil else {
                throw StreamError(.malformed, "a SPDY control frame of type 1 is cut off")
            }
            return .open(stream, headers: try inflater.headers(Array(body.readableBytesView)), isLast: flags & 1 != 0)
        case 2, 8:  // SYN_REPLY, HEADERS: unpacked in any case, as the next headers build on them
            let stream = try word() & 0x7FFF_FFFF
            _ = try inflater.headers(Array(body.readableBytesView))
            return type == 8 ? .headers(stream, isLast: flags & 1 != 0) : .ignored
        case 3: return .reset(try word() & 0x7FFF_FFFF)
        case 6: return .ping(try word())
        case 7: return .goAway
        default: return .ignored
        }
    }
}
