/// Why the hub cannot start or go on; the message names the file, port or process and the remedy.
public struct HubError: Error, Sendable, CustomStringConvertible {
    /// A stable reason, for decisions in code.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// An option has a value that cannot be used.
        public static let invalidOption = Code(rawValue: "invalidOption")
        /// A file of the hub's identity is missing or damaged although devices rely on it.
        public static let identity = Code(rawValue: "identity")
        /// `mosquitto` is not installed, or cannot be started.
        public static let brokerMissing = Code(rawValue: "brokerMissing")
        /// The broker's port is taken.
        public static let portInUse = Code(rawValue: "portInUse")
        /// The broker ended at once.
        public static let brokerFailed = Code(rawValue: "brokerFailed")
        /// No device of that name, or nothing is known of it yet.
        public static let unknownDevice = Code(rawValue: "unknownDevice")
        /// A receipt that no device of this fleet signed.
        public static let receiptRefused = Code(rawValue: "receiptRefused")
        /// A file or directory could not be read or written.
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
