internal import CArchive
internal import Linux
internal import OCI

/// The store's directories: `blobs/sha256/<hex>`, `layers/<chain id hex>` and `ingest/` for what is not verified yet.
struct BlobFiles: Sendable {
    let root: String
    private var blobDirectory: String { root + "/blobs/sha256" }
    private var ingestDirectory: String { root + "/ingest" }
    var layerDirectory: String { root + "/layers" }

    /// Makes the directories, and empties `ingest/` of what a crash left.
    init(root: String) throws(SystemError) {
        self.root = root
        try Files.makeDirectories(root, mode: 0o700)
        for directory in [blobDirectory, layerDirectory, ingestDirectory] {
            try Files.makeDirectories(directory, mode: 0o700)
        }
        for name in try Files.listDirectory(ingestDirectory) { try Files.removeTree(ingestDirectory + "/" + name) }
    }

    func path(of blob: Digest) -> String { blobDirectory + "/" + blob.hex }
    func layerPath(of chainID: Digest) -> String { layerDirectory + "/" + chainID.hex }
    func ingestPath(_ name: String) -> String { ingestDirectory + "/" + name }

    func has(_ blob: Digest, size: Int64? = nil) -> Bool {
        guard let found = self.size(of: blob) else { return false }
        return size == nil || size == found
    }

    /// Bytes of a blob; nil when it is not here.
    func size(of blob: Digest) -> Int64? {
        var info = stat()
        guard lstat(path(of: blob), &info) == 0, info.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(info.st_size)
    }

    func read(_ blob: Digest, limit: Int) throws(SystemError) -> [UInt8] {
        try Files.read(path(of: blob), limit: limit)
    }

    /// Stores a small blob, durably.
    func put(_ bytes: [UInt8]) throws(SystemError) -> Digest {
        let digest = ContentHasher.digest(of: bytes)
        if !has(digest, size: Int64(bytes.count)) { try Files.writeAtomically(bytes, to: path(of: digest)) }
        return digest
    }

    /// Puts a complete and verified file in its place; its content and name are durable afterwards.
    func commit(_ file: String, as blob: Digest) throws(SystemError) {
        let descriptor = try FileDescriptor.open(file, O_RDONLY | O_NOFOLLOW)
        try systemCall("fsync", on: file) { fsync(descriptor.rawValue) }
        try systemCall("rename", on: path(of: blob)) { rename(file, path(of: blob)) }
        try Files.syncDirectory(blobDirectory)
    }

    func remove(_ blob: Digest) throws(SystemError) { try Files.remove(path(of: blob)) }

    /// All blobs and layers present; names that are none of ours are left alone.
    func blobs() throws(SystemError) -> [Digest] { try Self.digests(in: blobDirectory) }
    func layers() throws(SystemError) -> [Digest] { try Self.digests(in: layerDirectory) }

    private static func digests(in directory: String) throws(SystemError) -> [Digest] {
        try Files.listDirectory(directory).compactMap { try? Digest(hex: $0) }
    }

    /// Bytes free for the store.
    func freeBytes() throws(SystemError) -> Int64 {
        var info = statvfs()
        try systemCall("statvfs", on: root) { statvfs(root, &info) }
        return Int64(clamping: info.f_bavail) * Int64(info.f_frsize)
    }
}

/// A blob on its way in: bytes are hashed as they are written, and it becomes a blob only with the right digest.
///
/// The file keeps what arrived and the sum so far, so that a transfer can later go on where it broke off.
struct BlobIngest: ~Copyable {
    private let file: FileDescriptor
    private let path: String
    private let expected: Descriptor
    private var hasher = ContentHasher()

    init(_ expected: Descriptor, path: String) throws(SystemError) {
        file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
        self.path = path
        self.expected = expected
    }

    var count: Int64 { hasher.count }

    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(ImageError) {
        guard hasher.count + Int64(bytes.count) <= expected.size else {
            throw ImageError(
                .digestMismatch, "the registry sent more than the \(expected.size) bytes of blob \(expected.digest)")
        }
        hasher.update(bytes)
        var done = 0
        do {
            while done < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
                done += try systemCall("write", on: path) { write(file.rawValue, rest.baseAddress, rest.count) }
            }
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    /// Verifies and commits; the file is gone afterwards either way.
    consuming func finish(into files: BlobFiles) throws(ImageError) {
        let size = hasher.count
        let digest = hasher.finish()
        guard size == expected.size, digest == expected.digest else {
            unlink(path)
            throw ImageError(
                .digestMismatch,
                "the registry sent \(size) bytes with digest \(digest) for blob \(expected.digest) of \(expected.size) "
                    + "bytes; something between changes the content")
        }
        do { try files.commit(path, as: expected.digest) } catch { throw ImageError(error) }
    }
}
