internal import CArchive
internal import Linux
internal import OCI

/// What unpacking found out about a layer.
struct UnpackedLayer: Sendable {
    let diffID: Digest
    /// Uncompressed bytes of the tar.
    let tarBytes: Int64
    /// Bytes of the files.
    let bytes: Int64
    let entries: Int
    /// The newest modification time of an entry, in seconds.
    let newest: Int64
    /// The file beside the directory from which the tar can be made again.
    let index: LayerIndexWriter.File
    /// False when the directory does not have all of the tar's content: only its blob has.
    let isRebuildable: Bool
}

/// Applies a layer's tar to an empty directory by the rules of the image specification (layer.md): the last entry of a
/// name wins, whiteouts become overlayfs's, and nothing outside the directory is read or written.
///
/// An index (``LayerRecord``) grows beside the directory, at ``LayerIndexFile/path(of:)``.
struct LayerWriter: ~Copyable {
    private let tree: LayerTree
    private let index: LayerIndexWriter
    private let limits: UnpackLimits
    private var entries = 0
    private var bytes: Int64 = 0
    private var written: Int64 = 0
    private var checkedAt: Int64 = 0
    private var newest: Int64 = 0
    private var directoryTimes: [(path: EntryPath, modified: timespec)] = []
    /// False once content of the archive was replaced by a later entry.
    private var hasAllContent = true

    /// - Parameters:
    ///   - path: An empty directory of ours, beside which nothing has the index's name.
    ///   - lower: The layers below, nearest first.
    init(path: String, lower: [String], limits: UnpackLimits) throws(ImageError) {
        let tree: LayerTree
        do {
            tree = try LayerTree(path: path, lower: lower)
        } catch {
            throw ImageError(error)
        }
        let index = try LayerIndexWriter(path: LayerIndexFile.path(of: path))
        self.tree = tree
        self.index = index
        self.limits = limits
    }

    /// Reads the archive to its end. Durable is nothing of it yet; see ``LayerUnpacker/commit(staging:to:)``.
    consuming func unpack(_ stream: DecompressedStream) throws(ImageError) -> UnpackedLayer {
        let reader = try TarReader(stream, recorder: TarRecorder(index))
        do {
            try checkSpace()
            while let entry = try reader.next() {
                try count(entry)
                try apply(entry, from: reader)
            }
            try restoreDirectoryTimes()
            let (diffID, tarBytes) = try reader.finish()
            let file = try index.finish(
                LayerStream(diffID: diffID, bytes: tarBytes, isRebuildable: hasAllContent))
            return UnpackedLayer(
                diffID: diffID, tarBytes: tarBytes, bytes: bytes, entries: entries, newest: newest, index: file,
                isRebuildable: hasAllContent)
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    private mutating func count(_ entry: TarEntry) throws {
        try Task.checkCancellation()
        entries += 1
        guard entries <= limits.entries else {
            throw ImageError(.limitExceeded, "it has more than \(limits.entries) entries")
        }
        guard entry.size >= 0, entry.size <= limits.bytes - bytes else {
            throw ImageError(.limitExceeded, "its files have more than \(limits.bytes) bytes")
        }
    }

    private mutating func apply(_ entry: TarEntry, from reader: TarReader) throws {
        let path = try EntryPath(entry.path, limit: limits.pathLength)
        guard let name = path.name else {
            // The root itself: only its attributes can change.
            if entry.type == S_IFDIR { try setDirectoryAttributes(entry, path) }
            return
        }
        switch try WhiteoutName(name) {
        case .ignored: return
        case .opaque:
            let tree = tree
            try tree.withDirectory(path.parent, creating: true) { parent throws(ImageError) in
                do { try tree.makeOpaque(parent) } catch { throw ImageError(wrapping: error) }
            }
            try index.append(.entry(LayerEntry(.opaque, path: path.parent)))
        case .whiteout(let hidden): try hide(hidden, in: path.parent)
        case .none:
            newest = max(newest, Int64(entry.modified.tv_sec))
            try place(entry, path, name, from: reader)
        }
        for path in tree.takeReplacedWhiteouts() {
            try index.append(.superseded(path: path.bytes, beneath: false))
            try index.append(.entry(LayerEntry(.opaque, path: path)))
        }
    }

    /// A whiteout hides lower entries only: what this layer itself has at the name stays, whatever the order.
    private func hide(_ name: EntryPath.Name, in directory: EntryPath) throws {
        let tree = tree
        let index = index
        let path = directory.appending(name)
        try tree.withDirectory(directory, creating: true) { parent throws(ImageError) in
            do {
                switch try tree.existing(name, in: parent) {
                case .nothing:
                    try tree.makeWhiteout(name, in: parent)
                    try index.append(.entry(LayerEntry(.whiteout, path: path)))
                case .directory:
                    try tree.makeOpaque(name, in: parent)
                    try index.append(.entry(LayerEntry(.opaque, path: path)))
                case .whiteout, .symbolicLink, .other: break
                }
            } catch {
                throw ImageError(wrapping: error)
            }
        }
    }

    private mutating func place(
        _ entry: TarEntry, _ path: EntryPath, _ name: EntryPath.Name, from reader: TarReader
    ) throws {
        if let target = entry.hardLink {
            try link(path, name, to: EntryPath(target, limit: limits.pathLength))
            return
        }
        switch entry.type {
        case S_IFDIR: try makeDirectory(entry, path, name)
        case S_IFREG: try makeFile(entry, path, name, from: reader)
        case S_IFLNK: try makeSymbolicLink(entry, path, name)
        case S_IFIFO: try makeFIFO(entry, path, name)
        case S_IFCHR, S_IFBLK:
            guard limits.devices == .skip else {
                throw ImageError(.invalidLayer, "device node \"\(path)\" is not allowed in an image")
            }
        default: throw ImageError(.invalidLayer, "entry \"\(path)\" is of an unknown type")
        }
    }

    // MARK: Kinds of entries

    private mutating func makeDirectory(_ entry: TarEntry, _ path: EntryPath, _ name: EntryPath.Name) throws {
        let tree = tree
        let replaced = try tree.withDirectory(path.parent, creating: true) { parent throws(ImageError) in
            do {
                let existing = try tree.existing(name, in: parent)
                if existing == .directory { return existing }
                if existing != .nothing { try tree.remove(name, in: parent) }
                try systemCall("mkdirat", on: "\(path)") { mkdirat(parent, name, 0o700) }
                // In place of something else it must not show what lower layers have beneath this name.
                if existing != .nothing {
                    try tree.makeOpaque(name, in: parent)
                }
                return existing
            } catch {
                throw ImageError(wrapping: error)
            }
        }
        try noteReplaced(replaced, path, beneath: replaced != .directory)
        try setDirectoryAttributes(entry, path)
        if replaced != .nothing, replaced != .directory { try index.append(.entry(LayerEntry(.opaque, path: path))) }
    }

    private mutating func setDirectoryAttributes(_ entry: TarEntry, _ path: EntryPath) throws {
        let owner = try Owner(entry)
        let limit = limits.extendedAttributes
        var record = LayerEntry(.directory, path: path)
        try tree.withDirectory(path, creating: true) { directory throws(ImageError) in
            record.attributes = try Self.setAttributes(of: directory, entry, owner, path, limit: limit)
            try Self.observe(directory, into: &record)
        }
        // The directory gets its time at the end; the entries to come would change it.
        record.seconds = Int64(entry.modified.tv_sec)
        record.nanoseconds = Int64(entry.modified.tv_nsec)
        try index.append(.entry(record))
        directoryTimes.append((path, entry.modified))
    }

    private mutating func makeFile(
        _ entry: TarEntry, _ path: EntryPath, _ name: EntryPath.Name, from reader: TarReader
    ) throws {
        let owner = try Owner(entry)
        let tree = tree
        try clear(path, name)
        let descriptor = try tree.withDirectory(path.parent, creating: true) { parent throws(ImageError) in
            do {
                return try systemCall("openat", on: "\(path)") {
                    openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
                }
            } catch {
                throw ImageError(wrapping: error)
            }
        }
        let file = FileDescriptor(adopting: descriptor)
        var record = LayerEntry(.file, path: path)
        try writeContent(of: entry, to: file.rawValue, path, from: reader, record: &record)
        record.attributes = try Self.setAttributes(
            of: file.rawValue, entry, owner, path, limit: limits.extendedAttributes)
        var times = [entry.modified, entry.modified]
        try systemCall("futimens", on: "\(path)") { futimens(file.rawValue, &times) }
        try Self.observe(file.rawValue, into: &record)
        try index.append(.entry(record))
    }

    private mutating func writeContent(
        of entry: TarEntry, to file: Int32, _ path: EntryPath, from reader: TarReader, record: inout LayerEntry
    ) throws {
        var end: Int64 = 0
        var hasher = ContentHasher()
        while let block = try reader.nextBlock() {
            guard block.offset >= end else { throw ImageError(.invalidLayer, "file \"\(path)\" has overlapping parts") }
            hasher.update(block.bytes)
            record.extend(from: block.offset, by: Int64(block.bytes.count))
            var done = 0
            while done < block.bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: block.bytes[done...])
                done += try systemCall("pwrite", on: "\(path)") {
                    pwrite(file, rest.baseAddress, rest.count, off_t(block.offset) + off_t(done))
                }
            }
            end = block.offset + Int64(block.bytes.count)
            written += Int64(block.bytes.count)
            if written - checkedAt >= 16 << 20 { try checkSpace() }
        }
        guard end <= max(entry.size, 0) || entry.size == 0 else {
            throw ImageError(.invalidLayer, "file \"\(path)\" is longer than its header says")
        }
        let size = max(end, entry.size)
        if size > end { try systemCall("ftruncate", on: "\(path)") { ftruncate(file, off_t(size)) } }
        bytes += size
        record.size = size
        record.digest = hasher.finishBytes()
    }

    private mutating func makeSymbolicLink(_ entry: TarEntry, _ path: EntryPath, _ name: EntryPath.Name) throws {
        let owner = try Owner(entry)
        let target = entry.symbolicLink
        guard !target.isEmpty, target.count <= limits.pathLength else {
            throw ImageError(.invalidLayer, "symbolic link \"\(path)\" has an empty or overlong target")
        }
        let text = target.map(CChar.init(bitPattern:)) + [0]
        var times = [entry.modified, entry.modified]
        var record = LayerEntry(.symbolicLink, path: path)
        record.target = target
        try inParent(of: path, replacing: name) { parent throws(SystemError) in
            try systemCall("symlinkat", on: "\(path)") { symlinkat(text, parent, name) }
            try systemCall("fchownat", on: "\(path)") {
                fchownat(parent, name, owner.user, owner.group, AT_SYMLINK_NOFOLLOW)
            }
            try systemCall("utimensat", on: "\(path)") { utimensat(parent, name, &times, AT_SYMLINK_NOFOLLOW) }
            try Self.observe(name, in: parent, into: &record)
        }
        try index.append(.entry(record))
    }

    private mutating func makeFIFO(_ entry: TarEntry, _ path: EntryPath, _ name: EntryPath.Name) throws {
        let owner = try Owner(entry)
        let mode = entry.permissions
        var times = [entry.modified, entry.modified]
        var record = LayerEntry(.fifo, path: path)
        try inParent(of: path, replacing: name) { parent throws(SystemError) in
            try systemCall("mkfifoat", on: "\(path)") { mkfifoat(parent, name, 0o600) }
            try systemCall("fchownat", on: "\(path)") {
                fchownat(parent, name, owner.user, owner.group, AT_SYMLINK_NOFOLLOW)
            }
            // It was made just now by us, so it is no link that fchmodat could follow.
            try systemCall("fchmodat", on: "\(path)") { fchmodat(parent, name, mode, 0) }
            try systemCall("utimensat", on: "\(path)") { utimensat(parent, name, &times, AT_SYMLINK_NOFOLLOW) }
            try Self.observe(name, in: parent, into: &record)
        }
        try index.append(.entry(record))
    }

    private mutating func link(_ path: EntryPath, _ name: EntryPath.Name, to target: EntryPath) throws {
        if target == path { return }
        guard let targetName = target.name else {
            throw ImageError(.invalidLayer, "hard link \"\(path)\" points at the root")
        }
        let tree = tree
        let targetDirectory: FileDescriptor
        do {
            targetDirectory = FileDescriptor(
                adopting: try tree.withDirectory(target.parent, creating: false) { parent throws(ImageError) in
                    do {
                        switch try tree.existing(targetName, in: parent) {
                        case .other, .symbolicLink: break
                        case .directory:
                            throw ImageError(.invalidLayer, "hard link \"\(path)\" points at directory \"\(target)\"")
                        case .nothing, .whiteout: throw Self.missingTarget(path, target)
                        }
                        return try systemCall("fcntl") { wherry_fcntl_integer(parent, F_DUPFD_CLOEXEC, 3) }
                    } catch {
                        throw ImageError(wrapping: error)
                    }
                })
        } catch {
            throw error.code == .input ? Self.missingTarget(path, target) : error
        }
        // Without AT_SYMLINK_FOLLOW a link to a symbolic link is just that.
        let source = targetDirectory.rawValue
        try inParent(of: path, replacing: name) { parent throws(SystemError) in
            try systemCall("linkat", on: "\(path)") { linkat(source, targetName, parent, name, 0) }
        }
        var record = LayerEntry(.hardLink, path: path)
        record.target = target.bytes
        try index.append(.entry(record))
    }

    private static func missingTarget(_ path: EntryPath, _ target: EntryPath) -> ImageError {
        ImageError(.invalidLayer, "hard link \"\(path)\" points at \"\(target)\", which this layer does not have")
    }

    private mutating func inParent(
        of path: EntryPath, replacing name: EntryPath.Name, _ body: (Int32) throws(SystemError) -> Void
    ) throws {
        try clear(path, name)
        try tree.withDirectory(path.parent, creating: true) { parent throws(ImageError) in
            do { try body(parent) } catch { throw ImageError(wrapping: error) }
        }
    }

    /// Removes what an earlier entry put at this path.
    private mutating func clear(_ path: EntryPath, _ name: EntryPath.Name) throws {
        let tree = tree
        let existing = try tree.withDirectory(path.parent, creating: true) { parent throws(ImageError) in
            do {
                let existing = try tree.existing(name, in: parent)
                if existing != .nothing { try tree.remove(name, in: parent) }
                return existing
            } catch {
                throw ImageError(wrapping: error)
            }
        }
        try noteReplaced(existing, path, beneath: true)
    }

    /// Keeps the index true: what it said of a replaced entry holds no longer, and content that went is in the blob only.
    private mutating func noteReplaced(_ existing: LayerTree.Existing, _ path: EntryPath, beneath: Bool) throws {
        guard existing != .nothing else { return }
        if beneath, existing == .other || existing == .directory { hasAllContent = false }
        try index.append(.superseded(path: path.bytes, beneath: beneath))
    }

    // MARK: Attributes

    private struct Owner {
        let user: uid_t
        let group: gid_t

        init(_ entry: TarEntry) throws(ImageError) {
            // The highest number means "leave it" to the kernel, which would make the file root's.
            guard entry.user != uid_t.max, entry.group != gid_t.max else {
                throw ImageError(.invalidLayer, "an entry has an owner that is no user id")
            }
            user = entry.user
            group = entry.group
        }
    }

    /// What the file system made of an entry, which may keep less of its time than the archive says.
    private static func observe(_ descriptor: Int32, into record: inout LayerEntry) throws(ImageError) {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { throw ImageError(SystemError(call: "fstat", errno: .last)) }
        record.take(info)
    }

    private static func observe(
        _ name: EntryPath.Name, in parent: Int32, into record: inout LayerEntry
    ) throws(SystemError) {
        var info = stat()
        try systemCall("fstatat") { fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) }
        record.take(info)
    }

    /// Owner first, since changing it clears setuid bits and capabilities. Gives the extended attributes that were set.
    private static func setAttributes(
        of descriptor: Int32, _ entry: TarEntry, _ owner: Owner, _ path: EntryPath, limit: Int
    ) throws(ImageError) -> [LayerEntry.Attribute] {
        do {
            try systemCall("fchown", on: "\(path)") { fchown(descriptor, owner.user, owner.group) }
            try systemCall("fchmod", on: "\(path)") { fchmod(descriptor, entry.permissions) }
        } catch {
            throw ImageError(wrapping: error)
        }
        var attributes: [LayerEntry.Attribute] = []
        var count = 0
        try entry.forEachExtendedAttribute { name, value throws(ImageError) in
            guard isAllowed(attribute: name) else { return }
            count += 1
            guard count <= limit, value.count <= 64 << 10 else {
                throw ImageError(.limitExceeded, "\"\(path)\" has too many or too large extended attributes")
            }
            guard carchive_fsetxattr(descriptor, name, value.baseAddress, value.count) != 0 else {
                attributes.append(.init(name: name, value: Array(value)))
                return
            }
            // A file system without user attributes does not make an image unusable.
            if name.hasPrefix("user."), Errno.last == .notSupported || Errno.last == .notPermitted { return }
            throw ImageError(SystemError(call: "fsetxattr \(name)", errno: .last, subject: "\(path)"))
        }
        return attributes
    }

    /// `trusted.*` steers overlayfs and `security.*` the kernel's modules: of those only file capabilities may come in.
    static func isAllowed(attribute name: String) -> Bool {
        name == "security.capability" || (name.hasPrefix("user.") && !name.hasPrefix("user.overlay."))
    }

    /// Directories get their times last, because every entry made inside changes them.
    private func restoreDirectoryTimes() throws {
        for (path, modified) in directoryTimes {
            var times = [modified, modified]
            do {
                try tree.withDirectory(path, creating: false) { directory throws(ImageError) in
                    guard futimens(directory, &times) != 0 else { return }
                    throw ImageError(SystemError(call: "futimens", errno: .last, subject: "\(path)"))
                }
            } catch {
                // A later entry may have replaced the directory by something else.
                guard error.code == .invalidLayer || error.code == .input else { throw error }
            }
        }
    }

    private mutating func checkSpace() throws {
        checkedAt = written
        guard try tree.freeBytes() > limits.reservedBytes else {
            throw ImageError(
                .diskFull,
                "less than \(limits.reservedBytes >> 20) MiB are free on the disk of the data directory; "
                    + "free space or remove unused images")
        }
    }
}
