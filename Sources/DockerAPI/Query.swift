internal import HTTPTypes
internal import JSON

/// A request's query in the forms that Docker's clients write.
struct Query {
    private let values: [(String, String)]

    /// Reads the raw text, because Go's clients write spaces as `+`, which URI decoding leaves alone.
    init(_ text: String?) {
        values = (text ?? "").split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? parts[1] : ""
            return (PercentCoding.decodeForm(parts[0]), PercentCoding.decodeForm(value))
        }
    }

    subscript(name: String) -> String? { values.first { $0.0 == name }?.1 }

    func all(_ name: String) -> [String] { values.filter { $0.0 == name }.map(\.1) }

    /// `1`, `true` and docker-py's `True`.
    func flag(_ name: String) -> Bool { ["1", "true"].contains(self[name]?.lowercased() ?? "") }

    /// The `filters` parameter, whose values are lists or maps of true.
    func filters() throws -> [String: [String]] {
        guard let text = self["filters"], !text.isEmpty else { return [:] }
        guard let fields = (try? JSONValue(parsing: text))?.objectValue else {
            throw DockerFailure(.badRequest, "invalid filters: not a JSON object")
        }
        return fields.mapValues { value in
            if let list = value.arrayValue { return list.compactMap(\.stringValue) }
            return (value.objectValue ?? [:]).filter { $0.value.boolValue == true }.keys.sorted()
        }
    }
}

/// What follows a marker in a path, percent-decoded.
struct PathRest {
    let text: String

    init(_ path: String, after marker: String) {
        let bytes = Array(path.utf8)
        let pattern = Array(marker.utf8)
        let start = bytes.indices.first { bytes[$0...].starts(with: pattern) }
        text = start.map { PercentCoding.decode(bytes[($0 + pattern.count)...]) } ?? ""
    }

    /// The name in `NAME/action`; nil when the path ends otherwise.
    func name(before action: String) -> String? {
        let suffix = "/" + action
        guard text.hasSuffix(suffix), text.utf8.count > suffix.utf8.count else { return nil }
        return String(text.dropLast(suffix.count))
    }
}

/// Percent-decoding; invalid escapes stay as they are.
enum PercentCoding {
    /// Of a form's names and values, where `+` is a space.
    static func decodeForm(_ text: Substring) -> String {
        decode(text.utf8.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }[...])
    }

    static func decode(_ bytes: ArraySlice<UInt8>) -> String {
        var result: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == UInt8(ascii: "%"), digits.count == 2,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            {
                result.append(value)
                rest = rest.dropFirst(2)
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
