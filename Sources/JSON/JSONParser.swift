extension JSONValue {
    /// Parses one JSON text (RFC 8259, UTF-8, no byte order mark, nothing after the value but white space).
    ///
    /// - Throws: ``JSONError`` with a byte offset; `.size` and `.depth` before the memory is spent.
    public init(parsing bytes: some Collection<UInt8>, limits: JSONLimits = .default) throws(JSONError) {
        let contiguous: Result<JSONValue, JSONError>? = bytes.withContiguousStorageIfAvailable {
            JSONParser.parse($0, limits: limits)
        }
        let result =
            contiguous ?? Array(bytes).withUnsafeBufferPointer { JSONParser.parse($0, limits: limits) }
        self = try result.get()
    }

    /// Parses one JSON text.
    public init(parsing text: String, limits: JSONLimits = .default) throws(JSONError) {
        var text = text
        self = try text.withUTF8 { JSONParser.parse($0, limits: limits) }.get()
    }
}

/// A recursive-descent parser over bytes that stay in place while it runs.
struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let limits: JSONLimits
    private var position = 0
    private var depth = 0

    static func parse(_ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) -> Result<JSONValue, JSONError> {
        do throws(JSONError) {
            guard bytes.count <= limits.maxBytes else {
                throw JSONError(
                    code: .size,
                    message: "the document has \(bytes.count) bytes; at most \(limits.maxBytes) are allowed")
            }
            var parser = JSONParser(bytes: bytes, limits: limits)
            parser.skipWhitespace()
            let value = try parser.value()
            parser.skipWhitespace()
            guard parser.position == bytes.count else { throw parser.unexpected("the end of the document") }
            return .success(value)
        } catch {
            return .failure(error)
        }
    }

    private init(bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipWhitespace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func value() throws(JSONError) -> JSONValue {
        guard let byte = current else { throw unexpected("a value") }
        switch byte {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: throw unexpected("a value")
        }
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let length = text.utf8CodeUnitCount
        guard position + length <= bytes.count else { throw unexpected("\(text)") }
        for index in 0..<length where bytes[position + index] != text.utf8Start[index] {
            throw unexpected("\(text)")
        }
        position += length
        return value
    }

    private mutating func descend() throws(JSONError) {
        depth += 1
        guard depth <= limits.maxDepth else {
            throw JSONError(
                code: .depth, message: "nested deeper than \(limits.maxDepth) levels\(place(position))",
                offset: position)
        }
        position += 1
        skipWhitespace()
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        try descend()
        defer { depth -= 1 }
        var members: [String: JSONValue] = [:]
        if current == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            let start = position
            guard current == UInt8(ascii: "\"") else { throw unexpected("a member name in quotes") }
            let key = try string()
            skipWhitespace()
            guard current == UInt8(ascii: ":") else { throw unexpected("':'") }
            position += 1
            skipWhitespace()
            if members.updateValue(try value(), forKey: key) != nil, !limits.allowDuplicateKeys {
                throw JSONError(
                    code: .duplicateKey, message: "the key \"\(key)\" appears twice in one object\(place(start))",
                    offset: start)
            }
            if try endOfList(UInt8(ascii: "}"), "',' or '}'") { return .object(members) }
        }
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        try descend()
        defer { depth -= 1 }
        var elements: [JSONValue] = []
        if current == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value())
            if try endOfList(UInt8(ascii: "]"), "',' or ']'") { return .array(elements) }
        }
    }

    private mutating func endOfList(_ closing: UInt8, _ wanted: String) throws(JSONError) -> Bool {
        skipWhitespace()
        switch current {
        case closing:
            position += 1
            return true
        case UInt8(ascii: ","):
            position += 1
            skipWhitespace()
            return false
        default:
            throw unexpected(wanted)
        }
    }

    // MARK: Numbers

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        let negative = current == UInt8(ascii: "-")
        if negative { position += 1 }
        let digitsStart = position
        var magnitude: UInt64 = 0
        var fits = true
        while let digit = digitAtPosition() {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            fits = fits && !overflow && !carry
            magnitude = sum
            position += 1
        }
        let digits = position - digitsStart
        guard digits > 0 else { throw unexpected("a digit") }
        guard digits == 1 || bytes[digitsStart] != UInt8(ascii: "0") else {
            position = digitsStart + 1
            throw unexpected("no further digit after a leading zero")
        }
        let isInteger = try !fractionOrExponent()
        if isInteger, fits, let value = Self.signed(magnitude, negative: negative) { return .integer(value) }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let value = Double(text), value.isFinite else {
            throw JSONError(
                code: .invalidValue, message: "the number \(text) is too large\(place(start))", offset: start)
        }
        return .number(value)
    }

    private func digitAtPosition() -> UInt8? {
        guard position < bytes.count else { return nil }
        let digit = bytes[position] &- UInt8(ascii: "0")
        return digit < 10 ? digit : nil
    }

    private static func signed(_ magnitude: UInt64, negative: Bool) -> Int64? {
        if !negative { return Int64(exactly: magnitude) }
        if magnitude == UInt64(Int64.max) + 1 { return .min }
        return Int64(exactly: magnitude).map { -$0 }
    }

    private mutating func fractionOrExponent() throws(JSONError) -> Bool {
        var found = false
        if current == UInt8(ascii: ".") {
            found = true
            position += 1
            try digits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            found = true
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        return found
    }

    private mutating func digits() throws(JSONError) {
        guard digitAtPosition() != nil else { throw unexpected("a digit") }
        while digitAtPosition() != nil { position += 1 }
    }

    // MARK: Strings

    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                guard let text = String(validating: bytes[start..<position], as: UTF8.self) else {
                    throw notUTF8(start)
                }
                position += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            if byte < 0x20 { throw controlCharacter() }
            position += 1
        }
        throw unexpected("the closing quote of a string")
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var buffer = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: buffer, as: UTF8.self) else { throw notUTF8(start) }
                position += 1
                return text
            case UInt8(ascii: "\\"):
                position += 1
                try escape(into: &buffer)
            case 0..<0x20:
                throw controlCharacter()
            default:
                buffer.append(byte)
                position += 1
            }
        }
        throw unexpected("the closing quote of a string")
    }

    private mutating func escape(into buffer: inout [UInt8]) throws(JSONError) {
        guard let byte = current else { throw unexpected("an escape character") }
        let plain: UInt8
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = byte
        case UInt8(ascii: "b"): plain = 0x08
        case UInt8(ascii: "f"): plain = 0x0C
        case UInt8(ascii: "n"): plain = 0x0A
        case UInt8(ascii: "r"): plain = 0x0D
        case UInt8(ascii: "t"): plain = 0x09
        case UInt8(ascii: "u"):
            position += 1
            buffer.append(contentsOf: String(Character(try unicodeScalar())).utf8)
            return
        default: throw unexpected("one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u")
        }
        position += 1
        buffer.append(plain)
    }

    private mutating func unicodeScalar() throws(JSONError) -> Unicode.Scalar {
        let start = position
        let first = try fourHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xDC00, current == UInt8(ascii: "\\"), position + 1 < bytes.count,
            bytes[position + 1] == UInt8(ascii: "u")
        {
            position += 2
            let second = try fourHexDigits()
            if (0xDC00...0xDFFF).contains(second),
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            {
                return scalar
            }
        }
        throw JSONError(
            code: .syntax, message: "a \\u escape is half of a surrogate pair\(place(start))", offset: start)
    }

    private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Self.hexDigit(byte) else { throw unexpected("a hexadecimal digit") }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    // MARK: Errors

    private func unexpected(_ wanted: String) -> JSONError {
        let found: String
        switch current {
        case nil: found = "the document ends"
        case .some(let byte) where byte >= 0x21 && byte < 0x7F: found = "found '\(Unicode.Scalar(byte))'"
        case .some(let byte): found = "found byte 0x\(String(byte, radix: 16))"
        }
        return JSONError(code: .syntax, message: "expected \(wanted), \(found)\(place(position))", offset: position)
    }

    private func controlCharacter() -> JSONError {
        JSONError(
            code: .syntax, message: "a control character inside a string must be escaped\(place(position))",
            offset: position)
    }

    private func notUTF8(_ start: Int) -> JSONError {
        JSONError(code: .syntax, message: "a string is not valid UTF-8\(place(start))", offset: start)
    }

    private func place(_ offset: Int) -> String {
        let before = bytes[..<min(offset, bytes.count)]
        let line = before.reduce(1) { $1 == 0x0A ? $0 + 1 : $0 }
        let column = before.count - (before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0) + 1
        return " (line \(line), column \(column))"
    }
}
