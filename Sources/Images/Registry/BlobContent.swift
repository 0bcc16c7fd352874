internal import Linux
public import NIOCore
public import OCI

/// A blob as it is read by a client: whole or in parts, while it is stored or already there.
public struct BlobContent: Sendable {
    public let digest: Digest
    public let size: Int64
    let source: any BlobSource

    /// At least one and at most `count` bytes at `offset`, which must lie before ``size``.
    public func read(at offset: Int64, atMost count: Int) async throws(ImageError) -> ByteBuffer {
        try await source.read(at: offset, atMost: count)
    }
}

protocol BlobSource: Sendable {
    func read(at offset: Int64, atMost count: Int) async throws(ImageError) -> ByteBuffer
}

/// A blob's file, open: it can be read to its end even when the blob is removed meanwhile.
actor StoredBlob: BlobSource {
    private let path: String
    private let file: Linux.FileDescriptor
    private let thread: ThreadExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(path: String, thread: ThreadExecutor) throws(SystemError) {
        let opened = try Linux.FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW)
        self.path = path
        self.thread = thread
        file = opened
    }

    func read(at offset: Int64, atMost count: Int) throws(ImageError) -> ByteBuffer {
        do { return try Self.read(file.rawValue, path, at: offset, atMost: count) } catch { throw ImageError(error) }
    }

    static func read(
        _ descriptor: Int32, _ path: String, at offset: Int64, atMost count: Int
    ) throws(SystemError) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        let read = try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) {
            (bytes) throws(SystemError) -> Int in
            try systemCall("pread", on: path) { pread(descriptor, bytes.baseAddress, count, off_t(offset)) }
        }
        // Shorter than recorded: the file was damaged after it was opened.
        guard read > 0 else { throw SystemError(call: "pread", errno: .input, subject: path) }
        return buffer
    }
}
