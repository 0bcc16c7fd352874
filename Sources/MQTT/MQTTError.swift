/// Why an MQTT operation did not come to its end.
public struct MQTTError: Error, Sendable, CustomStringConvertible {
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// No TCP connection: name, route or port.
        public static let unreachable = Code(rawValue: "unreachable")
        /// Certificates or handshake.
        public static let tls = Code(rawValue: "tls")
        /// The broker answered the CONNECT with a refusal.
        public static let refused = Code(rawValue: "refused")
        /// The broker speaks no MQTT 5.
        public static let unsupportedVersion = Code(rawValue: "unsupportedVersion")
        /// The broker refused a publish or a subscription.
        public static let notAuthorized = Code(rawValue: "notAuthorized")
        /// Another reason code of the broker for a publish or a subscription.
        public static let rejected = Code(rawValue: "rejected")
        /// The message is larger than the broker takes.
        public static let oversized = Code(rawValue: "oversized")
        /// The connection ended; whether an unacknowledged message arrived is unknown.
        public static let connectionLost = Code(rawValue: "connectionLost")
        /// `disconnect` or `abort` was called here.
        public static let closed = Code(rawValue: "closed")
        public static let timeout = Code(rawValue: "timeout")
        /// libmosquitto refused the arguments.
        public static let invalid = Code(rawValue: "invalid")
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
