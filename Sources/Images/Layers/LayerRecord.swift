internal import CArchive
internal import Linux
internal import OCI

/// One step of a layer's index, in the order of the tar stream.
///
/// The records of a layer together with its unpacked files give back the exact stream it was unpacked from: everything
/// but the content of regular files stands in ``raw(_:)`` records (headers, pax and GNU blocks, padding, what follows the
/// end), and an entry with content stands where its content was. The idea is tar-split's; the format is in ADR 16.
enum LayerRecord: Equatable {
    /// Bytes of the stream.
    case raw([UInt8])
    /// What an entry became in the layer's directory.
    case entry(LayerEntry)
    /// What earlier records say about this path holds no longer; with `beneath` also about everything under it.
    case superseded(path: [UInt8], beneath: Bool)
    /// The last record; an index without one is cut off.
    case end(LayerStream)
}

/// The stream a layer was unpacked from.
struct LayerStream: Equatable, Sendable {
    let diffID: Digest
    let bytes: Int64
    /// False when a later entry replaced a file's content, so that the directory no longer has all of the stream.
    let isRebuildable: Bool
}

/// An entry of a layer as it was found in the directory right after it was made.
struct LayerEntry: Equatable {
    enum Kind: UInt8 {
        case file = 1
        case directory, symbolicLink, fifo, hardLink, whiteout, opaque
    }

    /// A run of bytes that the archive holds of a file; holes are between them.
    struct Extent: Equatable {
        var offset: Int64
        var length: Int64
    }

    var kind: Kind
    /// Bytes beneath the layer's root, without slashes at the ends.
    var path: [UInt8]
    var permissions: UInt32 = 0
    var user: UInt32 = 0
    var group: UInt32 = 0
    var seconds: Int64 = 0
    var nanoseconds: Int64 = 0
    /// Extended attributes by name, as they were set.
    var attributes: [Attribute] = []
    /// Bytes of a file, holes included.
    var size: Int64 = 0
    /// SHA-256 of a file's extents, one after the other.
    var digest: [UInt8] = []
    var extents: [Extent] = []
    /// Of a symbolic link its text, of a hard link the path beneath the layer's root.
    var target: [UInt8] = []

    struct Attribute: Equatable {
        let name: String
        let value: [UInt8]
    }

    init(_ kind: Kind, path: EntryPath) {
        self.kind = kind
        self.path = path.bytes
    }

    init(_ kind: Kind, bytes: [UInt8]) {
        self.kind = kind
        path = bytes
    }

    /// Takes owner, mode and time from what the file system says.
    mutating func take(_ info: stat) {
        permissions = UInt32(info.st_mode & 0o7777)
        user = info.st_uid
        group = info.st_gid
        seconds = Int64(info.st_mtim.tv_sec)
        nanoseconds = Int64(info.st_mtim.tv_nsec)
    }

    /// Adds a piece of content that the archive has.
    mutating func extend(from offset: Int64, by length: Int64) {
        guard length > 0 else { return }
        if let last = extents.last, last.offset + last.length == offset {
            extents[extents.count - 1].length += length
        } else {
            extents.append(Extent(offset: offset, length: length))
        }
    }

    /// True when the archive has every byte of the file.
    var isWhole: Bool { extents == (size == 0 ? [] : [Extent(offset: 0, length: size)]) }
    /// Bytes of the tar stream.
    var storedBytes: Int64 { extents.reduce(0) { $0 + $1.length } }
}

extension EntryPath {
    /// The path in bytes, slashes between the components.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for name in components {
            if !bytes.isEmpty { bytes.append(UInt8(ascii: "/")) }
            bytes.append(contentsOf: name.dropLast().map(UInt8.init(bitPattern:)))
        }
        return bytes
    }
}

// MARK: Bytes

extension LayerRecord {
    static let magic = Array("wherry layer index 1\n".utf8)
    /// A raw record holds at most this; longer runs take several.
    static let rawLimit = 64 << 10

    private enum Tag: UInt8 {
        case end = 0
        case raw, entry, superseded
    }

    func append(to buffer: inout [UInt8]) {
        switch self {
        case .raw(let bytes):
            buffer.append(Tag.raw.rawValue)
            Self.append(bytes, to: &buffer)
        case .entry(let entry):
            buffer.append(Tag.entry.rawValue)
            Self.append(entry, to: &buffer)
        case .superseded(let path, let beneath):
            buffer.append(Tag.superseded.rawValue)
            Self.append(path, to: &buffer)
            buffer.append(beneath ? 1 : 0)
        case .end(let stream):
            buffer.append(Tag.end.rawValue)
            Self.append(Array(stream.diffID.hex.utf8), to: &buffer)
            Self.append(stream.bytes, to: &buffer)
            buffer.append(stream.isRebuildable ? 1 : 0)
        }
    }

    private static func append(_ entry: LayerEntry, to buffer: inout [UInt8]) {
        buffer.append(entry.kind.rawValue)
        append(entry.path, to: &buffer)
        append(Int64(entry.permissions), to: &buffer)
        append(Int64(entry.user), to: &buffer)
        append(Int64(entry.group), to: &buffer)
        append(entry.seconds, to: &buffer)
        append(entry.nanoseconds, to: &buffer)
        append(Int64(entry.attributes.count), to: &buffer)
        for attribute in entry.attributes {
            append(Array(attribute.name.utf8), to: &buffer)
            append(attribute.value, to: &buffer)
        }
        switch entry.kind {
        case .file:
            append(entry.size, to: &buffer)
            buffer.append(contentsOf: entry.digest)
            // The common case, one run from the start to the end, takes one byte.
            append(Int64(entry.isWhole ? 0 : entry.extents.count + 1), to: &buffer)
            for extent in entry.isWhole ? [] : entry.extents {
                append(extent.offset, to: &buffer)
                append(extent.length, to: &buffer)
            }
        case .symbolicLink, .hardLink: append(entry.target, to: &buffer)
        case .directory, .fifo, .whiteout, .opaque: break
        }
    }

    private static func append(_ bytes: [UInt8], to buffer: inout [UInt8]) {
        append(Int64(bytes.count), to: &buffer)
        buffer.append(contentsOf: bytes)
    }

    /// LEB128 of the zigzag form: small numbers of either sign are short.
    private static func append(_ number: Int64, to buffer: inout [UInt8]) {
        var rest = UInt64(bitPattern: (number << 1) ^ (number >> 63))
        while rest >= 0x80 {
            buffer.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.append(UInt8(rest))
    }

    /// Reads the next record.
    init(from source: LayerIndexReader) throws(ImageError) {
        guard let tag = Tag(rawValue: try source.byte()) else { throw source.damaged("an unknown record") }
        switch tag {
        case .raw: self = .raw(try source.bytes(limit: Self.rawLimit))
        case .entry: self = .entry(try Self.entry(from: source))
        case .superseded: self = .superseded(path: try source.bytes(limit: 4096), beneath: try source.byte() != 0)
        case .end:
            let hex = String(decoding: try source.bytes(limit: 64), as: UTF8.self)
            guard let diffID = try? Digest(hex: hex) else { throw source.damaged("a bad diff ID") }
            self = .end(
                LayerStream(diffID: diffID, bytes: try source.number(), isRebuildable: try source.byte() != 0))
        }
    }

    private static func entry(from source: LayerIndexReader) throws(ImageError) -> LayerEntry {
        guard let kind = LayerEntry.Kind(rawValue: try source.byte()) else {
            throw source.damaged("an unknown kind of entry")
        }
        var entry = LayerEntry(kind, bytes: try source.bytes(limit: 4096))
        entry.permissions = UInt32(truncatingIfNeeded: try source.number())
        entry.user = UInt32(truncatingIfNeeded: try source.number())
        entry.group = UInt32(truncatingIfNeeded: try source.number())
        entry.seconds = try source.number()
        entry.nanoseconds = try source.number()
        for _ in 0..<(try source.count(limit: 4096)) {
            let name = String(decoding: try source.bytes(limit: 255), as: UTF8.self)
            entry.attributes.append(.init(name: name, value: try source.bytes(limit: 64 << 10)))
        }
        switch kind {
        case .file: try readContent(of: &entry, from: source)
        case .symbolicLink, .hardLink: entry.target = try source.bytes(limit: 4096)
        case .directory, .fifo, .whiteout, .opaque: break
        }
        return entry
    }

    private static func readContent(of entry: inout LayerEntry, from source: LayerIndexReader) throws(ImageError) {
        entry.size = try source.number()
        entry.digest = try source.fixed(32)
        let count = try source.count(limit: Int.max - 1)
        guard count > 0 else {
            entry.extents = entry.size == 0 ? [] : [.init(offset: 0, length: entry.size)]
            return
        }
        for _ in 1..<count {
            entry.extents.append(.init(offset: try source.number(), length: try source.number()))
        }
    }
}
