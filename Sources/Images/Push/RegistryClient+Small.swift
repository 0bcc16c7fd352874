internal import AsyncHTTPClient
internal import OCI

/// Small things of a repository, whole in memory.
extension RegistryClient {
    /// A blob of at most 1 MiB; the caller compares its digest.
    func smallBlob(_ blob: Descriptor) async throws -> [UInt8] {
        let response = try await send(path("blobs/\(blob.digest)"), accept: [])
        return try await body(of: response, limit: 1 << 20, what: "blob")
    }

    /// The list of what refers to a manifest (OCI 1.1); `unknownImage` where the registry has no such list.
    func referrersIndex(of subject: Digest) async throws -> [UInt8] {
        let response = try await send(path("referrers/\(subject)"), accept: [MediaType.ociIndex])
        return try await body(of: response, limit: Self.manifestLimit, what: "list of referrers")
    }
}
