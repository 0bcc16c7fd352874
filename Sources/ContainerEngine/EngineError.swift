/// A container operation that failed, in words for the user.
public struct EngineError: Error, Sendable, CustomStringConvertible {
    /// What went wrong, for programs.
    public struct Code: RawRepresentable<String>, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The request contradicts itself or the image: nothing was tried.
        public static let invalidRequest = Code(rawValue: "invalidRequest")
        public static let notFound = Code(rawValue: "notFound")
        public static let notRunning = Code(rawValue: "notRunning")
        /// The container couldn't be created; nothing is left of it.
        public static let createFailed = Code(rawValue: "createFailed")
        /// The container was created but its program couldn't be run.
        public static let startFailed = Code(rawValue: "startFailed")
        public static let stopFailed = Code(rawValue: "stopFailed")
        public static let execFailed = Code(rawValue: "execFailed")
        public static let attachFailed = Code(rawValue: "attachFailed")
        public static let sandboxFailed = Code(rawValue: "sandboxFailed")
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

    public var description: String {
        guard let cause else { return message }
        return "\(message): \(cause)"
    }
}
