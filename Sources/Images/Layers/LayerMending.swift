internal import CArchive
internal import Linux

/// Puts damaged entries of a layer right, each by renaming a good one over it.
///
/// Nothing is written through a file that is there: other layers may have links to the same inode, and containers may
/// have it open. The directory itself stays, because overlays are mounted on it.
final class LayerMending {
    private let tree: LayerTree
    private let workshop: FileDescriptor
    private let name = Array("mend".utf8CString)

    /// - Parameters:
    ///   - layer: The layer's directory, made when it is missing.
    ///   - workshop: A directory of ours on the same file system.
    init(layer: String, workshop: String) throws {
        if !Files.exists(layer) { try Files.makeDirectories(layer, mode: 0o755) }
        try Files.makeDirectories(workshop, mode: 0o700)
        tree = try LayerTree(path: layer, lower: [])
        self.workshop = try FileDescriptor.open(workshop, O_RDONLY | O_DIRECTORY)
    }

    /// Mends one entry.
    /// - Parameter content: Opens a file that has a regular file's content; it is verified here. Nil when there is none.
    /// - Returns: False when the content is nowhere to be had.
    func mend(_ entry: LayerEntry, content: (LayerEntry) throws -> Int32?) throws -> Bool {
        let path = try EntryPath(entry.path, limit: 4096)
        guard let target = path.name else {
            try tree.withDirectory(path, creating: false) { root throws(ImageError) in
                try Self.setAttributes(of: root, entry)
            }
            return true
        }
        if entry.kind == .directory || entry.kind == .opaque {
            try mendDirectory(entry, path, target)
            return true
        }
        _ = unlinkat(workshop.rawValue, name, 0)
        if entry.kind == .file {
            guard let source = try content(entry) else { return false }
            defer { _ = close(source) }
            guard try copy(source, entry) else { return false }
            if entry.size >= FileVerity.smallestFile { try FileVerity.protect(name, in: workshop.rawValue) }
        } else {
            try make(entry)
        }
        let (tree, workshop, temporary) = (tree, workshop.rawValue, name)
        try tree.withDirectory(path.parent, creating: true) { parent throws(ImageError) in
            do {
                if try tree.existing(target, in: parent) == .directory { try tree.remove(target, in: parent) }
                try Self.keepingTimes(of: parent) { () throws(SystemError) in
                    try systemCall("renameat", on: "\(path)") { renameat(workshop, temporary, parent, target) }
                }
            } catch {
                throw ImageError(wrapping: error)
            }
        }
        return true
    }

    private func mendDirectory(_ entry: LayerEntry, _ path: EntryPath, _ name: EntryPath.Name) throws {
        let tree = tree
        try tree.withDirectory(path.parent, creating: true) { parent throws(ImageError) in
            do {
                let existing = try tree.existing(name, in: parent)
                if existing != .directory {
                    try Self.keepingTimes(of: parent) { () throws(SystemError) in
                        if existing != .nothing { try tree.remove(name, in: parent) }
                        try systemCall("mkdirat", on: "\(path)") { mkdirat(parent, name, 0o755) }
                    }
                }
                if entry.kind == .opaque { try tree.makeOpaque(name, in: parent) }
            } catch {
                throw ImageError(wrapping: error)
            }
        }
        guard entry.kind == .directory else { return }
        try tree.withDirectory(path, creating: false) { directory throws(ImageError) in
            try Self.setAttributes(of: directory, entry)
        }
    }

    /// Copies the entry's content with its holes; false when it is not what the index says.
    private func copy(_ source: Int32, _ entry: LayerEntry) throws -> Bool {
        let file = try FileDescriptor.open(
            at: workshop.rawValue, "mend", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        var hasher = ContentHasher()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        for extent in entry.extents {
            var done: Int64 = 0
            while done < extent.length {
                let offset = off_t(extent.offset + done)
                let wanted = min(buffer.count, Int(extent.length - done))
                let count = try systemCall("pread") { pread(source, buffer.baseAddress, wanted, offset) }
                guard count > 0 else { return false }
                let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                hasher.update(bytes)
                var written = 0
                while written < count {
                    written += try systemCall("pwrite") {
                        pwrite(
                            file.rawValue, bytes.baseAddress?.advanced(by: written), count - written, offset + written)
                    }
                }
                done += Int64(count)
            }
        }
        guard hasher.finishBytes() == entry.digest else { return false }
        try systemCall("ftruncate") { ftruncate(file.rawValue, off_t(entry.size)) }
        try Self.setAttributes(of: file.rawValue, entry)
        try systemCall("fsync") { fsync(file.rawValue) }
        return true
    }

    /// Makes what needs no content but what the index says.
    private func make(_ entry: LayerEntry) throws {
        let (directory, name) = (workshop.rawValue, name)
        switch entry.kind {
        case .whiteout: try systemCall("mknodat") { mknodat(directory, name, S_IFCHR, 0) }
        case .fifo: try systemCall("mkfifoat") { mkfifoat(directory, name, 0o600) }
        case .symbolicLink:
            let text = entry.target.map(CChar.init(bitPattern:)) + [0]
            try systemCall("symlinkat") { symlinkat(text, directory, name) }
        case .hardLink:
            let target = try EntryPath(entry.target, limit: 4096)
            guard let targetName = target.name else { throw ImageError(.damaged, "a hard link points at the root") }
            try tree.withDirectory(target.parent, creating: false) { parent throws(ImageError) in
                do {
                    try systemCall("linkat") { linkat(parent, targetName, directory, name, 0) }
                } catch {
                    throw ImageError(wrapping: error)
                }
            }
            return
        case .file, .directory, .opaque: return
        }
        guard entry.kind != .whiteout else { return }
        try systemCall("fchownat") { fchownat(directory, name, entry.user, entry.group, AT_SYMLINK_NOFOLLOW) }
        if entry.kind == .fifo { try systemCall("fchmodat") { fchmodat(directory, name, entry.permissions, 0) } }
        var times = [entry.modified, entry.modified]
        try systemCall("utimensat") { utimensat(directory, name, &times, AT_SYMLINK_NOFOLLOW) }
    }

    private static func setAttributes(of descriptor: Int32, _ entry: LayerEntry) throws(ImageError) {
        do {
            try systemCall("fchown") { fchown(descriptor, entry.user, entry.group) }
            try systemCall("fchmod") { fchmod(descriptor, mode_t(entry.permissions)) }
            for attribute in entry.attributes {
                try systemCall("fsetxattr") {
                    carchive_fsetxattr(descriptor, attribute.name, attribute.value, attribute.value.count)
                }
            }
            var times = [entry.modified, entry.modified]
            try systemCall("futimens") { futimens(descriptor, &times) }
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    private static func keepingTimes(
        of directory: Int32, _ body: () throws(SystemError) -> Void
    ) throws(SystemError) {
        var info = stat()
        try systemCall("fstat") { fstat(directory, &info) }
        try body()
        let times = [info.st_atim, info.st_mtim]
        try systemCall("futimens") { futimens(directory, times) }
    }
}

extension LayerEntry {
    var modified: timespec { timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds)) }
}
