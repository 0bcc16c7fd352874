/// A client that breaks the rules of a streaming protocol; its connection ends.
public struct StreamError: Error, Sendable, CustomStringConvertible {
    /// A stable name for the kind of fault.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// Bytes that the protocol does not allow here.
        public static let malformed = Code(rawValue: "malformed")
        /// More than this server keeps or takes at once.
        public static let tooLarge = Code(rawValue: "tooLarge")
        /// A stream, channel or version that does not exist.
        public static let unknownStream = Code(rawValue: "unknownStream")
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
