internal import CArchive
internal import Linux

/// Reads a layer's index record by record. A file that is damaged throws ``ImageError`` with code `damaged`.
final class LayerIndexReader {
    private let path: String
    private let file: FileDescriptor
    private let archive: OpaquePointer
    private var block = UnsafeRawBufferPointer(start: nil, count: 0)
    private var position = 0
    private var hasEnded = false

    init(path: String) throws(ImageError) {
        self.path = path
        do {
            file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW)
        } catch {
            throw error.errno == .noEntry
                ? ImageError(.damaged, "its index is missing", cause: error) : ImageError(error)
        }
        guard let archive = archive_read_new() else { throw ImageError(.input, "out of memory") }
        self.archive = archive
        archive_read_support_filter_zstd(archive)
        archive_read_support_format_raw(archive)
        var entry: OpaquePointer?
        guard archive_read_open_fd(archive, file.rawValue, 64 << 10) == ARCHIVE_OK,
            archive_read_next_header(archive, &entry) == ARCHIVE_OK,
            try fixed(LayerRecord.magic.count) == LayerRecord.magic
        else { throw damaged("no index of a layer") }
    }

    deinit { archive_read_free(archive) }

    /// The next record; nil after the last.
    func next() throws(ImageError) -> LayerRecord? {
        if hasEnded { return nil }
        let record = try LayerRecord(from: self)
        if case .end = record { hasEnded = true }
        return record
    }

    func damaged(_ what: String) -> ImageError { ImageError(.damaged, "its index is damaged: \(what)") }

    // MARK: Pieces

    func byte() throws(ImageError) -> UInt8 {
        if position == block.count { try fill() }
        defer { position += 1 }
        return block[position]
    }

    func number() throws(ImageError) -> Int64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            let byte = try byte()
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
        }
        throw damaged("an endless number")
    }

    func count(limit: Int) throws(ImageError) -> Int {
        let value = try number()
        guard value >= 0, value <= limit else { throw damaged("a count of \(value)") }
        return Int(value)
    }

    func bytes(limit: Int) throws(ImageError) -> [UInt8] { try fixed(try count(limit: limit)) }

    func fixed(_ count: Int) throws(ImageError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            if position == block.count { try fill() }
            let end = min(block.count, position + count - bytes.count)
            bytes.append(contentsOf: block[position..<end])
            position = end
        }
        return bytes
    }

    private func fill() throws(ImageError) {
        var start: UnsafeRawPointer?
        var size = 0
        var offset: Int64 = 0
        while true {
            switch archive_read_data_block(archive, &start, &size, &offset) {
            case ARCHIVE_OK where size > 0:
                block = UnsafeRawBufferPointer(start: start, count: size)
                position = 0
                return
            case ARCHIVE_OK, ARCHIVE_RETRY: continue
            case ARCHIVE_EOF: throw damaged("it is cut off")
            default: throw damaged(archive_error_string(archive).map { String(cString: $0) } ?? "unreadable")
            }
        }
    }
}
