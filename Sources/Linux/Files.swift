import CLinux

/// Whole files and directories, durable where asked.
public enum Files {
    /// The file's content. A file longer than `limit` fails with EFBIG.
    public static func read(_ path: String, limit: Int = 16 << 20) throws(SystemError) -> [UInt8] {
        let file = try FileDescriptor.open(path, O_RDONLY)
        do {
            return try readToEnd(file.rawValue, limit: limit)
        } catch {
            throw SystemError(call: error.call, errno: error.errno, subject: path)
        }
    }

    /// Reads an open descriptor to its end; more than `limit` bytes fail with EFBIG.
    public static func readToEnd(_ descriptor: Int32, limit: Int) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = try systemCall("read") { Linux.readBytes(descriptor, &chunk) }
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else { throw SystemError(call: "read", errno: .tooBig) }
            bytes.append(contentsOf: chunk[..<count])
        }
    }

    /// Writes all bytes to an open descriptor.
    public static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) throws(SystemError) {
        var offset = 0
        while offset < bytes.count {
            offset += try systemCall("write") {
                bytes.withUnsafeBytes { Linux.writeBytes(descriptor, UnsafeRawBufferPointer(rebasing: $0[offset...])) }
            }
        }
    }

    /// Replaces a file as a whole: temporary file, fsync, rename, fsync of the directory.
    ///
    /// Without `durable` the replacement is atomic for readers but may be lost with power. After an error the old file stands.
    public static func writeAtomically(
        _ bytes: [UInt8], to path: String, mode: mode_t = 0o600, durable: Bool = true
    ) throws(SystemError) {
        let (directory, name) = split(path)
        let temporary = "\(directory)/.\(name).\(getpid()).\(temporarySuffix())"
        let file = try FileDescriptor.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
        do {
            try systemCall("fchmod", on: temporary) { fchmod(file.rawValue, mode) }
            try writeAll(file.rawValue, bytes)
            if durable { try systemCall("fsync", on: temporary) { fsync(file.rawValue) } }
            try systemCall("rename", on: path) { rename(temporary, path) }
        } catch {
            unlink(temporary)
            throw SystemError(call: error.call, errno: error.errno, subject: path)
        }
        if durable { try syncDirectory(directory) }
    }

    /// Creates a directory and its missing parents; an existing one keeps its mode.
    public static func makeDirectories(_ path: String, mode: mode_t = 0o755) throws(SystemError) {
        if mkdir(path, mode) == 0 { return }
        let error = Errno.last
        if error == .exists, isDirectory(path) { return }
        guard error == .noEntry else { throw SystemError(call: "mkdir", errno: error, subject: path) }
        let parent = split(path).directory
        guard parent != path else { throw SystemError(call: "mkdir", errno: error, subject: path) }
        try makeDirectories(parent, mode: mode)
        if mkdir(path, mode) != 0, Errno.last != .exists {
            throw SystemError(call: "mkdir", errno: .last, subject: path)
        }
    }

    /// True when something, even a dangling link, has this path.
    public static func exists(_ path: String) -> Bool {
        var info = stat()
        return lstat(path, &info) == 0
    }

    /// True when the path is a directory or a link to one.
    public static func isDirectory(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether something is mounted on a directory.
    public static func isMountPoint(_ path: String) -> Bool {
        wherry_mount_id(AT_FDCWD, path, 0) != wherry_mount_id(AT_FDCWD, path + "/..", 0)
    }

    /// The names in a directory, sorted, without `.` and `..`.
    public static func listDirectory(_ path: String) throws(SystemError) -> [String] {
        let directory: FileDescriptor
        do {
            // The first look into a changed directory would else write its inode: flash is for what matters.
            directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOATIME)
        } catch {
            // Only the owner may ask for it.
            guard error.errno == .notPermitted else { throw error }
            directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
        }
        return try entries(of: directory.rawValue).map(\.name).sorted()
    }

    /// Makes the names in a directory durable.
    public static func syncDirectory(_ path: String) throws(SystemError) {
        let directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
        try systemCall("fsync", on: path) { fsync(directory.rawValue) }
    }

    /// Removes a file; true when it was there.
    @discardableResult
    public static func remove(_ path: String) throws(SystemError) -> Bool {
        if unlink(path) == 0 { return true }
        if Errno.last == .noEntry { return false }
        throw SystemError(call: "unlink", errno: .last, subject: path)
    }

    /// The directory a path lies in, `.` when it has none.
    public static func directory(of path: String) -> String { split(path).directory }

    /// A path's directory (`.` when it has none) and last component.
    static func split(_ path: String) -> (directory: String, name: String) {
        var bytes = Array(path.utf8)
        while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
        let directory = slash == 0 ? "/" : String(decoding: bytes[..<slash], as: UTF8.self)
        return (directory, String(decoding: bytes[(slash + 1)...], as: UTF8.self))
    }

    private static func temporarySuffix() -> String {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return String(UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec), radix: 36)
            + String(UInt32.random(in: 0...UInt32.max), radix: 36)
    }
}

func readBytes(_ descriptor: Int32, _ buffer: inout [UInt8]) -> Int {
    buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
}

func writeBytes(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer) -> Int {
    write(descriptor, buffer.baseAddress, buffer.count)
}
