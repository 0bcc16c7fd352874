/// Why a cgroup operation failed; the message names the group, the controller and what to do.
public struct CgroupError: Error, Sendable, CustomStringConvertible {
    /// A stable reason, for decisions in code.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// No cgroup file system is mounted.
        public static let notMounted = Code(rawValue: "notMounted")
        /// A limit was asked for whose controller this system does not offer.
        public static let controllerMissing = Code(rawValue: "controllerMissing")
        /// The path is not absolute below the hierarchy's root, or holds `..`.
        public static let invalidPath = Code(rawValue: "invalidPath")
        /// The group does not exist.
        public static let notFound = Code(rawValue: "notFound")
        /// The group is there already, and is not to be shared.
        public static let exists = Code(rawValue: "exists")
        /// The processes did not come to a stop in time.
        public static let timedOut = Code(rawValue: "timedOut")
        /// The group still has processes or children.
        public static let busy = Code(rawValue: "busy")
        /// The kernel or libcgroup refused.
        public static let refused = Code(rawValue: "refused")
    }

    public let code: Code
    public let message: String
    /// The kernel's error number, 0 when there was none.
    public let errno: Int32
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, errno: Int32 = 0, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.errno = errno
        self.cause = cause
    }

    public var description: String { message }
}
