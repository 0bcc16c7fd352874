/// A document, digest or reference that does not follow the OCI image and distribution specifications.
public struct OCIError: Error, Sendable, CustomStringConvertible {
    /// A stable code; new ones may be added.
    public struct Code: RawRepresentable<String>, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        public static let invalidDigest = Code(rawValue: "invalidDigest")
        public static let invalidReference = Code(rawValue: "invalidReference")
        public static let invalidPlatform = Code(rawValue: "invalidPlatform")
        public static let invalidDocument = Code(rawValue: "invalidDocument")
        public static let unsupportedMediaType = Code(rawValue: "unsupportedMediaType")
        public static let noMatchingPlatform = Code(rawValue: "noMatchingPlatform")
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
        if let cause { "\(message): \(cause)" } else { message }
    }
}
