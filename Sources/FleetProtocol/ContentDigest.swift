internal import Crypto

/// `sha256:` and 64 lower-case hexadecimal digits.
public struct ContentDigest: Hashable, Sendable, CustomStringConvertible, Codable {
    public let text: String
    public var description: String { text }

    /// The digest of `bytes`.
    public init(of bytes: some Sequence<UInt8>) {
        text = "sha256:" + hexadecimal(SHA256.hash(data: Array(bytes)))
    }

    /// Nil unless `text` is written exactly in the one accepted form.
    public init?(_ text: String) {
        let digits = text.utf8.dropFirst(7)
        guard text.hasPrefix("sha256:"), digits.count == 64,
            digits.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { return nil }
        self.text = text
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let digest = ContentDigest(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a sha256 digest: \(text)")
        }
        self = digest
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var out: [UInt8] = []
    for byte in bytes {
        out.append(digits[Int(byte >> 4)])
        out.append(digits[Int(byte & 15)])
    }
    return String(decoding: out, as: UTF8.self)
}
