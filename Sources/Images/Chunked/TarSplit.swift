internal import JSON
internal import OCI

/// Reads tar-split's record of a tar (vbatts/tar-split): a line of JSON for each run of raw bytes and for each file.
///
/// The raw bytes between two contents are exactly what the tar has there. As with the table of contents, the layer's diff ID
/// tells whether that is so.
struct TarSplitReader {
    enum Item: Equatable {
        case raw([UInt8])
        /// A file's content, of so many bytes.
        case content(Int64)
    }

    private static let file = 1
    private static let segment = 2
    /// A segment has one entry's headers: long names and attributes.
    private static let lineLimit = 1 << 20

    private var line: [UInt8] = []

    /// Calls `body` with each item of the decompressed lines.
    mutating func read(
        plainSize: Int64, next: () throws(ImageError) -> UnsafeRawBufferPointer?, _ body: (Item) throws -> Void
    ) throws {
        var count: Int64 = 0
        while let block = try next() {
            count += Int64(block.count)
            guard count <= plainSize else { throw Self.invalid("is larger than its descriptor says") }
            for byte in block {
                guard byte == UInt8(ascii: "\n") else {
                    line.append(byte)
                    guard line.count <= Self.lineLimit else { throw Self.invalid("has a line that is too long") }
                    continue
                }
                try finishLine(body)
            }
        }
        try finishLine(body)
    }

    private mutating func finishLine(_ body: (Item) throws -> Void) throws {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else { return }
        let value: JSONValue
        do { value = try JSONValue(parsing: line, limits: JSONLimits(maxDepth: 4, maxBytes: Self.lineLimit)) } catch {
            throw Self.invalid("is no JSON (\(error.message))")
        }
        switch value["type"]?.intValue {
        case Self.segment:
            guard let bytes = value["payload"]?.stringValue.flatMap({ Base64.decode($0) }) else {
                throw Self.invalid("has a segment without bytes")
            }
            try body(.raw(bytes))
        case Self.file:
            let size = value["size"]?.intValue ?? 0
            guard size >= 0 else { throw Self.invalid("has a file of negative size") }
            if size > 0 { try body(.content(Int64(size))) }
        default: throw Self.invalid("has a record of unknown type")
        }
    }

    static func invalid(_ what: String) -> ImageError { ImageError(.invalidLayer, "its tar-split record \(what)") }
}
