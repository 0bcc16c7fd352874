/// Why a fleet message was refused.
///
/// The code is stable: devices send it to the hub in `ack`, tests and operators match on it.
public struct FleetError: Error, Sendable, CustomStringConvertible {
    /// A stable, extensible reason. An unknown code from a peer keeps its text.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public var description: String { rawValue }

        /// Larger than its cap; nothing was parsed (B3 check 1).
        public static let oversized = Code(rawValue: "oversized")
        /// Not `Head.payloadType`, exactly (B3 check 2).
        public static let payloadType = Code(rawValue: "payloadType")
        /// Signed only by keys that the trusted root does not list (B3 check 3).
        public static let unknownKey = Code(rawValue: "unknownKey")
        /// A known key's signature does not fit the bytes, or too few distinct keys signed (B3 check 3).
        public static let signature = Code(rawValue: "signature")
        /// Not the JSON that was asked for: syntax, depth, duplicate key, missing field, wrong type (B3 check 4).
        public static let malformed = Code(rawValue: "malformed")
        /// Signed for another device (B3 check 5).
        public static let wrongDevice = Code(rawValue: "wrongDevice")
        /// Signed under a root version that this device does not have (B3 check 6).
        public static let rootUnknown = Code(rawValue: "rootUnknown")
        /// (gen, rev) is lower than the stored floor (B3 check 7).
        public static let olderRevision = Code(rawValue: "olderRevision")
        /// The same (gen, rev) with another digest: someone signs two truths (B3 check 7).
        public static let equivocation = Code(rawValue: "equivocation")
        /// `exp` lies before the trusted time (B3 check 8).
        public static let expired = Code(rawValue: "expired")
        /// The document's length is not the signed one (B3 check 10).
        public static let lengthMismatch = Code(rawValue: "lengthMismatch")
        /// The document's digest is not the signed one (B3 check 10).
        public static let digestMismatch = Code(rawValue: "digestMismatch")
        /// A protocol version that this build does not speak.
        public static let unsupportedVersion = Code(rawValue: "unsupportedVersion")
        /// A topic outside the tree, or a device id outside `[a-z0-9-]{1,40}`.
        public static let invalidTopic = Code(rawValue: "invalidTopic")
        /// A join line that cannot be used.
        public static let invalidLine = Code(rawValue: "invalidLine")
        /// A key that is not 32 bytes of Ed25519.
        public static let invalidKey = Code(rawValue: "invalidKey")
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
        guard let cause else { return "\(message) (\(code))" }
        return "\(message) (\(code)): \(cause)"
    }
}
