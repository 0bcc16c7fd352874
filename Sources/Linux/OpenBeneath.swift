/// Opens paths as a process whose root directory is `root` would: `..` and absolute links never lead out of it.
public enum OpenBeneath {
    /// Further restrictions on the resolution.
    public struct Restrictions: OptionSet, Sendable {
        public let rawValue: UInt64
        public init(rawValue: UInt64) { self.rawValue = rawValue }
        /// No mount point may be crossed.
        public static let sameMount = Restrictions(rawValue: 0x01)
        /// No link at all may be part of the path.
        public static let noSymbolicLinks = Restrictions(rawValue: 0x04)
    }

    private static let resolveInRoot: UInt64 = 0x10
    private static let resolveNoMagicLinks: UInt64 = 0x02

    /// Opens `path` beneath `root`; O_CLOEXEC is always set.
    ///
    /// Source: openat2(2), RESOLVE_IN_ROOT. EAGAIN, the kernel's answer to a concurrent rename, is retried. On kernels
    /// without openat2 (before 5.6, or filtered) the path is walked component by component on O_PATH descriptors.
    public static func open(
        root: Int32, path: String, flags: Int32, mode: mode_t = 0, restrictions: Restrictions = []
    ) throws(SystemError) -> FileDescriptor {
        let resolve = resolveInRoot | resolveNoMagicLinks | restrictions.rawValue
        var failure = SystemError(call: "openat2", errno: .again, subject: path)
        for _ in 0..<256 {
            do {
                return FileDescriptor(
                    adopting: try systemCall("openat2", on: path) {
                        wherry_openat2(
                            root, path.isEmpty ? "." : path, UInt64(UInt32(bitPattern: flags | O_CLOEXEC)),
                            UInt64(flags & O_CREAT != 0 ? mode : 0), resolve)
                    })
            } catch {
                failure = error
                if error.errno == .notImplemented {
                    return try walk(root: root, path: path, flags: flags, mode: mode, restrictions: restrictions)
                }
                if error.errno != .again { throw error }
            }
        }
        throw failure
    }

    public static func open(
        root: borrowing FileDescriptor, path: String, flags: Int32, mode: mode_t = 0, restrictions: Restrictions = []
    ) throws(SystemError) -> FileDescriptor {
        try open(root: root.rawValue, path: path, flags: flags, mode: mode, restrictions: restrictions)
    }

    /// Makes sure that a directory exists beneath the root, with its parents, and opens it with O_PATH.
    ///
    /// A link whose target is missing is followed as the container would follow it, and the target is made.
    public static func makeDirectories(
        root: Int32, path: String, mode: mode_t = 0o755
    ) throws(SystemError) -> FileDescriptor {
        try makeDirectories(root: root, path: path, mode: mode, links: 0)
    }

    private static func makeDirectories(
        root: Int32, path: String, mode: mode_t, links: Int
    ) throws(SystemError) -> FileDescriptor {
        var current = try open(root: root, path: ".", flags: O_PATH | O_DIRECTORY)
        var parent = "/"
        for component in path.split(separator: "/") where component != "." {
            let prefix = "\(parent)/\(component)"
            let next: FileDescriptor
            do {
                next = try open(root: root, path: prefix, flags: O_PATH | O_DIRECTORY)
            } catch  where error.errno == .noEntry {
                let name = String(component)
                if let target = try linkTarget(at: current.rawValue, name) {
                    guard links < 40 else { throw SystemError(call: "openat", errno: .loop, subject: path) }
                    let isAbsolute = target.utf8.first == UInt8(ascii: "/")
                    next = try makeDirectories(
                        root: root, path: isAbsolute ? target : "\(parent)/\(target)", mode: mode, links: links + 1)
                } else {
                    next = try makeDirectory(at: current.rawValue, name, path: prefix, mode: mode)
                }
            }
            current = next
            parent = prefix
        }
        return current
    }

    private static func linkTarget(at parent: Int32, _ name: String) throws(SystemError) -> String? {
        guard let entry = try? FileDescriptor.open(at: parent, name, O_PATH | O_NOFOLLOW) else { return nil }
        return try linkTarget(entry.rawValue, path: name)
    }

    private static func makeDirectory(
        at parent: Int32, _ name: String, path: String, mode: mode_t
    ) throws(SystemError) -> FileDescriptor {
        if mkdirat(parent, name, mode) != 0, Errno.last != .exists {
            throw SystemError(call: "mkdirat", errno: .last, subject: path)
        }
        return try FileDescriptor.open(at: parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW)
    }

    /// Makes sure that a file exists beneath the root (an empty one is created, with its parents), and opens it with O_PATH.
    public static func makeFile(root: Int32, path: String, mode: mode_t = 0o644) throws(SystemError) -> FileDescriptor {
        do {
            return try open(root: root, path: path, flags: O_PATH)
        } catch  where error.errno == .noEntry {
            let (directory, name) = Files.split(path)
            let parent = try makeDirectories(root: root, path: directory)
            let file = FileDescriptor(
                adopting: try systemCall("openat", on: path) {
                    openat(parent.rawValue, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode)
                })
            file.close()
            return try FileDescriptor.open(at: parent.rawValue, name, O_PATH | O_NOFOLLOW)
        }
    }
}
