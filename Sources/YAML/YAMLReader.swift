public import JSON

/// Reads YAML as kubectl does: one JSON value per document.
///
/// Plain scalars are what sigs.k8s.io/yaml makes of them (YAML 1.1: `yes` and `on` are true, `0644` is octal); quoted
/// ones stay strings. Keys are always the text that stands there. Anchors, aliases and `<<` are resolved.
public enum YAMLReader {
    /// All documents of a stream; empty ones are left out.
    ///
    /// - Parameter limits: `maxBytes` bounds the text, and also what it grows to when aliases are expanded.
    /// - Throws: ``YAMLError`` with line and column.
    public static func documents(
        in bytes: [UInt8], limits: JSONLimits = .default
    ) throws(YAMLError) -> [JSONValue] {
        guard bytes.count <= limits.maxBytes else {
            throw YAMLError(
                code: .size, message: "the text has \(bytes.count) bytes; at most \(limits.maxBytes) are allowed",
                line: 1, column: 1)
        }
        // JSON is read by its own parser: exact numbers, tabs allowed. What it refuses may still be YAML.
        if bytes.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) == UInt8(ascii: "{"),
            let value = try? JSONValue(parsing: bytes, limits: limits)
        {
            return [value]
        }
        let result: Result<[JSONValue], YAMLError> = bytes.withUnsafeBufferPointer { buffer in
            do throws(YAMLError) {
                var composer = try YAMLComposer(EventStream(buffer), limits: limits)
                return .success(try composer.documents())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// All documents of a text.
    public static func documents(in text: String, limits: JSONLimits = .default) throws(YAMLError) -> [JSONValue] {
        try documents(in: Array(text.utf8), limits: limits)
    }
}
