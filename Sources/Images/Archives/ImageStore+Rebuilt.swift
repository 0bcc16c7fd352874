internal import CArchive
internal import Linux
internal import OCI

extension ImageStore {
    /// Calls `body` with a file that holds a layer's exact tar, for a layer whose blob is not kept.
    func withRebuiltLayer(
        _ chainID: Digest, _ body: (_ path: String, _ size: Int64) async throws -> Void
    ) async throws {
        let path = files.ingestPath("rebuilt-\(nextSequence())")
        defer { unlink(path) }
        try await rebuildLayer(chainID, at: path)
        var info = stat()
        try systemCall("stat", on: path) { lstat(path, &info) }
        try await body(path, Int64(info.st_size))
    }
}
