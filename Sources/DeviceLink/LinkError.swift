/// Why joining a fleet or speaking with it failed.
public struct LinkError: Error, Sendable, CustomStringConvertible {
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The join line cannot be used.
        public static let invalidLine = Code(rawValue: "invalidLine")
        /// The hub does not answer.
        public static let unreachable = Code(rawValue: "unreachable")
        /// Whoever answers at the hub's address does not hold the CA that the line names.
        public static let fingerprintMismatch = Code(rawValue: "fingerprintMismatch")
        /// The secret was used, has expired, or never existed.
        public static let tokenRefused = Code(rawValue: "tokenRefused")
        /// Another device has that name.
        public static let nameTaken = Code(rawValue: "nameTaken")
        /// The hub refused for another reason.
        public static let refused = Code(rawValue: "refused")
        /// This data directory belongs to a fleet already.
        public static let alreadyEnrolled = Code(rawValue: "alreadyEnrolled")
        /// The answer or the identity on disk cannot be used.
        public static let malformed = Code(rawValue: "malformed")
        /// This device is in no fleet, or its link does not run.
        public static let notEnrolled = Code(rawValue: "notEnrolled")
        /// The disk refused.
        public static let storage = Code(rawValue: "storage")
    }

    public let code: Code
    public let message: String
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { cause.map { "\(message): \($0)" } ?? message }
}
