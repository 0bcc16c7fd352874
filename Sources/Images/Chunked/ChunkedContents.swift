internal import JSON
internal import Linux
internal import OCI

/// The table of contents of a zstd:chunked layer.
///
/// Nothing of it reaches the file system. It says where in the blob which content stands, which helps to decide what to fetch;
/// what comes of it is a tar that must have the layer's diff ID, and that is unpacked like any other.
struct ChunkedContents: Sendable {
    /// An entry of the tar.
    struct Entry: Sendable {
        enum Kind: String, Sendable {
            case file = "reg"
            case hardLink = "hardlink"
            case symbolicLink = "symlink"
            case directory = "dir"
            case fifo
            case characterDevice = "char"
            case blockDevice = "block"
        }

        let kind: Kind
        /// As the tar has it, where that is UTF-8.
        let name: String
        let link: String
        let mode: Int64
        let user: Int64
        let group: Int64
        let size: Int64
        /// Seconds since 1970, and what is beyond them.
        let modified: (seconds: Int64, nanoseconds: Int32)
        /// Extended attributes; a value that is no base64 makes it nil.
        let attributes: [String: [UInt8]]?
        /// Where its content stands; nil when it has none.
        var payload: Payload?
    }

    /// A file's content in the blob.
    struct Payload: Sendable {
        /// Whole zstd frames.
        var frames: Range<Int64>
        let digest: [UInt8]
        /// Its pieces, each of frames of its own; never empty.
        var chunks: [Chunk]
    }

    struct Chunk: Sendable {
        /// In the file.
        let offset: Int64
        let size: Int64
        var frames: Range<Int64>
        let digest: [UInt8]
        let isZeros: Bool
    }

    /// In the order of the tar; so are the frames.
    let entries: [Entry]
    /// Of the tar-split section, compressed.
    let tarSplitDigest: Digest?

    /// Bytes of one entry, whose extended attributes may have 64 KiB.
    static let entryLimit = 256 << 10
    private static let entriesLimit = 200_000

    /// - Parameters:
    ///   - data: Where the frames of the tar are.
    ///   - next: Gives the decompressed table block by block.
    init(
        in data: Range<Int64>, plainSize: Int64, next: () throws(ImageError) -> UnsafeRawBufferPointer?
    ) throws(ImageError) {
        var scanner = ElementScanner(limit: Self.entryLimit)
        var builder = Builder(data: data)
        var bytes: Int64 = 0
        while let block = try next() {
            bytes += Int64(block.count)
            guard bytes <= plainSize else { throw Self.invalid("is larger than its descriptor says") }
            try scanner.scan(block) { element throws(ImageError) in
                try builder.add(try Self.json(element))
                guard builder.entries.count <= Self.entriesLimit else {
                    throw ImageError(.limitExceeded, "its table of contents has more than \(Self.entriesLimit) entries")
                }
            }
        }
        let head = try Self.json(scanner.rest)
        guard head["version"]?.intValue == 1 else { throw Self.invalid("is not of version 1") }
        guard head["entries"]?.arrayValue?.isEmpty == true else { throw Self.invalid("has no list of entries") }
        try builder.finish()
        entries = builder.entries
        tarSplitDigest = head["tarSplitDigest"]?.stringValue.flatMap { try? Digest(parsing: $0) }
    }

    private static func json(_ bytes: [UInt8]) throws(ImageError) -> JSONValue {
        do {
            return try JSONValue(parsing: bytes, limits: JSONLimits(maxDepth: 8, maxBytes: entryLimit))
        } catch {
            throw invalid("is no JSON (\(error.message))")
        }
    }

    static func invalid(_ what: String) -> ImageError {
        ImageError(.invalidLayer, "its table of contents \(what)")
    }
}

/// Puts entries together, and refuses what cannot be true of any blob.
private struct Builder {
    private(set) var entries: [ChunkedContents.Entry] = []
    private let data: Range<Int64>
    /// Where the frames of the last content end.
    private var position: Int64 = 0
    /// The file whose chunks may follow.
    private var isOpen = false

    init(data: Range<Int64>) { self.data = data }

    mutating func add(_ value: JSONValue) throws(ImageError) {
        let type = value["type"]?.stringValue ?? ""
        if type == "chunk" { return try addChunk(value) }
        try close()
        guard let kind = ChunkedContents.Entry.Kind(rawValue: type) else {
            throw ChunkedContents.invalid("has an entry of unknown type")
        }
        guard let name = value["name"]?.stringValue, !name.isEmpty, name.utf8.count <= 4096 else {
            throw ChunkedContents.invalid("has an entry without a proper name")
        }
        var entry = ChunkedContents.Entry(
            kind: kind, name: name, link: value["linkName"]?.stringValue ?? "", mode: try number("mode", of: value),
            user: try number("uid", of: value), group: try number("gid", of: value),
            size: try number("size", of: value),
            modified: value["modtime"]?.stringValue.flatMap { RFC3339.parse($0) } ?? (0, 0),
            attributes: attributes(of: value))
        if kind == .file, entry.size > 0 {
            entry.payload = try payload(value, size: entry.size)
            isOpen = true
        }
        entries.append(entry)
    }

    mutating func finish() throws(ImageError) { try close() }

    private func payload(_ value: JSONValue, size: Int64) throws(ImageError) -> ChunkedContents.Payload {
        let start = try number("offset", of: value)
        let end = try number("endOffset", of: value)
        guard start >= position, start < end, end <= data.upperBound else {
            throw ChunkedContents.invalid("has content out of order or outside the blob")
        }
        let digest = try Self.digest(value["digest"])
        // Without chunks the file is one.
        let chunkSize = try number("chunkSize", of: value)
        let chunk = ChunkedContents.Chunk(
            offset: 0, size: chunkSize == 0 ? size : chunkSize, frames: start..<end,
            digest: chunkSize == 0 ? digest : try Self.digest(value["chunkDigest"]),
            isZeros: chunkSize > 0 && value["chunkType"]?.stringValue == "zeros")
        guard chunk.size <= size else { throw ChunkedContents.invalid("has a chunk that is larger than its file") }
        return ChunkedContents.Payload(frames: start..<end, digest: digest, chunks: [chunk])
    }

    private mutating func addChunk(_ value: JSONValue) throws(ImageError) {
        guard isOpen, let last = entries.indices.last, var payload = entries[last].payload,
            let before = payload.chunks.last, value["name"]?.stringValue == entries[last].name
        else { throw ChunkedContents.invalid("has a chunk of no file") }
        let start = try number("offset", of: value)
        let (offset, size) = (try number("chunkOffset", of: value), try number("chunkSize", of: value))
        guard start > before.frames.lowerBound, start < payload.frames.upperBound,
            offset == before.offset + before.size,
            size > 0, size <= entries[last].size - offset
        else { throw ChunkedContents.invalid("has chunks that overlap or leave gaps") }
        payload.chunks[payload.chunks.count - 1].frames = before.frames.lowerBound..<start
        payload.chunks.append(
            ChunkedContents.Chunk(
                offset: offset, size: size, frames: start..<payload.frames.upperBound,
                digest: try Self.digest(value["chunkDigest"]), isZeros: value["chunkType"]?.stringValue == "zeros"))
        entries[last].payload = payload
    }

    /// The chunks of a file must be all of it.
    private mutating func close() throws(ImageError) {
        guard isOpen, let entry = entries.last, let payload = entry.payload, let last = payload.chunks.last else {
            return
        }
        guard last.offset + last.size == entry.size else {
            throw ChunkedContents.invalid("has a file whose chunks are not all of it")
        }
        position = payload.frames.upperBound
        isOpen = false
    }

    private func number(_ key: String, of value: JSONValue) throws(ImageError) -> Int64 {
        guard let member = value[key] else { return 0 }
        guard let number = member.intValue, number >= 0 else {
            throw ChunkedContents.invalid("has no proper number as \(key)")
        }
        return Int64(number)
    }

    private static func digest(_ value: JSONValue?) throws(ImageError) -> [UInt8] {
        guard let text = value?.stringValue, let digest = try? Digest(parsing: text) else {
            throw ChunkedContents.invalid("has content without a digest")
        }
        return digest.bytes
    }

    private func attributes(of value: JSONValue) -> [String: [UInt8]]? {
        var attributes: [String: [UInt8]] = [:]
        for (name, value) in value["xattrs"]?.objectValue ?? [:] {
            guard let bytes = value.stringValue.flatMap({ Base64.decode($0) }) else { return nil }
            attributes[name] = bytes
        }
        return attributes
    }
}

extension Digest {
    /// The 32 bytes of the sum.
    var bytes: [UInt8] {
        func value(_ digit: UInt8) -> UInt8 { digit <= UInt8(ascii: "9") ? digit - UInt8(ascii: "0") : digit - 87 }
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).map { value(digits[$0]) << 4 | value(digits[$0 + 1]) }
    }
}
