/// An amount of something with a suffix, as `250m` CPUs or `64Mi` bytes.
///
/// Exact to a billionth, as in Kubernetes; finer parts are rounded up. Two quantities are equal when their amounts
/// are, whatever their suffix. Written in the canonical form of k8s.io/apimachinery/pkg/api/resource.
public struct Quantity: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    /// Which family of suffixes the amount is written in.
    public enum Format: Sendable, Hashable {
        /// `n u m k M G T P E`
        case decimalSI
        /// `Ki Mi Gi Ti Pi Ei`
        case binarySI
        /// `1e3`
        case decimalExponent
    }

    /// The amount in billionths.
    let nanos: Int128
    public let format: Format

    private static let unit: Int128 = 1_000_000_000
    /// The largest amount, as in Kubernetes: 2^63 - 1.
    private static let limit = Int128(Int64.max) * unit

    init(nanos: Int128, format: Format) {
        self.nanos = min(max(nanos, -Self.limit), Self.limit)
        self.format = format
    }

    /// A whole number, as bytes or pods.
    public init(_ value: Int64, format: Format = .decimalSI) {
        self.init(nanos: Int128(value) * Self.unit, format: format)
    }

    /// Thousandths, as CPUs are counted.
    public init(millis: Int64) { self.init(nanos: Int128(millis) * 1_000_000, format: .decimalSI) }

    /// The amount rounded up to a whole number: bytes, pods.
    public var value: Int64 { Self.dividedRoundingUp(nanos, by: Self.unit) }

    /// Same as ``value``.
    public var bytes: Int64 { value }

    /// The amount in thousandths, rounded up; saturates at the ends of `Int64`.
    public var millis: Int64 { Self.dividedRoundingUp(nanos, by: 1_000_000) }

    public var isNegative: Bool { nanos < 0 }
    public var isZero: Bool { nanos == 0 }

    private static func dividedRoundingUp(_ number: Int128, by divisor: Int128) -> Int64 {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
        return Int64(clamping: remainder > 0 ? quotient + 1 : quotient)
    }

    public static func == (a: Quantity, b: Quantity) -> Bool { a.nanos == b.nanos }
    public static func < (a: Quantity, b: Quantity) -> Bool { a.nanos < b.nanos }
    public func hash(into hasher: inout Hasher) { hasher.combine(nanos) }

    /// The sum, in the format of the left one.
    public static func + (a: Quantity, b: Quantity) -> Quantity {
        Quantity(nanos: a.nanos + b.nanos, format: a.format)
    }

    /// The difference, in the format of the left one.
    public static func - (a: Quantity, b: Quantity) -> Quantity {
        Quantity(nanos: a.nanos - b.nanos, format: a.format)
    }

    static let syntax =
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text: String
        if let number = try? container.decode(Int64.self) {
            text = String(number)
        } else if let number = try? container.decode(Double.self) {
            text = String(number)
        } else {
            text = try container.decode(String.self)
        }
        guard let value = Quantity(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: Self.syntax))
        }
        self = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Quantity {
    private static let decimalSuffixes: [(suffix: String, exponent: Int)] = [
        ("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18),
    ]
    private static let binarySuffixes: [(suffix: String, shift: Int)] = [
        ("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60),
    ]

    /// nil when the text is no quantity. Amounts past 2^63 - 1 are capped.
    public init?(_ text: String) {
        guard text.utf8.count <= 64 else { return nil }
        var rest = Substring(text)
        var negative = false
        if let sign = rest.first, sign == "+" || sign == "-" {
            negative = sign == "-"
            rest.removeFirst()
        }
        let number = rest.prefix { $0 == "." || ("0"..."9").contains($0) }
        guard let (mantissa, decimals) = Self.decimal(number),
            let (multiplier, exponent, format) = Self.scale(rest.dropFirst(number.count))
        else { return nil }
        let amount = Self.nanos(mantissa, decimals: decimals, multiplier: multiplier, exponent: exponent)
        self.init(nanos: negative ? -amount : amount, format: format)
    }

    /// Digits without the point, and how many of them stand after it. Trailing zeros after the point are dropped.
    private static func decimal(_ text: Substring) -> (digits: [Int], decimals: Int)? {
        var digits: [Int] = []
        var decimals = 0
        var seenPoint = false
        for character in text {
            if character == "." {
                if seenPoint { return nil }
                seenPoint = true
            } else if let digit = character.wholeNumberValue {
                digits.append(digit)
                if seenPoint { decimals += 1 }
            }
        }
        return digits.isEmpty ? nil : (digits, decimals)
    }

    private static func scale(_ suffix: Substring) -> (multiplier: Int128, exponent: Int, format: Format)? {
        if let found = decimalSuffixes.first(where: { $0.suffix == suffix }) {
            return (1, found.exponent, .decimalSI)
        }
        if let found = binarySuffixes.first(where: { $0.suffix == suffix }) {
            return (Int128(1) << Int128(found.shift), 0, .binarySI)
        }
        guard let first = suffix.first, first == "e" || first == "E" else { return nil }
        let digits = suffix.dropFirst()
        guard digits.utf8.count <= 8, let exponent = Int(digits), abs(exponent) <= 9999 else { return nil }
        return (1, exponent, .decimalExponent)
    }

    /// Billionths, rounded up, saturating at the limit.
    private static func nanos(_ digits: [Int], decimals: Int, multiplier: Int128, exponent: Int) -> Int128 {
        var value: Int128 = 0
        for digit in digits {
            // 64 digits do not fit: past the cap the value only needs to stay too large.
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow { return decimals == 0 ? limit : capped(digits, decimals, multiplier, exponent) }
            value = product + Int128(digit)
        }
        return shifted(value, by: exponent - decimals + 9, times: multiplier)
    }

    /// For more digits than fit: without those after the point, one unit of the last kept digit added.
    private static func capped(_ digits: [Int], _ decimals: Int, _ multiplier: Int128, _ exponent: Int) -> Int128 {
        let kept = max(digits.count - decimals, min(30, digits.count))
        guard kept < digits.count else { return limit }
        return nanos(
            Array(digits[..<kept]), decimals: max(0, decimals - (digits.count - kept)), multiplier: multiplier,
            exponent: exponent)
    }

    private static func shifted(_ value: Int128, by power: Int, times multiplier: Int128) -> Int128 {
        let (product, overflow) = value.multipliedReportingOverflow(by: multiplier)
        guard !overflow else { return limit }
        var result = product
        if power >= 0 {
            for _ in 0..<power {
                if result == 0 || result > limit { break }
                result *= 10
            }
            return min(result, limit)
        }
        var lost = false
        for _ in 0..<(-power) {
            if result == 0 { break }
            lost = lost || result % 10 != 0
            result /= 10
        }
        return min(lost ? result + 1 : result, limit)
    }

    /// The canonical form: no fraction, the largest suffix that keeps it whole.
    public var description: String {
        let magnitude = nanos.magnitude
        let sign = nanos < 0 ? "-" : ""
        if magnitude == 0 { return "0" }
        let unit = Self.unit.magnitude
        if format == .binarySI, magnitude % unit == 0, magnitude / unit >= 1024 {
            let whole = magnitude / unit
            for (suffix, shift) in Self.binarySuffixes.reversed() where whole % (UInt128(1) << UInt128(shift)) == 0 {
                return "\(sign)\(whole >> UInt128(shift))\(suffix)"
            }
            return "\(sign)\(whole)"
        }
        if format == .binarySI, magnitude % unit == 0 { return "\(sign)\(magnitude / unit)" }
        var mantissa = magnitude
        var exponent = -9
        while mantissa % 1000 == 0, exponent < 18 {
            mantissa /= 1000
            exponent += 3
        }
        if format == .decimalExponent { return exponent == 0 ? "\(sign)\(mantissa)" : "\(sign)\(mantissa)e\(exponent)" }
        let suffix = Self.decimalSuffixes.first { $0.exponent == exponent }?.suffix ?? ""
        return "\(sign)\(mantissa)\(suffix)"
    }
}
