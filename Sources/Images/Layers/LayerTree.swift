internal import CArchive
internal import Linux

/// The directory a layer is unpacked into, reached only through descriptors and one component at a time.
///
/// No call here follows a symbolic link, so nothing that an archive put into the tree can lead out of it.
final class LayerTree {
    /// What stands at a name.
    enum Existing: Equatable {
        case nothing, directory, whiteout, symbolicLink, other
    }

    private let root: FileDescriptor
    /// Unpacked lower layers, nearest first: they tell the attributes of directories that an archive only implies.
    private let lower: [String]
    /// Whiteouts that became directories because an entry lies beneath them.
    private var replacedWhiteouts: [EntryPath] = []
    private var cachedPath: EntryPath?
    /// Open while ``cachedPath`` is set, closed by ``forgetDirectory()``.
    private var cachedDirectory: Int32 = -1

    init(path: String, lower: [String]) throws(SystemError) {
        root = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        self.lower = lower
    }

    deinit { forgetDirectory() }

    /// Calls `body` with a descriptor of `path`, which must be a directory; missing ones are made when `creating`.
    ///
    /// The last directory is kept open, since archives list a directory's entries in a row.
    func withDirectory<Result>(
        _ path: EntryPath, creating: Bool, _ body: (Int32) throws(ImageError) -> Result
    ) throws(ImageError) -> Result {
        if path.isRoot { return try body(root.rawValue) }
        if cachedPath != path { try walk(to: path, creating: creating) }
        return try body(cachedDirectory)
    }

    private func walk(to path: EntryPath, creating: Bool) throws(ImageError) {
        forgetDirectory()
        do {
            var current = try root.duplicate()
            var soFar = EntryPath(components: [])
            for name in path.components {
                soFar.components.append(name)
                current = try step(into: name, of: current.rawValue, path: soFar, creating: creating)
            }
            cachedDirectory = current.release()
            cachedPath = path
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    private func step(
        into name: EntryPath.Name, of parent: Int32, path: EntryPath, creating: Bool
    ) throws -> FileDescriptor {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let descriptor = openat(parent, name, flags)
        if descriptor >= 0 { return FileDescriptor(adopting: descriptor) }
        let error = Errno.last
        switch try existing(name, in: parent) {
        case .nothing where creating:
            return try makeImpliedDirectory(name, in: parent, path: path, opaque: false)
        case .whiteout where creating:
            try remove(name, in: parent)
            replacedWhiteouts.append(path)
            return try makeImpliedDirectory(name, in: parent, path: path, opaque: true)
        case .nothing: throw SystemError(call: "openat", errno: .noEntry, subject: "\(path)")
        case .symbolicLink: throw ImageError(.invalidLayer, "an entry goes through the symbolic link \"\(path)\"")
        case .whiteout, .other:
            throw ImageError(.invalidLayer, "an entry lies beneath \"\(path)\", which is no directory")
        case .directory: throw SystemError(call: "openat", errno: error, subject: "\(path)")
        }
    }

    /// The whiteouts that became directories since the last call.
    func takeReplacedWhiteouts() -> [EntryPath] {
        defer { replacedWhiteouts.removeAll() }
        return replacedWhiteouts
    }

    /// Drops the open directory; to be called before a directory above it may be replaced.
    private func forgetDirectory() {
        if cachedDirectory >= 0 { _ = close(cachedDirectory) }
        cachedDirectory = -1
        cachedPath = nil
    }

    func existing(_ name: EntryPath.Name, in parent: Int32) throws(SystemError) -> Existing {
        var info = stat()
        guard fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0 else {
            if Errno.last == .noEntry { return .nothing }
            throw SystemError(call: "fstatat", errno: .last, subject: EntryPath.text(name))
        }
        switch info.st_mode & S_IFMT {
        case S_IFDIR: return .directory
        case S_IFLNK: return .symbolicLink
        // Other device nodes are never made, so a character device is a whiteout.
        case S_IFCHR: return .whiteout
        default: return .other
        }
    }

    /// Removes what stands at a name, with everything beneath it.
    func remove(_ name: EntryPath.Name, in parent: Int32) throws(SystemError) {
        if unlinkat(parent, name, 0) == 0 { return }
        let error = Errno.last
        if error == .noEntry { return }
        guard error == .isDirectory || error == .notPermitted else {
            throw SystemError(call: "unlinkat", errno: error, subject: EntryPath.text(name))
        }
        // Callers remove inside the open directory (which stays) or in the root (where the open one may be concerned).
        if parent == root.rawValue { forgetDirectory() }
        let directory = try FileDescriptor.openDirectory(at: parent, name)
        for child in try Self.names(in: directory.rawValue) { try remove(child, in: directory.rawValue) }
        try systemCall("unlinkat", on: EntryPath.text(name)) { unlinkat(parent, name, AT_REMOVEDIR) }
    }

    /// Makes the lower entry of this name invisible: overlayfs's whiteout.
    func makeWhiteout(_ name: EntryPath.Name, in parent: Int32) throws(SystemError) {
        try systemCall("mknodat", on: EntryPath.text(name)) { mknodat(parent, name, S_IFCHR, 0) }
    }

    /// Makes all lower entries of a directory invisible.
    func makeOpaque(_ directory: Int32) throws(SystemError) {
        try systemCall("fsetxattr", on: "trusted.overlay.opaque") {
            carchive_fsetxattr(directory, "trusted.overlay.opaque", "y", 1)
        }
    }

    /// The same for the directory of a name.
    func makeOpaque(_ name: EntryPath.Name, in parent: Int32) throws(SystemError) {
        let directory = try FileDescriptor.openDirectory(at: parent, name)
        try makeOpaque(directory.rawValue)
    }

    /// Flushes everything unpacked here to the disk.
    func sync() throws(SystemError) {
        try systemCall("syncfs") { carchive_syncfs(root.rawValue) }
    }

    func rootStatus() throws(SystemError) -> stat {
        var info = stat()
        try systemCall("fstat") { fstat(root.rawValue, &info) }
        return info
    }

    /// Bytes that are free on the file system.
    func freeBytes() throws(SystemError) -> Int64 {
        var info = statvfs()
        try systemCall("fstatvfs") { fstatvfs(root.rawValue, &info) }
        return Int64(clamping: info.f_bavail) * Int64(info.f_frsize)
    }

    private func makeImpliedDirectory(
        _ name: EntryPath.Name, in parent: Int32, path: EntryPath, opaque: Bool
    ) throws(SystemError) -> FileDescriptor {
        try systemCall("mkdirat", on: "\(path)") { mkdirat(parent, name, 0o755) }
        let directory = try FileDescriptor.openDirectory(at: parent, name)
        if opaque {
            try makeOpaque(directory.rawValue)
        } else if let info = lowerDirectory(path) {
            try systemCall("fchown", on: "\(path)") { fchown(directory.rawValue, info.st_uid, info.st_gid) }
            try systemCall("fchmod", on: "\(path)") { fchmod(directory.rawValue, info.st_mode & 0o7777) }
        } else {
            try systemCall("fchmod", on: "\(path)") { fchmod(directory.rawValue, 0o755) }
        }
        return directory
    }

    /// The attributes of the directory that a lower layer has at this path; nil when there is none.
    private func lowerDirectory(_ path: EntryPath) -> stat? {
        for layer in lower {
            switch Self.look(up: path, in: layer) {
            case .found(let info): return info.st_mode & S_IFMT == S_IFDIR ? info : nil
            case .missing: continue
            }
        }
        return nil
    }

    private enum Lookup {
        case found(stat)
        case missing
    }

    private static func look(up path: EntryPath, in layer: String) -> Lookup {
        guard var current = try? FileDescriptor.open(layer, O_PATH | O_DIRECTORY | O_NOFOLLOW) else { return .missing }
        for name in path.parent.components {
            let next = openat(current.rawValue, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard next >= 0 else { return .missing }
            current = FileDescriptor(adopting: next)
        }
        var info = stat()
        guard let name = path.name, fstatat(current.rawValue, name, &info, AT_SYMLINK_NOFOLLOW) == 0 else {
            return .missing
        }
        return .found(info)
    }

    static func names(in directory: Int32) throws(SystemError) -> [EntryPath.Name] {
        let copy = try systemCall("fcntl") { wherry_fcntl_integer(directory, F_DUPFD_CLOEXEC, 3) }
        guard let stream = fdopendir(copy) else {
            _ = close(copy)
            throw SystemError(call: "fdopendir", errno: .last)
        }
        defer { closedir(stream) }
        rewinddir(stream)
        var names: [EntryPath.Name] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { buffer in
                Array(buffer.prefix { $0 != 0 }.map(CChar.init(bitPattern:))) + [0]
            }
            if name != [0x2e, 0] && name != [0x2e, 0x2e, 0] { names.append(name) }
        }
        return names
    }
}
