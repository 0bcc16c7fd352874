internal import CArchive
internal import Linux
internal import OCI

/// The store's directories: `blobs/sha256/<hex>`, `layers/<chain id hex>` and `ingest/` for what is not verified yet.
struct BlobFiles: Sendable {
    let root: String
    private var blobDirectory: String { root + "/blobs/sha256" }
    private var ingestDirectory: String { root + "/ingest" }
    var layerDirectory: String { root + "/layers" }

    /// Makes the directories, and empties `ingest/` of what a crash left; parts of blobs stay for the next pull.
    init(root: String) throws(SystemError) {
        self.root = root
        try Files.makeDirectories(root, mode: 0o700)
        for directory in [blobDirectory, layerDirectory, ingestDirectory] {
            try Files.makeDirectories(directory, mode: 0o700)
        }
        let names = try Files.listDirectory(ingestDirectory)
        for name in names where !PartFile.isPart(name, among: names) {
            try Files.removeTree(ingestDirectory + "/" + name)
        }
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

    /// Bytes of a layer's index; nil when it is not here.
    func indexSize(of chainID: Digest) -> Int64? {
        var info = stat()
        guard lstat(LayerIndexFile.path(of: layerPath(of: chainID)), &info) == 0 else { return nil }
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
