internal import CArchive
internal import Linux
internal import OCI

/// What sharing files with other layers brought.
struct SharedFiles: Sendable, Equatable {
    var files = 0
    var bytes: Int64 = 0
    /// Layers one of whose files is not what its index says: its content differs from a good copy of the same digest.
    var rotten: [Digest: String] = [:]
}

/// Finds files of equal content and attributes in other layers, so that all of them are links of one inode.
///
/// It is made from the layers' indexes when layers come in, and is nothing that is stored: no entry of it can be stale or
/// need collecting (ADR 17). Lower layers of an overlay are never written, so that sharing an inode changes nothing for
/// a container.
struct FilePool {
    /// A layer in its place.
    struct Layer: Sendable {
        let chainID: Digest
        let directory: String
    }

    private struct Location {
        let layer: Int
        let path: [UInt8]
    }

    /// Smaller files take more in names than they save in blocks.
    static let smallestFile: Int64 = 4096
    /// Bounds memory to some tens of megabytes on the largest of stores; files beyond are not shared.
    private static let limit = 200_000
    /// ext4 allows 65,000 links.
    private static let linkLimit = 60_000

    private var layers: [Layer] = []
    private var known: Set<Digest> = []
    /// By a hash of digest and attributes: what really fits is compared byte by byte.
    private var files: [UInt64: Location] = [:]

    /// Reads the indexes of layers not read before; one that cannot be read shares nothing.
    mutating func load(_ candidates: [Layer]) {
        for layer in candidates where known.insert(layer.chainID).inserted {
            layers.append(layer)
            guard let reader = try? LayerIndexReader(path: LayerIndexFile.path(of: layer.directory)) else { continue }
            while files.count < Self.limit, let record = try? reader.next() {
                guard case .entry(let entry) = record, let key = Self.key(of: entry) else { continue }
                files[key] = files[key] ?? Location(layer: layers.count - 1, path: entry.path)
            }
        }
    }

    /// Replaces files of a layer that is not in use yet.
    func share(_ staging: String) -> SharedFiles {
        var shared = SharedFiles()
        guard !files.isEmpty, let reader = try? LayerIndexReader(path: LayerIndexFile.path(of: staging)),
            let tree = try? LayerTree(path: staging, lower: [])
        else { return shared }
        var others: [Int: LayerTree] = [:]
        // Two files of this layer must not become one: its author did not link them.
        var used: Set<UInt64> = []
        while let record = try? reader.next() {
            guard case .entry(let entry) = record, let key = Self.key(of: entry), let location = files[key],
                !used.contains(key)
            else {
                continue
            }
            let other = others[location.layer] ?? (try? LayerTree(path: layers[location.layer].directory, lower: []))
            guard let other else { continue }
            others[location.layer] = other
            switch Self.replace(entry, in: tree, by: location.path, of: other) {
            case .done:
                used.insert(key)
                shared.files += 1
                shared.bytes += entry.size
            case .differs: shared.rotten[layers[location.layer].chainID] = EntryPath.text(location.path)
            case .unfit: continue
            }
        }
        return shared
    }

    private enum Result { case done, unfit, differs }

    private static func replace(
        _ entry: LayerEntry, in tree: LayerTree, by path: [UInt8], of other: LayerTree
    ) -> Result {
        do {
            let here = try EntryPath(entry.path, limit: 4096)
            let there = try EntryPath(path, limit: 4096)
            guard let name = here.name, let otherName = there.name else { return .unfit }
            return try tree.withDirectory(here.parent, creating: false) { directory throws(ImageError) in
                try other.withDirectory(there.parent, creating: false) { otherDirectory throws(ImageError) in
                    do {
                        return try replace(entry, directory, name, otherDirectory, otherName)
                    } catch {
                        throw ImageError(wrapping: error)
                    }
                }
            }
        } catch {
            return .unfit
        }
    }

    private static func replace(
        _ entry: LayerEntry, _ directory: Int32, _ name: EntryPath.Name, _ other: Int32, _ otherName: EntryPath.Name
    ) throws(SystemError) -> Result {
        let mine = try FileDescriptor.open(at: directory, name)
        let theirs = try FileDescriptor.open(at: other, otherName)
        var mineInfo = stat()
        var theirInfo = stat()
        try systemCall("fstat") { fstat(mine.rawValue, &mineInfo) }
        try systemCall("fstat") { fstat(theirs.rawValue, &theirInfo) }
        // A file with links within its own layer stays: they would part.
        guard mineInfo.st_nlink == 1, theirInfo.st_ino != mineInfo.st_ino, theirInfo.st_dev == mineInfo.st_dev,
            Int(theirInfo.st_nlink) < linkLimit, entry.fits(mineInfo), entry.fits(theirInfo)
        else { return .unfit }
        guard try haveEqualContent(mine.rawValue, theirs.rawValue) else { return .differs }
        var times = stat()
        try systemCall("fstat") { fstat(directory, &times) }
        let temporary = Array(".wherry-link".utf8CString)
        unlinkat(directory, temporary, 0)
        try systemCall("linkat") { linkat(other, otherName, directory, temporary, 0) }
        try systemCall("renameat") { renameat(directory, temporary, directory, name) }
        let restored = [times.st_atim, times.st_mtim]
        try systemCall("futimens") { futimens(directory, restored) }
        return .done
    }

    private static func haveEqualContent(_ left: Int32, _ right: Int32) throws(SystemError) -> Bool {
        let size = 128 << 10
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: 2 * size, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try systemCall("read") { read(left, buffer, size) }
            var filled = 0
            while filled < max(count, 1) {
                let more = try systemCall("read") { read(right, buffer + size + filled, max(count, 1) - filled) }
                if more == 0 { break }
                filled += more
            }
            guard filled == count, memcmp(buffer, buffer + size, count) == 0 else { return false }
            if count == 0 { return true }
        }
    }

    /// Nil for what is not shared: small and sparse files.
    private static func key(of entry: LayerEntry) -> UInt64? {
        guard entry.kind == .file, entry.size >= smallestFile, entry.isWhole, entry.digest.count == 32 else {
            return nil
        }
        // FNV-1a, the same in every run; a collision costs one comparison.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ value: UInt64) { hash = (hash ^ value) &* 0x100_0000_01b3 }
        for byte in entry.digest { mix(UInt64(byte)) }
        for value in [UInt64(entry.permissions), UInt64(entry.user), UInt64(entry.group)] { mix(value) }
        mix(UInt64(bitPattern: entry.seconds))
        mix(UInt64(bitPattern: entry.nanoseconds))
        for attribute in entry.attributes {
            for byte in attribute.name.utf8 { mix(UInt64(byte)) }
            for byte in attribute.value { mix(UInt64(byte)) }
        }
        return hash
    }
}

extension LayerEntry {
    /// Whether size, owner, mode and time are those of this entry.
    func fits(_ info: stat) -> Bool {
        Int64(info.st_size) == size && UInt32(info.st_mode & 0o7777) == permissions && info.st_uid == user
            && info.st_gid == group && Int64(info.st_mtim.tv_sec) == seconds
            && Int64(info.st_mtim.tv_nsec) == nanoseconds
    }
}

extension FileDescriptor {
    /// Opens a file by one name for reading; a symbolic link is refused, a FIFO does not block.
    static func open(at directory: Int32, _ name: EntryPath.Name) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            adopting: try systemCall("openat", on: EntryPath.text(name)) {
                openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOATIME)
            })
    }
}
