/// Why a text is no YAML that Wherry reads.
public struct YAMLError: Error, Sendable, CustomStringConvertible {
    /// The stable name of a failure.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The text breaks the YAML grammar, or is not UTF-8.
        public static let syntax = Code(rawValue: "syntax")
        /// Nested too deep.
        public static let depth = Code(rawValue: "depth")
        /// Too long, or too much after aliases are expanded.
        public static let size = Code(rawValue: "size")
        /// A key appears twice in one mapping.
        public static let duplicateKey = Code(rawValue: "duplicateKey")
        /// An alias names no anchor, or one that contains it.
        public static let alias = Code(rawValue: "alias")
        /// YAML that has no JSON form: other keys than scalars, infinities, foreign tags.
        public static let unsupported = Code(rawValue: "unsupported")
    }

    public let code: Code
    public let message: String
    /// From 1.
    public let line: Int
    /// From 1.
    public let column: Int

    public init(code: Code, message: String, line: Int, column: Int) {
        self.code = code
        self.message = message
        self.line = line
        self.column = column
    }

    public var description: String { "line \(line), column \(column): \(message)" }
}
