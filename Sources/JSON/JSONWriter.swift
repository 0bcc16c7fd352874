extension JSONValue {
    /// The JSON text: members sorted by name, integers as integers, other numbers as the shortest text that reads back
    /// as the same double. Equal values give equal bytes.
    ///
    /// - Parameter pretty: Two spaces per level and a newline at the end.
    public func serialized(pretty: Bool = false) -> [UInt8] {
        var writer = JSONWriter(pretty: pretty)
        writer.write(self)
        if pretty { writer.bytes.append(0x0A) }
        return writer.bytes
    }
}

struct JSONWriter {
    var bytes: [UInt8] = []
    private let pretty: Bool
    private var level = 0

    init(pretty: Bool) { self.pretty = pretty }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): write(integer: value)
        // JSON has no infinities; they cannot come from the parser or the encoder.
        case .number(let value): bytes.append(contentsOf: (value.isFinite ? value.description : "null").utf8)
        case .string(let value): write(string: value)
        case .array(let elements): write(array: elements)
        case .object(let members): write(object: members)
        }
    }

    private mutating func write(integer value: Int64) {
        if value >= 0, value < 10 {
            bytes.append(UInt8(ascii: "0") + UInt8(value))
        } else {
            bytes.append(contentsOf: String(value).utf8)
        }
    }

    private mutating func write(array elements: [JSONValue]) {
        bytes.append(UInt8(ascii: "["))
        level += 1
        var first = true
        for element in elements {
            separate(&first)
            write(element)
        }
        close(UInt8(ascii: "]"), empty: first)
    }

    private mutating func write(object members: [String: JSONValue]) {
        bytes.append(UInt8(ascii: "{"))
        level += 1
        var first = true
        for (key, value) in members.sorted(by: { $0.key < $1.key }) {
            separate(&first)
            write(string: key)
            bytes.append(UInt8(ascii: ":"))
            if pretty { bytes.append(0x20) }
            write(value)
        }
        close(UInt8(ascii: "}"), empty: first)
    }

    private mutating func separate(_ first: inout Bool) {
        if !first { bytes.append(UInt8(ascii: ",")) }
        first = false
        newline()
    }

    private mutating func close(_ bracket: UInt8, empty: Bool) {
        level -= 1
        if !empty { newline() }
        bytes.append(bracket)
    }

    private mutating func newline() {
        guard pretty else { return }
        bytes.append(0x0A)
        bytes.append(contentsOf: repeatElement(0x20, count: 2 * level))
    }

    private mutating func write(string: String) {
        bytes.append(UInt8(ascii: "\""))
        var string = string
        string.withUTF8 { text in
            var start = 0
            for index in text.indices {
                let byte = text[index]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                bytes.append(contentsOf: text[start..<index])
                escape(byte)
                start = index + 1
            }
            bytes.append(contentsOf: text[start...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        default:
            let hex = String(byte, radix: 16)
            bytes.append(contentsOf: (hex.utf8.count == 1 ? "u000" : "u00").utf8)
            bytes.append(contentsOf: hex.utf8)
        }
    }
}
