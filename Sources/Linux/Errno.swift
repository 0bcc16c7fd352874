/// An error number of the kernel.
public struct Errno: Error, Hashable, Sendable, CustomStringConvertible, RawRepresentable {
    public let rawValue: Int32

    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The calling thread's `errno`; read it directly after the failed call.
    public static var last: Errno { Errno(rawValue: errno) }

    public static let noEntry = Errno(rawValue: ENOENT)
    public static let exists = Errno(rawValue: EEXIST)
    public static let interrupted = Errno(rawValue: EINTR)
    public static let again = Errno(rawValue: EAGAIN)
    public static let notPermitted = Errno(rawValue: EPERM)
    public static let accessDenied = Errno(rawValue: EACCES)
    public static let noProcess = Errno(rawValue: ESRCH)
    public static let noChild = Errno(rawValue: ECHILD)
    public static let notDirectory = Errno(rawValue: ENOTDIR)
    public static let isDirectory = Errno(rawValue: EISDIR)
    public static let notEmpty = Errno(rawValue: ENOTEMPTY)
    public static let invalid = Errno(rawValue: EINVAL)
    public static let loop = Errno(rawValue: ELOOP)
    public static let crossDevice = Errno(rawValue: EXDEV)
    public static let notImplemented = Errno(rawValue: ENOSYS)
    public static let noSpace = Errno(rawValue: ENOSPC)
    public static let quotaExceeded = Errno(rawValue: EDQUOT)
    public static let busy = Errno(rawValue: EBUSY)
    public static let readOnly = Errno(rawValue: EROFS)
    public static let brokenPipe = Errno(rawValue: EPIPE)
    public static let tooBig = Errno(rawValue: EFBIG)
    public static let notSupported = Errno(rawValue: EOPNOTSUPP)
    public static let noDevice = Errno(rawValue: ENODEV)
    public static let noDeviceOrAddress = Errno(rawValue: ENXIO)
    public static let badExecutable = Errno(rawValue: ENOEXEC)
    public static let timedOut = Errno(rawValue: ETIMEDOUT)
    public static let input = Errno(rawValue: EIO)

    public var description: String {
        guard let text = strerror(rawValue) else { return "error \(rawValue)" }
        return String(cString: text)
    }
}

/// A system call that failed: which, with what error, on what.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The call's name, such as `openat2`.
    public let call: String
    public let errno: Errno
    /// What the call was about: usually a path.
    public let subject: String?

    public init(call: String, errno: Errno, subject: String? = nil) {
        self.call = call
        self.errno = errno
        self.subject = subject
    }

    public var description: String {
        guard let subject else { return "\(call): \(errno)" }
        return "\(call) \(subject): \(errno)"
    }
}

/// Makes one system call: EINTR is retried, a negative result becomes a `SystemError`.
///
/// EBADF and EFAULT can only come from a bug in the caller (a descriptor used after its close is a security problem), so
/// they end the process.
@inlinable
@discardableResult
public func systemCall<Result: FixedWidthInteger & SignedInteger>(
    _ name: StaticString, on subject: @autoclosure () -> String? = nil, _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result >= 0 { return result }
        let error = Errno.last
        if error == .interrupted { continue }
        precondition(error.rawValue != EBADF && error.rawValue != EFAULT, "\(name): \(error)")
        throw SystemError(call: "\(name)", errno: error, subject: subject())
    }
}
