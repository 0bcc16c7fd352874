/// A validated content digest, `sha256:` and 64 lowercase hexadecimal digits.
///
/// Other algorithms of the image specification are refused: no registry in use sends them, and a name that is a path
/// component must have one form only.
public struct Digest: Hashable, Sendable, Codable, CustomStringConvertible, Comparable {
    /// The 64 digits, safe as a file name.
    public let hex: String

    /// Takes the text form.
    /// - Throws: ``OCIError`` with code `invalidDigest`.
    public init(parsing text: String) throws(OCIError) {
        let prefix = "sha256:"
        guard text.hasPrefix(prefix) else {
            throw OCIError(.invalidDigest, "digest \"\(text.prefix(100))\" is not of the form sha256:<64 hex digits>")
        }
        try self.init(hex: String(text.dropFirst(prefix.count)))
    }

    /// Takes the 64 lowercase digits alone.
    /// - Throws: ``OCIError`` with code `invalidDigest`.
    public init(hex: String) throws(OCIError) {
        guard hex.utf8.count == 64, hex.utf8.allSatisfy(Self.isLowercaseHex) else {
            throw OCIError(.invalidDigest, "digest \"\(hex.prefix(100))\" is not 64 lowercase hex digits")
        }
        self.hex = hex
    }

    /// Takes the 32 bytes of a SHA-256 sum; nil for any other length.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(64)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        self.hex = String(decoding: text, as: UTF8.self)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do {
            try self.init(parsing: text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    public var description: String { "sha256:" + hex }

    /// The first 12 digits, as people write image ids.
    public var short: String { String(hex.prefix(12)) }

    public static func < (left: Digest, right: Digest) -> Bool { left.hex < right.hex }

    static func isLowercaseHex(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
