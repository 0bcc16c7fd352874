internal import Linux
public import NIOCore

extension ImageStore {
    /// Writes an upload to a temporary file of the store, for ``importRoot(path:reference:changes:)``.
    /// - Returns: Its path; give it to ``discard(_:)`` afterwards. A file forgotten goes at the next start.
    public func receive<Body: AsyncSequence & Sendable>(
        _ body: Body
    ) async throws(ImageError) -> String where Body.Element == ByteBuffer {
        let path = files.ingestPath("upload-\(nextSequence())")
        do {
            let file = try Linux.FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            var count: Int64 = 0
            for try await chunk in body {
                count += Int64(chunk.readableBytes)
                guard count <= limits.bytes else {
                    throw ImageError(.limitExceeded, "it has more than \(limits.bytes) bytes")
                }
                try file.writeAll(Array(chunk.readableBytesView))
            }
            return path
        } catch {
            discard(path)
            throw ImageError(wrapping: error).during("cannot receive the upload")
        }
    }

    /// Removes a file of ``receive(_:)``.
    public func discard(_ path: String) { unlink(path) }
}
