/// Date and time as RFC 3339 text in UTC.
public enum RFC3339 {
    /// `2026-01-01T00:00:00Z`, or with `digits` (1–9) decimals of the second.
    public static func format(seconds: Int64, nanoseconds: Int32 = 0, digits: Int = 0) -> String {
        String(decoding: formatBytes(seconds: seconds, nanoseconds: nanoseconds, digits: digits), as: UTF8.self)
    }

    /// The same as ASCII bytes.
    public static func formatBytes(seconds: Int64, nanoseconds: Int32, digits: Int) -> [UInt8] {
        let days = floorDivide(seconds, 86_400)
        let rest = seconds - days * 86_400
        let (year, month, day) = civil(fromDays: days)
        var text: [UInt8] = []
        text.reserveCapacity(32)
        append(year, 4, to: &text)
        text.append(UInt8(ascii: "-"))
        append(month, 2, to: &text)
        text.append(UInt8(ascii: "-"))
        append(day, 2, to: &text)
        text.append(UInt8(ascii: "T"))
        append(rest / 3600, 2, to: &text)
        text.append(UInt8(ascii: ":"))
        append(rest / 60 % 60, 2, to: &text)
        text.append(UInt8(ascii: ":"))
        append(rest % 60, 2, to: &text)
        if digits > 0 {
            text.append(UInt8(ascii: "."))
            var fraction = Int64(nanoseconds)
            for _ in digits..<9 { fraction /= 10 }
            append(fraction, digits, to: &text)
        }
        text.append(UInt8(ascii: "Z"))
        return text
    }

    /// Parses a date with time and zone; nil for anything that is not RFC 3339. A leap second counts as the next second.
    public static func parse(_ text: String) -> (seconds: Int64, nanoseconds: Int32)? {
        var reader = Reader(Array(text.utf8))
        guard let year = reader.number(4), reader.skip("-"), let month = reader.number(2), reader.skip("-"),
            let day = reader.number(2), reader.skip("T") || reader.skip("t") || reader.skip(" "),
            let hour = reader.number(2), reader.skip(":"), let minute = reader.number(2), reader.skip(":"),
            let second = reader.number(2), (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60,
            second <= 60
        else { return nil }
        let days = days(year: year, month: month, day: day)
        guard civil(fromDays: days) == (year, month, day) else { return nil }
        var nanoseconds: Int64 = 0
        if reader.skip(".") {
            guard let fraction = reader.fraction() else { return nil }
            nanoseconds = fraction
        }
        guard let offset = reader.zone(), reader.isAtEnd else { return nil }
        return (days * 86_400 + hour * 3600 + minute * 60 + second - offset, Int32(nanoseconds))
    }

    private static func append(_ value: Int64, _ width: Int, to text: inout [UInt8]) {
        let digits = Array(String(value).utf8)
        for _ in digits.count..<max(width, digits.count) { text.append(UInt8(ascii: "0")) }
        text += digits
    }

    private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : -((-a + b - 1) / b) }

    // Howard Hinnant's proleptic Gregorian algorithms (chrono-compatible low-level date algorithms), public domain.
    private static func civil(fromDays days: Int64) -> (Int64, Int64, Int64) {
        let z = days + 719_468
        let era = floorDivide(z, 146_097)
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = floorDivide(y, 400)
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension RFC3339 {
    private struct Reader {
        private let bytes: [UInt8]
        private var position = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        var isAtEnd: Bool { position == bytes.count }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        mutating func number(_ width: Int) -> Int64? {
            guard position + width <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[position..<(position + width)] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            position += width
            return value
        }

        /// Decimals as nanoseconds; digits past the ninth are dropped.
        mutating func fraction() -> Int64? {
            var value: Int64 = 0
            var count = 0
            while let digit = number(1) {
                if count < 9 { value = value * 10 + digit }
                count += 1
            }
            guard count > 0 else { return nil }
            for _ in min(count, 9)..<9 { value *= 10 }
            return value
        }

        mutating func zone() -> Int64? {
            if skip("Z") || skip("z") { return 0 }
            let sign: Int64
            if skip("+") { sign = 1 } else if skip("-") { sign = -1 } else { return nil }
            guard let hours = number(2), skip(":"), let minutes = number(2), hours < 24, minutes < 60 else {
                return nil
            }
            return sign * (hours * 3600 + minutes * 60)
        }
    }
}
