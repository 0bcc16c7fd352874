internal import CArchive
internal import Linux
internal import OCI

/// That all content of a layer was read and found right, and what the file system said of its files then.
///
/// Kept in memory only: nothing is written for it, and after a restart of the agent what runs is read once more.
struct LayerSeal: Sendable {
    let stamp: UInt64
    let time: MonotonicInstant

    /// Whether nothing was written since, and not too much time went by.
    func holds(for stamp: UInt64, _ period: Duration) -> Bool {
        self.stamp == stamp && time.duration(to: .now()) < period
    }
}

extension LayerTree {
    /// A number that is another one when anything in a tree was written, made or removed, by whatever way leads through the
    /// file system: no program can set the change times that it is made of. It says nothing of a medium that forgets.
    static func stamp(of path: String) throws(SystemError) -> UInt64 {
        try stamp(of: FileDescriptor.open(path, directoryFlags))
    }

    private static let directoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME

    /// Every start waits for this, so that it takes a system call an entry and no memory.
    private static func stamp(of directory: consuming FileDescriptor) throws(SystemError) -> UInt64 {
        var info = stat()
        let descriptor = directory.release()
        guard let stream = fdopendir(descriptor) else {
            let error = SystemError(call: "fdopendir", errno: .last)
            _ = close(descriptor)
            throw error
        }
        defer { closedir(stream) }
        guard fstat(descriptor, &info) == 0 else { throw SystemError(call: "fstat", errno: .last) }
        // A sum: names come in any order.
        var sum = mark(info)
        while let entry = try next(in: stream) {
            guard let name = carchive_name(entry), carchive_is_dot(name) == 0 else { continue }
            guard fstatat(descriptor, name, &info, AT_SYMLINK_NOFOLLOW) == 0 else {
                throw SystemError(call: "fstatat", errno: .last, subject: String(cString: name))
            }
            guard info.st_mode & S_IFMT == S_IFDIR else {
                sum &+= mark(info)
                continue
            }
            let child = openat(descriptor, name, directoryFlags)
            guard child >= 0 else { throw SystemError(call: "openat", errno: .last, subject: String(cString: name)) }
            sum &+= try stamp(of: FileDescriptor(adopting: child))
        }
        return sum
    }

    private static func next(in stream: OpaquePointer) throws(SystemError) -> UnsafeMutablePointer<dirent>? {
        errno = 0
        if let entry = readdir(stream) { return entry }
        guard errno == 0 else { throw SystemError(call: "readdir", errno: .last) }
        return nil
    }

    /// FNV-1a of what changes with a file.
    private static func mark(_ info: stat) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ word: UInt64) { hash = (hash ^ word) &* 0x100_0000_01b3 }
        mix(UInt64(info.st_ino))
        mix(UInt64(bitPattern: Int64(info.st_size)))
        mix(UInt64(bitPattern: Int64(info.st_ctim.tv_sec)))
        mix(UInt64(bitPattern: Int64(info.st_ctim.tv_nsec)))
        return hash
    }
}
