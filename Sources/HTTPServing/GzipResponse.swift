internal import CZlib
import HTTPTypes
public import Hummingbird

extension Response {
    /// A body of bytes, packed with gzip for a client that takes it.
    public static func packed(_ bytes: [UInt8], contentType: String, for request: Request) -> Response {
        guard Gzip.isAccepted(request.headers[.acceptEncoding] ?? ""), let packed = Gzip.packed(bytes) else {
            var response = Response.bytes(bytes, contentType: contentType)
            response.headers[.vary] = "Accept-Encoding"
            return response
        }
        var response = Response.bytes(packed, contentType: contentType)
        response.headers[.contentEncoding] = "gzip"
        response.headers[.vary] = "Accept-Encoding"
        return response
    }
}

/// gzip (RFC 1952), of whole bodies.
enum Gzip {
    /// Whether an `Accept-Encoding` names gzip, and not with a weight of zero.
    static func isAccepted(_ header: String) -> Bool {
        header.lowercased().split(separator: ",").contains { coding in
            let parts = coding.split(separator: ";").map { $0.filter { !$0.isWhitespace } }
            return parts.first == "gzip"
                && !parts.dropFirst().contains { $0.hasPrefix("q=") && Double($0.dropFirst(2)) == 0 }
        }
    }

    /// nil when there is no memory for it.
    static func packed(_ bytes: [UInt8]) -> [UInt8]? {
        // zlib's state points back at the stream, which therefore may not move.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        defer { stream.deallocate() }
        stream.initialize(to: z_stream())
        guard czlib_gzip_init(stream) == Z_OK else { return nil }
        defer { deflateEnd(stream) }
        var input = bytes
        return [UInt8](unsafeUninitializedCapacity: Int(deflateBound(stream, UInt(bytes.count)))) { output, count in
            input.withUnsafeMutableBufferPointer { input in
                stream.pointee.next_in = input.baseAddress
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                // There is room for all of it: one call does.
                count = deflate(stream, Z_FINISH) == Z_STREAM_END ? Int(stream.pointee.total_out) : 0
            }
        }
    }
}
