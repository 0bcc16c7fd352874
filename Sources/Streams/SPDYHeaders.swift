import CZlib
import NIOCore

/// Unpacks the header blocks of one connection: one zlib stream, flushed after each block.
///
/// A block may not grow beyond 16 KiB, however small it came.
final class SPDYHeaderInflater {
    static let largestBlock = 16 << 10
    static let mostHeaders = 64

    // zlib's state points back at the stream, which therefore may not move.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

    init() {
        stream.initialize(to: z_stream())
        // Only a lack of memory fails here, which ends the program anyway.
        precondition(czlib_inflate_init(stream) == Z_OK, "zlib's memory can't be had")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Names in lower case. Of several values of a name, separated by zero bytes, all are kept as they are.
    func headers(_ block: [UInt8]) throws(StreamError) -> [String: String] {
        try Self.parse(inflate(block))
    }

    private func inflate(_ block: [UInt8]) throws(StreamError) -> [UInt8] {
        var input = block
        // One byte more shows a block that is too large.
        var output = [UInt8](repeating: 0, count: Self.largestBlock + 1)
        let stream = stream
        let (result, left, room): (Int32, UInt32, UInt32) = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.pointee.next_in = input.baseAddress
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                var result = CZlib.inflate(stream, Z_SYNC_FLUSH)
                if result == Z_NEED_DICT {
                    let dictionary = SPDYDictionary.bytes
                    result = inflateSetDictionary(stream, dictionary, UInt32(dictionary.count))
                    if result == Z_OK { result = CZlib.inflate(stream, Z_SYNC_FLUSH) }
                }
                return (result, stream.pointee.avail_in, stream.pointee.avail_out)
            }
        }
        guard room > 0 else {
            throw StreamError(.tooLarge, "the headers of a stream are larger than 16 KiB")
        }
        // Nothing to do is an error to zlib; a block that brings nothing is one without headers, which has four bytes.
        guard result == Z_OK, left == 0 else {
            throw StreamError(.malformed, "the headers of a stream can't be unpacked")
        }
        return Array(output.prefix(output.count - Int(room)))
    }

    private static func parse(_ bytes: [UInt8]) throws(StreamError) -> [String: String] {
        var buffer = ByteBuffer(bytes: bytes)
        guard let count = buffer.readInteger(as: UInt32.self), count <= mostHeaders else {
            throw StreamError(.malformed, "a stream has no or more than \(mostHeaders) headers")
        }
        var headers: [String: String] = [:]
        for _ in 0..<count {
            guard let name = text(&buffer), let value = text(&buffer), !name.isEmpty else {
                throw StreamError(.malformed, "a header of a stream is cut off")
            }
            guard headers.updateValue(value, forKey: name.lowercased()) == nil else {
                throw StreamError(.malformed, "a header of a stream comes twice")
            }
        }
        guard buffer.readableBytes == 0 else {
            throw StreamError(.malformed, "bytes follow the headers of a stream")
        }
        return headers
    }

    private static func text(_ buffer: inout ByteBuffer) -> String? {
        guard let length = buffer.readInteger(as: UInt32.self), length <= largestBlock else { return nil }
        return buffer.readString(length: Int(length))
    }
}
