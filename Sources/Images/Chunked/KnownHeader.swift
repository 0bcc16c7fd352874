internal import Linux

/// The header of one entry in a tar that is here, for guessing the header of an entry that is not.
///
/// A new version of an image has mostly the files of the one before it, made by the same tool: its headers differ in times,
/// sizes and owners, which a table of contents has. A wrong guess is found by the layer's diff ID and costs fetching the
/// layer as a whole; this need not understand all that a tar may be.
struct KnownHeader {
    /// The blocks of this entry: those of its long names and attributes, and its own.
    let blocks: [UInt8]
    /// Whether it is one block, which says everything.
    var isPlain: Bool { blocks.count == Self.blockSize }

    static let blockSize = 512
    private static let name = Field(offset: 0, width: 100)
    private static let mode = Field(offset: 100, width: 8)
    private static let user = Field(offset: 108, width: 8)
    private static let group = Field(offset: 116, width: 8)
    private static let size = Field(offset: 124, width: 12)
    private static let time = Field(offset: 136, width: 12)
    private static let checksum = Field(offset: 148, width: 8)
    private static let type = 156
    private static let link = Field(offset: 157, width: 100)
    private static let magic = 257
    private static let prefix = Field(offset: 345, width: 155)

    /// Cuts headers that follow each other apart. What is no header, such as the zeros at the end, ends them.
    static func all(in raw: ArraySlice<UInt8>) -> [KnownHeader] {
        var headers: [KnownHeader] = []
        var (start, position) = (raw.startIndex, raw.startIndex)
        while raw.endIndex - position >= blockSize {
            let block = Block(raw[position..<(position + blockSize)])
            guard block.bytes[type] != 0 || block.bytes[0] != 0 else { break }
            position += blockSize
            guard isExtension(block.bytes[type]) else {
                headers.append(KnownHeader(blocks: Array(raw[start..<position])))
                start = position
                continue
            }
            guard let length = block.number(size), length <= raw.endIndex - position else { break }
            position += (Int(length) + blockSize - 1) / blockSize * blockSize
        }
        return headers
    }

    /// pax records of the next entry or of all, GNU's long name and long link.
    private static func isExtension(_ type: UInt8) -> Bool { "xgLK".utf8.contains(type) }

    /// The name in a plain header, as a table of contents has it.
    var plainName: String {
        let block = Block(blocks[...])
        let name = block.text(Self.name)
        guard block.isUstar, case let prefix = block.text(Self.prefix), !prefix.isEmpty else {
            return String(decoding: name, as: UTF8.self)
        }
        return String(decoding: prefix + [UInt8(ascii: "/")] + name, as: UTF8.self)
    }

    /// The header that `entry` has if the tool that made this one made it, too; nil when that cannot be told.
    ///
    /// - Parameter known: What this one's entry became here; nil for one that left nothing.
    func header(of entry: ChunkedContents.Entry, known: LayerEntry?) -> [UInt8]? {
        let start = blocks.count - Self.blockSize
        var block = Block(blocks[start...])
        guard block.fits(entry, Self.type) else { return nil }
        let before = block.bytes
        for (field, value) in [
            (Self.mode, entry.mode), (Self.user, entry.user), (Self.group, entry.group), (Self.size, entry.size),
            (Self.time, entry.modified.seconds),
        ] {
            guard block.set(field, value) else { return nil }
        }
        if isPlain {
            guard entry.modified.nanoseconds == 0, entry.attributes?.isEmpty == true, plainName == entry.name,
                block.text(Self.link) == Array(entry.link.utf8)
            else { return nil }
        } else {
            // What the other blocks say must be the same; nothing of them is understood here.
            guard block.bytes == before, let known, let attributes = entry.attributes,
                known.nanoseconds == Int64(entry.modified.nanoseconds),
                known.attributes.count == attributes.count,
                known.attributes.allSatisfy({ attributes[$0.name] == $0.value }),
                blocks.contains(Array(entry.name.utf8)), known.target.isEmpty || blocks.contains(Array(entry.link.utf8))
            else { return nil }
        }
        guard block.bytes != before else { return blocks }
        guard block.seal(Self.checksum) else { return nil }
        return Array(blocks[..<start]) + block.bytes
    }

    fileprivate struct Field {
        let offset: Int
        let width: Int
    }

    /// One block of a header.
    private struct Block {
        private(set) var bytes: [UInt8]

        init(_ bytes: ArraySlice<UInt8>) { self.bytes = Array(bytes) }

        var isUstar: Bool { bytes[KnownHeader.magic...].starts(with: Array("ustar\u{0}".utf8)) }

        func text(_ field: Field) -> [UInt8] {
            Array(bytes[field.offset..<(field.offset + field.width)].prefix { $0 != 0 })
        }

        private func digits(_ field: Field) -> Range<Int>? {
            let end = field.offset + field.width
            let digits = bytes[field.offset..<end].prefix { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }
            let rest = bytes[digits.endIndex..<end]
            return digits.isEmpty || !rest.allSatisfy({ $0 == 0 || $0 == 0x20 })
                ? nil : digits.startIndex..<digits.endIndex
        }

        /// Nil for what is no octal number from the field's first byte on.
        func number(_ field: Field) -> Int64? {
            digits(field).map { bytes[$0].reduce(0) { $0 << 3 | Int64($1 & 7) } }
        }

        /// Writes a number in the manner of the one that is there; false when that cannot be.
        mutating func set(_ field: Field, _ value: Int64) -> Bool {
            guard let digits = digits(field), value >= 0 else { return false }
            let text = Array(String(value, radix: 8).utf8)
            guard text.count <= digits.count else { return false }
            bytes.replaceSubrange(
                digits, with: [UInt8](repeating: UInt8(ascii: "0"), count: digits.count - text.count) + text)
            return true
        }

        /// Puts the checksum right.
        mutating func seal(_ field: Field) -> Bool {
            let own = bytes[field.offset..<(field.offset + field.width)].reduce(0) { $0 + Int64($1) }
            let sum = bytes.reduce(-own) { $0 + Int64($1) } + Int64(field.width) * 0x20
            return set(field, sum)
        }

        func fits(_ entry: ChunkedContents.Entry, _ type: Int) -> Bool {
            switch (bytes[type], entry.kind) {
            case (0x30, .file), (0, .file), (0x31, .hardLink), (0x32, .symbolicLink), (0x35, .directory), (0x36, .fifo):
                true
            default: false
            }
        }
    }
}

extension [UInt8] {
    /// Whether these bytes stand somewhere in it.
    fileprivate func contains(_ part: [UInt8]) -> Bool {
        guard let first = part.first, part.count <= count else { return part.isEmpty }
        return (0...(count - part.count)).contains {
            self[$0] == first && self[$0..<($0 + part.count)].elementsEqual(part)
        }
    }
}
