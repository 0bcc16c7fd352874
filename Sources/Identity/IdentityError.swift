/// Why a certificate operation failed.
public struct IdentityError: Error, Sendable, CustomStringConvertible {
    /// A stable reason, for decisions in code.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// A PEM text could not be read as what it should be.
        public static let malformed = Code(rawValue: "malformed")
        /// A certificate and a private key do not belong together.
        public static let mismatch = Code(rawValue: "mismatch")
        /// A signing request is not signed by the key that it holds.
        public static let invalidSignature = Code(rawValue: "invalidSignature")
        /// A certificate could not be made.
        public static let signing = Code(rawValue: "signing")
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

/// Runs `body` and wraps what it throws once, with what was attempted.
func wrapping<T>(
    _ code: IdentityError.Code, _ message: @autoclosure () -> String, _ body: () throws -> T
) throws(IdentityError) -> T {
    do {
        return try body()
    } catch let error as IdentityError {
        throw error
    } catch {
        throw IdentityError(code, message(), cause: error)
    }
}
