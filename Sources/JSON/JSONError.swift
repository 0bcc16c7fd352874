/// How much a JSON text from outside may cost.
public struct JSONLimits: Sendable, Hashable {
    /// Objects and arrays inside each other.
    public var maxDepth: Int
    /// Length of the text in bytes.
    public var maxBytes: Int
    /// Whether a later member silently replaces an earlier one of the same name.
    public var allowDuplicateKeys: Bool

    public init(maxDepth: Int = 64, maxBytes: Int = 16 << 20, allowDuplicateKeys: Bool = false) {
        self.maxDepth = maxDepth
        self.maxBytes = maxBytes
        self.allowDuplicateKeys = allowDuplicateKeys
    }

    /// 64 levels, 16 MiB, no duplicate keys.
    public static let `default` = JSONLimits()
}

/// Why a text is no JSON, or why a JSON value is not what was asked for.
public struct JSONError: Error, Sendable, CustomStringConvertible {
    /// The stable name of a failure.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The text breaks RFC 8259, or is not UTF-8.
        public static let syntax = Code(rawValue: "syntax")
        /// Nested deeper than ``JSONLimits/maxDepth``.
        public static let depth = Code(rawValue: "depth")
        /// Longer than ``JSONLimits/maxBytes``.
        public static let size = Code(rawValue: "size")
        /// A member name appears twice in one object.
        public static let duplicateKey = Code(rawValue: "duplicateKey")
        /// A required member is absent or null.
        public static let missing = Code(rawValue: "missing")
        /// A value has another type than the one asked for.
        public static let typeMismatch = Code(rawValue: "typeMismatch")
        /// A value has the right type but cannot be used.
        public static let invalidValue = Code(rawValue: "invalidValue")
    }

    public let code: Code
    public let message: String
    /// Where in the document, as `spec.containers[0].image`; empty for the whole and for syntax errors.
    public let path: String
    /// Byte offset in the text, for syntax errors.
    public let offset: Int?
    /// For a type mismatch, the type that was asked for.
    public let expected: String?
    /// For a type mismatch, the ``JSONValue/typeName`` that was found.
    public let found: String?

    public init(
        code: Code, message: String, path: String = "", offset: Int? = nil, expected: String? = nil,
        found: String? = nil
    ) {
        self.code = code
        self.message = message
        self.path = path
        self.offset = offset
        self.expected = expected
        self.found = found
    }

    public var description: String {
        path.isEmpty ? message : "\(path): \(message)"
    }
}
