import Linux
import Synchronization

/// Exclusive use of a run directory, held by an advisory lock on `wherry.lock` until ``release()`` or the end of the
/// process.
///
/// The kernel drops the lock with the process, so that a crash leaves nothing to clean up. Take it before the data
/// directory is opened: two daemons must never share either.
public final class RunDirectoryClaim: Sendable {
    /// The directory without a trailing slash.
    public let path: String
    private let descriptor: Mutex<Int32>

    /// Makes the directory (mode 0700) when it is missing and locks it.
    ///
    /// - Throws: `.runDirectoryInUse` when another process holds it, `.runDirectoryUnusable` otherwise.
    public init(path: String) throws(HTTPServingError) {
        self.path = path
        try Self.makeDirectory(path)
        let lock = path + "/wherry.lock"
        let opened = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard opened >= 0 else {
            throw Self.unusable(path, "\(lock): \(Errno.last)")
        }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let reason = Errno.last
            close(opened)
            guard reason.rawValue == EWOULDBLOCK else { throw Self.unusable(path, "cannot lock \(lock): \(reason)") }
            throw Self.inUse(path)
        }
        descriptor = Mutex(opened)
    }

    deinit {
        release()
    }

    /// Gives the directory back; the second call does nothing.
    public func release() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
        }
    }

    /// Removes a socket left by a process that is gone.
    ///
    /// - Throws: `.runDirectoryInUse` when something still answers on it.
    func removeStaleSocket(_ socketPath: String) throws(HTTPServingError) {
        var status = stat()
        guard lstat(socketPath, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw Self.unusable(path, "\(socketPath) exists and is not a socket; move it away")
        }
        if UnixSocketProbe.answers(socketPath) { throw Self.inUse(path) }
        guard unlink(socketPath) == 0 || errno == ENOENT else {
            throw Self.unusable(path, "cannot remove the old socket \(socketPath): \(Errno.last)")
        }
    }

    private static func makeDirectory(_ path: String) throws(HTTPServingError) {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else { throw unusable(path, "it is not a directory") }
            return
        }
        do {
            try Files.makeDirectories(path, mode: 0o700)
        } catch {
            throw unusable(path, "\(error)", cause: error)
        }
    }

    private static func inUse(_ path: String) -> HTTPServingError {
        HTTPServingError(
            .runDirectoryInUse,
            "another wherry uses this run directory: \(path); stop it or give this one its own --run-dir and --data-dir"
        )
    }

    private static func unusable(_ path: String, _ reason: String, cause: (any Error)? = nil) -> HTTPServingError {
        HTTPServingError(
            .runDirectoryUnusable,
            "cannot use the run directory \(path): \(reason); make it writable or choose another with --run-dir",
            cause: cause)
    }
}

/// Tells whether somebody listens on a unix socket.
enum UnixSocketProbe {
    /// Longest path that fits `sockaddr_un.sun_path` with its final zero.
    static let maximumPathLength = 107

    /// True when a connection is accepted or queued; a full queue (`EAGAIN`) counts as an answer.
    static func answers(_ path: String) -> Bool {
        guard path.utf8.count <= maximumPathLength else { return false }
        let probe = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { return false }
        defer { close(probe) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 || errno == EAGAIN
    }
}
