internal import Linux
internal import NIOCore
internal import OCI

/// A blob that comes from upstream: clients read what is there already and wait for the rest.
actor FetchedBlob: BlobSource {
    private enum Phase {
        case running
        case complete
        case failed(ImageError)
    }

    nonisolated let digest: Digest
    nonisolated let size: Int64
    nonisolated let path: String
    private let thread: ThreadExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private let space: DiskSpace
    private let file: Linux.FileDescriptor
    private var hasher = ContentHasher()
    private var phase = Phase.running
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(digest: Digest, size: Int64, path: String, space: DiskSpace, thread: ThreadExecutor) throws(SystemError) {
        let opened = try Linux.FileDescriptor.open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
        self.digest = digest
        self.size = size
        self.path = path
        self.space = space
        self.thread = thread
        file = opened
    }

    var count: Int64 { hasher.count }

    func read(at offset: Int64, atMost count: Int) async throws(ImageError) -> ByteBuffer {
        while offset >= hasher.count {
            switch phase {
            case .running: await withCheckedContinuation { waiting.append($0) }
            case .complete: throw ImageError(.sizeMismatch, "blob \(digest) has only \(hasher.count) bytes")
            case .failed(let error): throw error
            }
        }
        let available = Int(min(Int64(count), hasher.count - offset))
        do { return try StoredBlob.read(file.rawValue, path, at: offset, atMost: available) } catch {
            throw ImageError(error)
        }
    }

    /// - Throws: `digestMismatch` for more bytes than there should be, `diskFull`.
    func append(_ buffer: ByteBuffer) throws(ImageError) {
        guard hasher.count + Int64(buffer.readableBytes) <= size else {
            throw ImageError(.digestMismatch, "the upstream sent more than the \(size) bytes of blob \(digest)")
        }
        try space.demand(Int64(buffer.readableBytes), at: hasher.count)
        do {
            try buffer.withUnsafeReadableBytes { (bytes) throws(SystemError) in
                var done = 0
                while done < bytes.count {
                    let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
                    let offset = off_t(hasher.count)
                    let count = try systemCall("pwrite", on: path) {
                        pwrite(file.rawValue, rest.baseAddress, rest.count, offset)
                    }
                    hasher.update(UnsafeRawBufferPointer(rebasing: rest[..<count]))
                    done += count
                }
            }
        } catch {
            throw ImageError(error)
        }
        wake()
    }

    /// Checks the whole content and makes it durable.
    func verify() throws(ImageError) {
        guard hasher.count == size, hasher.finish() == digest else {
            throw ImageError(
                .digestMismatch,
                "the upstream sent \(hasher.count) bytes of another digest for blob \(digest) of \(size) bytes")
        }
        do { try systemCall("fdatasync", on: path) { fdatasync(file.rawValue) } } catch { throw ImageError(error) }
    }

    func end(_ failure: ImageError?) {
        phase = failure.map { .failed($0) } ?? .complete
        wake()
    }

    private func wake() {
        for continuation in waiting { continuation.resume() }
        waiting = []
    }
}
