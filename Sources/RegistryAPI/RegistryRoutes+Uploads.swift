internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import Images
internal import NIOCore
internal import OCI

extension RegistryRoutes {
    /// Begins an upload, takes a whole blob in one request, or mounts one of another repository.
    func uploads(
        _ request: RegistryRequest, _ name: RepositoryName, _ caller: RegistryCaller
    ) async throws -> Response {
        guard request.method == "POST" else { return Self.unsupported(request, allow: "POST") }
        try content.demandOwn(name)
        if let text = request.query["mount"] {
            let digest = try Digest(locating: text)
            if try await mounts(digest, from: request.query["from"], to: name, caller) {
                return Self.created(digest, in: name)
            }
        }
        let digest = try request.query["digest"].map { text throws(ImageError) in try Digest(locating: text) }
        let id = try await store.startUpload(in: name)
        guard let digest else { return Self.accepted(id, name, offset: 0, status: .accepted) }
        do {
            try await store.finishUpload(
                id, in: name, digest: digest, body: request.request.body, length: request.length)
        } catch {
            // A client that sends all at once does not come back for the rest.
            try? await store.cancelUpload(id, in: name)
            throw error
        }
        return Self.created(digest, in: name)
    }

    /// Without leave to pull from the other repository it is as if the blob were not there: the client uploads it.
    private func mounts(
        _ digest: Digest, from source: String?, to name: RepositoryName, _ caller: RegistryCaller
    ) async throws(ImageError) -> Bool {
        let source = try source.map { text throws(ImageError) in try RepositoryName(parsing: text) } ?? name
        do {
            try await access.authorize(caller, AccessScope([.pull], of: source))
        } catch {
            return false
        }
        return try await store.mount(digest, from: source, to: name)
    }

    func upload(_ request: RegistryRequest, _ name: RepositoryName, _ id: String) async throws -> Response {
        do {
            switch request.method {
            case "GET":
                let offset = try await store.uploadOffset(id, in: name)
                return Self.accepted(id, name, offset: offset, status: .noContent)
            case "PATCH":
                return try await append(request, name, id)
            case "PUT":
                return try await finish(request, name, id)
            case "DELETE":
                try await store.cancelUpload(id, in: name)
                return Response(status: .noContent)
            default:
                return Self.unsupported(request, allow: "GET, PATCH, PUT, DELETE")
            }
        } catch let error as ImageError where error.code == .chunkOutOfOrder {
            let offset = try await store.uploadOffset(id, in: name)
            var response = DistributionFailure(error).response
            response.headers.append(
                contentsOf: Self.accepted(id, name, offset: offset, status: .accepted).headers
                    .filter { $0.name != .contentLength })
            return response
        }
    }

    private func append(_ request: RegistryRequest, _ name: RepositoryName, _ id: String) async throws -> Response {
        let chunk = try Self.chunk(request)
        let offset = try await store.append(
            request.request.body, to: id, in: name, at: chunk?.first, length: chunk?.count ?? request.length)
        return Self.accepted(id, name, offset: offset, status: .accepted)
    }

    private func finish(_ request: RegistryRequest, _ name: RepositoryName, _ id: String) async throws -> Response {
        guard let text = request.query["digest"] else {
            throw ImageError(.invalidDigest, "an upload is finished with ?digest= and the digest of all of it")
        }
        let digest = try Digest(locating: text)
        let chunk = try Self.chunk(request)
        try await store.finishUpload(
            id, in: name, digest: digest, body: request.request.body, at: chunk?.first,
            length: chunk?.count ?? request.length)
        return Self.created(digest, in: name)
    }

    /// Where a chunk belongs, when the client says it.
    private static func chunk(_ request: RegistryRequest) throws -> ChunkRange? {
        guard let header = request.request.headers[.contentRange] else { return nil }
        guard let chunk = ChunkRange(header: header) else {
            throw ImageError(
                .invalidUpload, "Content-Range \"\(header.prefix(100))\" is not FIRST-LAST, both included, in bytes")
        }
        guard request.length == nil || request.length == chunk.count else {
            throw ImageError(
                .sizeMismatch, "Content-Range has \(chunk.count) bytes, Content-Length \(request.length ?? 0)")
        }
        return chunk
    }

    private static func accepted(
        _ id: String, _ name: RepositoryName, offset: Int64, status: HTTPResponse.Status
    ) -> Response {
        Response(
            status: status,
            headers: [
                .location: "/v2/\(name)/blobs/uploads/\(id)", .range: "0-\(max(0, offset - 1))", .dockerUploadID: id,
            ])
    }

    private static func created(_ digest: Digest, in name: RepositoryName) -> Response {
        Response(
            status: .created,
            headers: [.location: "/v2/\(name)/blobs/\(digest)", .dockerContentDigest: "\(digest)"])
    }
}
