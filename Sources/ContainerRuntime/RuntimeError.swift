import Linux

/// Why a container could not be made, changed or asked.
public struct RuntimeError: Error, Sendable, CustomStringConvertible {
    /// A stable name for the kind of failure. Codes from another process may be unknown here.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The identifier breaks the rules.
        public static let invalidID = Code(rawValue: "invalidID")
        /// The container's description is wrong; changing it helps.
        public static let invalidSpec = Code(rawValue: "invalidSpec")
        /// The identifier is taken.
        public static let exists = Code(rawValue: "exists")
        /// No container, sandbox or process has this identifier.
        public static let notFound = Code(rawValue: "notFound")
        /// The container is in a state that does not allow this.
        public static let invalidState = Code(rawValue: "invalidState")
        /// The program does not exist in the container; exit status 127 by convention.
        public static let commandNotFound = Code(rawValue: "commandNotFound")
        /// The program may not be executed; exit status 126 by convention.
        public static let permissionDenied = Code(rawValue: "permissionDenied")
        /// The user or group does not exist in the container.
        public static let unknownUser = Code(rawValue: "unknownUser")
        /// The container asks for something that leads out of it.
        public static let refused = Code(rawValue: "refused")
        /// A step of the set-up failed; the message names it.
        public static let setupFailed = Code(rawValue: "setupFailed")
        /// The monitor process failed or is gone.
        public static let monitorFailed = Code(rawValue: "monitorFailed")
        /// A hook ended with another status than 0.
        public static let hookFailed = Code(rawValue: "hookFailed")
        /// The specification asks for what this runtime or this kernel does not do.
        public static let unsupported = Code(rawValue: "unsupported")
        public static let timedOut = Code(rawValue: "timedOut")
    }

    public let code: Code
    public let message: String
    /// The step of the set-up, such as `mount /proc`; nil outside it.
    public let stage: String?
    /// The kernel's error, 0 when there is none.
    public let errno: Int32
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, stage: String? = nil, errno: Int32 = 0, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.stage = stage
        self.errno = errno
        self.cause = cause
    }

    init(_ code: Code = .setupFailed, stage: String, _ cause: any Error) {
        if let error = cause as? RuntimeError {
            self = error
            return
        }
        let errno = (cause as? SystemError)?.errno.rawValue ?? 0
        self.init(code, "\(stage): \(cause)", stage: stage, errno: errno, cause: cause)
    }

    public var description: String { message }

    /// What a shell would report for a program that failed to start this way.
    public var exitCode: Int32 {
        switch code {
        case .commandNotFound: 127
        case .permissionDenied: 126
        default: 128
        }
    }
}

/// Runs one step of the set-up; what it throws is told with the step's name.
@discardableResult
func stage<Result: ~Copyable>(
    _ name: @autoclosure () -> String, _ body: () throws -> Result
) throws(RuntimeError) -> Result {
    do {
        return try body()
    } catch {
        throw RuntimeError(stage: name(), error)
    }
}
