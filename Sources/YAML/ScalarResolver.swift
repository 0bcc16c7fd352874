import JSON

/// What a scalar means (sigs.k8s.io/yaml, goyaml.v2 resolve.go).
enum ScalarResolver {
    private static let trueWords: Set<String> = [
        "true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON",
    ]
    private static let falseWords: Set<String> = [
        "false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF",
    ]
    private static let nullWords: Set<String> = ["", "~", "null", "Null", "NULL"]
    private static let endless: Set<String> = [
        ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN",
    ]
    private static let tagPrefix = "tag:yaml.org,2002:"

    static func value(of scalar: EventStream.Scalar, _ mark: EventStream.Mark) throws(YAMLError) -> JSONValue {
        func fault(_ why: String) -> YAMLError {
            YAMLError(code: .unsupported, message: why, line: mark.line, column: mark.column)
        }
        guard let tag = scalar.tag, tag != "!" else {
            guard scalar.isPlain else { return .string(scalar.text) }
            if endless.contains(scalar.text) { throw fault("\(scalar.text) has no JSON form") }
            return plain(scalar.text)
        }
        guard tag.hasPrefix(tagPrefix) else { throw fault("unknown tag \(tag)") }
        let kind = tag.dropFirst(tagPrefix.count)
        let resolved = plain(scalar.text)
        switch (kind, resolved) {
        case ("str", _): return .string(scalar.text)
        case ("int", .integer), ("bool", .bool), ("null", .null), ("float", .number): return resolved
        case ("float", .integer(let integer)): return .number(Double(integer))
        default: throw fault("cannot decode \"\(scalar.text)\" as !!\(kind)")
        }
    }

    /// The meaning of an unquoted scalar.
    static func plain(_ text: String) -> JSONValue {
        guard let first = text.utf8.first else { return .null }
        switch first {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            return number(text) ?? .string(text)
        default:
            if trueWords.contains(text) { return .bool(true) }
            if falseWords.contains(text) { return .bool(false) }
            return nullWords.contains(text) ? .null : .string(text)
        }
    }

    private static func number(_ text: String) -> JSONValue? {
        let digits = text.filter { $0 != "_" }
        if let integer = integer(digits) { return .integer(integer) }
        guard isFloat(digits), let number = Double(digits), number.isFinite else { return nil }
        return .number(number)
    }

    /// As Go's ParseInt with base 0: `0x`, `0o`, `0b`, and a leading zero for octal.
    private static func integer(_ text: String) -> Int64? {
        var rest = Substring(text)
        var sign = ""
        if let first = rest.first, first == "-" || first == "+" {
            sign = String(first)
            rest.removeFirst()
        }
        var radix = 10
        for (prefix, base) in [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)]
        where rest.hasPrefix(prefix) {
            rest.removeFirst(2)
            radix = base
        }
        if radix == 10, rest.hasPrefix("0"), rest.utf8.count > 1 { radix = 8 }
        guard let first = rest.first, first != "-", first != "+" else { return nil }
        return Int64(sign + rest, radix: radix)
    }

    /// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
    private static func isFloat(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        func isSign(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") }
        func takeDigits() -> Int {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            rest = rest.dropFirst(digits.count)
            return digits.count
        }
        if isSign(rest.first) { rest.removeFirst() }
        let whole = takeDigits()
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            if takeDigits() == 0, whole == 0 { return false }
        } else if whole == 0 {
            return false
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            if isSign(rest.first) { rest.removeFirst() }
            if takeDigits() == 0 { return false }
        }
        return rest.isEmpty
    }
}
