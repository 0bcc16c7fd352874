/// A number, or a text such as `25%` or the name of a port.
public enum IntOrString: Hashable, Sendable, Codable, CustomStringConvertible {
    case int(Int)
    case string(String)

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int.self) {
            self = .int(number)
        } else {
            self = .string(try container.decode(String.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .int(let number): try container.encode(number)
        case .string(let text): try container.encode(text)
        }
    }

    public var description: String {
        switch self {
        case .int(let number): String(number)
        case .string(let text): text
        }
    }

    /// The number itself.
    public var intValue: Int? {
        if case .int(let number) = self { number } else { nil }
    }

    /// The percentage of `25%`; nil for everything else.
    public var percentage: Int? {
        guard case .string(let text) = self, text.hasSuffix("%") else { return nil }
        let digits = text.dropLast()
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int(digits)
    }

    /// The number, or the percentage of `total`; nil when it is another text.
    public func scaled(total: Int, roundUp: Bool) -> Int? {
        if case .int(let number) = self { return number }
        guard let percentage else { return nil }
        let (product, overflow) = percentage.multipliedReportingOverflow(by: total)
        guard !overflow else { return nil }
        return roundUp ? (product + 99) / 100 : product / 100
    }
}
