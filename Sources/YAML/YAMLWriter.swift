public import JSON

/// Writes YAML in block style, with sorted keys, so that equal values give equal text.
public enum YAMLWriter {
    /// One document, without `---`, with a newline at the end.
    public static func write(_ value: JSONValue) -> String {
        var writer = BlockWriter()
        writer.write(value, indent: 0, place: .document)
        return writer.text
    }
}

private struct BlockWriter {
    enum Place { case document, member, element }

    private(set) var text = ""

    mutating func write(_ value: JSONValue, indent: Int, place: Place) {
        switch value {
        case .object(let members) where !members.isEmpty: write(members, indent: indent, place: place)
        case .array(let elements) where !elements.isEmpty: write(elements, indent: indent, place: place)
        case .string(let string) where Self.isBlock(string):
            if place != .document { text += " " }
            writeBlock(string, indent: max(indent, 2))
        default:
            if place != .document { text += " " }
            text += Self.scalar(value) + "\n"
        }
    }

    private mutating func write(_ members: [String: JSONValue], indent: Int, place: Place) {
        if place == .member { text += "\n" }
        // The first member of a list's element stands on the line of the dash.
        var first = place == .element
        for (key, value) in members.sorted(by: { $0.key < $1.key }) {
            text += first ? " " : String(repeating: " ", count: indent)
            first = false
            text += Self.scalar(.string(key)) + ":"
            let isList = if case .array = value { true } else { false }
            write(value, indent: isList ? indent : indent + 2, place: .member)
        }
    }

    private mutating func write(_ elements: [JSONValue], indent: Int, place: Place) {
        if place == .member { text += "\n" }
        var first = place == .element
        for element in elements {
            text += (first ? " " : String(repeating: " ", count: indent)) + "-"
            first = false
            write(element, indent: indent + 2, place: .element)
        }
    }

    private mutating func writeBlock(_ string: String, indent: Int) {
        text += string.hasSuffix("\n") ? (string.hasSuffix("\n\n") ? "|+\n" : "|\n") : "|-\n"
        var lines = string.split(separator: "\n", omittingEmptySubsequences: false)
        if string.hasSuffix("\n") { lines.removeLast() }
        for line in lines {
            if !line.isEmpty { text += String(repeating: " ", count: indent) + line }
            text += "\n"
        }
    }

    /// Whether a literal block shows the string as it is.
    private static func isBlock(_ string: String) -> Bool {
        guard string.utf8.contains(0x0A), let first = string.first, first != " ", first != "\n", first != "\t" else {
            return false
        }
        return string.unicodeScalars.allSatisfy { $0 == "\n" || isPrintable($0) }
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x20...0x7E, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF:
            scalar.value != 0x2028 && scalar.value != 0x2029
        default: false
        }
    }

    private static func scalar(_ value: JSONValue) -> String {
        switch value {
        case .string(let string): isPlain(string) ? string : quoted(string)
        case .array: "[]"
        case .object: "{}"
        default: value.description
        }
    }

    private static func quoted(_ string: String) -> String {
        var text = "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            default:
                if isPrintable(scalar) { text.unicodeScalars.append(scalar) } else { text += escape(scalar) }
            }
        }
        return text + "\""
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let hex = String(scalar.value, radix: 16)
        let width = scalar.value <= 0xFF ? 2 : scalar.value <= 0xFFFF ? 4 : 8
        let letter = width == 2 ? "x" : width == 4 ? "u" : "U"
        return "\\\(letter)" + String(repeating: "0", count: width - hex.utf8.count) + hex
    }

    /// Whether the string reads back as itself without quotes. Stricter than YAML asks.
    private static func isPlain(_ string: String) -> Bool {
        guard case .string = ScalarResolver.plain(string), let first = string.utf8.first, let last = string.utf8.last
        else { return false }
        let starters = "-?:,[]{}#&*!|>'\"%@`=<~ "
        if starters.utf8.contains(first) || last == 0x20 || last == UInt8(ascii: ":") { return false }
        if string.contains(": ") || string.contains(" #") || string.hasPrefix("---") || string.hasPrefix("...") {
            return false
        }
        // Texts that other readers take for dates or base-60 numbers.
        if (0x30...0x39).contains(first), string.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 == 0x2D }) {
            return false
        }
        return string.unicodeScalars.allSatisfy { $0.value != 0x09 && isPrintable($0) }
    }
}
