internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import Images
internal import NIOCore
internal import OCI

extension RegistryRoutes {
    /// Bytes read from a blob's file and written to the client at once.
    private static let batch = 128 << 10

    func blob(_ request: RegistryRequest, _ name: RepositoryName, _ text: String) async throws -> Response {
        let digest = try Digest(locating: text)
        switch request.method {
        case "HEAD":
            let size = try await content.blobSize(digest, in: name)
            return Response(status: .ok, headers: Self.headers(digest, size))
        case "GET":
            return try await read(request, name, digest)
        case "DELETE":
            try content.demandOwn(name)
            try await store.removeBlob(digest, from: name)
            return Response(status: .accepted)
        default:
            return Self.unsupported(request, allow: "GET, HEAD, DELETE")
        }
    }

    private static func headers(_ digest: Digest, _ size: Int64) -> HTTPFields {
        [
            .contentType: "application/octet-stream", .contentLength: "\(size)", .dockerContentDigest: "\(digest)",
            .acceptRanges: "bytes", .eTag: "\"\(digest)\"",
            // It never changes; who may read it does.
            .cacheControl: "private, max-age=31536000, immutable",
        ]
    }

    private func read(_ request: RegistryRequest, _ name: RepositoryName, _ digest: Digest) async throws -> Response {
        let fields = request.request.headers
        let blob = try await content.blob(digest, in: name)
        var headers = Self.headers(digest, blob.size)
        if Self.matches(fields[.ifNoneMatch], digest) {
            headers[.contentLength] = nil
            return Response(status: .notModified, headers: headers)
        }
        // A range of other content than the client has would be glued to the wrong beginning.
        let isSame = fields[.ifRange].map { Self.matches($0, digest) } ?? true
        switch ByteRange(header: isSame ? fields[.range] : nil, size: blob.size) {
        case .whole:
            return Response(
                status: .ok, headers: headers, body: Self.body(blob, 0..<blob.size, request.context.channel))
        case .part(let range):
            headers[.contentLength] = "\(range.count)"
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(blob.size)"
            return Response(
                status: .partialContent, headers: headers, body: Self.body(blob, range, request.context.channel))
        case .unsatisfiable:
            var response = DistributionFailure("SIZE_INVALID", 416, "blob \(digest) has \(blob.size) bytes").response
            response.headers[.contentRange] = "bytes */\(blob.size)"
            return response
        }
    }

    private static func matches(_ header: String?, _ digest: Digest) -> Bool {
        guard let header else { return false }
        return header.split(separator: ",").contains { tag in
            let tag = tag.drop { $0 == " " }.prefix { $0 != " " }
            return tag == "*" || tag == "\"\(digest)\"" || tag == "W/\"\(digest)\""
        }
    }

    /// Reads no faster than the client takes it.
    ///
    /// A write returns when it is handed to the event loop, and only there it shows whether the client keeps up: without
    /// waiting for the loop, a file that is in the page cache piles up before it, whole.
    private static func body(_ blob: BlobContent, _ range: Range<Int64>, _ channel: any Channel) -> ResponseBody {
        ResponseBody(contentLength: Int(range.count)) { writer in
            var offset = range.lowerBound
            while offset < range.upperBound {
                let count = Int(min(Int64(batch), range.upperBound - offset))
                let buffer = try await blob.read(at: offset, atMost: count)
                offset += Int64(buffer.readableBytes)
                try await writer.write(buffer)
                try await channel.eventLoop.submit {}.get()
            }
            try await writer.finish(nil)
        }
    }
}
