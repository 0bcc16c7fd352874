/// Why access control cannot work.
public struct AccessError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The file of the token keys is damaged.
        case unreadableKeys = "unreadable-keys"
        /// There is no key to sign with.
        case noSigningKey = "no-signing-key"
    }

    public let code: Code
    public let message: String
    public let cause: (any Error)?

    init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { cause.map { "\(message): \($0)" } ?? message }
}
