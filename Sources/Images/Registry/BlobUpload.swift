internal import CArchive
internal import Linux
internal import NIOCore
internal import OCI

/// One upload on its way in: bytes go to a file and into the sum at once, on a thread for blocking work.
///
/// The file outlives the process. Its sum does not: it is made again from the file when the upload goes on after a
/// restart. Requests take turns; the newest one wins, because a client that lost its connection comes back before the
/// server has noticed.
actor BlobUpload {
    nonisolated let id: String
    nonisolated let repository: RepositoryName
    nonisolated let path: String
    private let thread: ThreadExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private let space: DiskSpace
    private let file: Linux.FileDescriptor
    private var hasher = ContentHasher()
    /// Bytes in the file that count: those behind are of a write that failed.
    private var length: Int64
    private var turn = 0
    /// Requests that have begun to send bytes.
    var turns: Int { turn }
    private var isFlushed = true

    /// Opens the file of an upload, made anew or left by an earlier process.
    init(id: String, repository: RepositoryName, path: String, space: DiskSpace, thread: ThreadExecutor)
        throws(SystemError)
    {
        let opened = try Linux.FileDescriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        var info = stat()
        try systemCall("fstat", on: path) { fstat(opened.rawValue, &info) }
        self.id = id
        self.repository = repository
        self.path = path
        self.space = space
        self.thread = thread
        length = Int64(info.st_size)
        file = opened
    }

    /// Bytes that arrived so far.
    var offset: Int64 { length }

    /// Begins a request that sends bytes: earlier ones may write no more.
    /// - Parameter start: Where the client thinks the upload stands; nil when it does not say.
    /// - Returns: The turn to give to ``append(_:turn:)``.
    /// - Throws: `chunkOutOfOrder`, and nothing has changed.
    func begin(at start: Int64?) throws(ImageError) -> Int {
        if let start, start != length {
            throw ImageError(
                .chunkOutOfOrder, "the chunk begins at byte \(start), but the upload stands at \(length): go on there")
        }
        turn += 1
        try sumUpFile()
        return turn
    }

    private func sumUpFile() throws(ImageError) {
        guard hasher.count < length else { return }
        hasher = ContentHasher()
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        do {
            while hasher.count < length {
                let offset = hasher.count
                let wanted = Int(min(Int64(buffer.count), length - offset))
                let count = try systemCall("pread", on: path) {
                    buffer.withUnsafeMutableBytes { pread(file.rawValue, $0.baseAddress, wanted, off_t(offset)) }
                }
                guard count > 0 else { throw SystemError(call: "pread", errno: .input, subject: path) }
                buffer.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            }
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    /// - Throws: `diskFull`; what was written before stands.
    func append(_ buffers: [ByteBuffer], turn: Int) throws(ImageError) {
        try check(turn)
        isFlushed = false
        for buffer in buffers {
            try space.demand(Int64(buffer.readableBytes), at: length)
            do {
                try buffer.withUnsafeReadableBytes { (bytes) throws(SystemError) in try write(bytes) }
            } catch {
                throw ImageError(wrapping: error)
            }
        }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = try systemCall("pwrite", on: path) {
                pwrite(file.rawValue, rest.baseAddress, rest.count, off_t(length))
            }
            hasher.update(UnsafeRawBufferPointer(rebasing: rest[..<count]))
            length += Int64(count)
            done += count
        }
    }

    /// Makes what arrived durable, before it is acknowledged.
    func flush(turn: Int) throws(ImageError) {
        try check(turn)
        guard !isFlushed else { return }
        do {
            try systemCall("fdatasync", on: path) { fdatasync(file.rawValue) }
        } catch {
            throw ImageError(error)
        }
        isFlushed = true
    }

    /// Compares the whole content with the digest that the client names.
    /// - Returns: The size.
    func verify(_ expected: Digest, turn: Int) throws(ImageError) -> Int64 {
        try check(turn)
        let found = hasher.finish()
        guard found == expected else {
            throw ImageError(
                .invalidDigest,
                "the upload's \(length) bytes have the digest \(found), not \(expected); it was dropped, send it again")
        }
        return length
    }

    private func check(_ turn: Int) throws(ImageError) {
        guard turn == self.turn else {
            throw ImageError(.invalidUpload, "another request went on with this upload; ask for its state")
        }
    }
}

/// The threads on which uploads and downloads read and write, shared among them.
struct StreamThreads: Sendable {
    private let threads = (0..<2).map { ThreadExecutor(name: "wherry-blob-\($0)") }

    func thread(for number: Int) -> ThreadExecutor { threads[number % threads.count] }
}
