/// What went wrong while opening or running a listener.
public struct HTTPServingError: Error, Sendable, CustomStringConvertible {
    /// Stable code of the failure; new codes may be added.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// Another process listens on the run directory's socket or holds its lock.
        public static let runDirectoryInUse = Code(rawValue: "runDirectoryInUse")
        /// The run directory cannot be made or written.
        public static let runDirectoryUnusable = Code(rawValue: "runDirectoryUnusable")
        /// The `--listen` address is taken by another process.
        public static let addressInUse = Code(rawValue: "addressInUse")
        /// The `--listen` address cannot be used here: wrong host, no permission, unreachable family.
        public static let addressUnusable = Code(rawValue: "addressUnusable")
        /// The text given for `--listen` is not HOST:PORT.
        public static let invalidAddress = Code(rawValue: "invalidAddress")
        /// Certificate or key cannot be used.
        public static let invalidCertificate = Code(rawValue: "invalidCertificate")
    }

    public let code: Code
    /// One sentence for the user: what failed, on which object, why, and what to do.
    public let message: String
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { message }
}
