internal import CArchive
internal import Linux
internal import OCI

/// Writes a layer's index as the layer is unpacked, compressed with zstd: memory does not grow with the layer.
final class LayerIndexWriter {
    /// A finished index: its file's digest and size.
    struct File: Sendable, Hashable {
        let digest: Digest
        let size: Int64
    }

    private let path: String
    private let file: FileDescriptor
    private let archive: OpaquePointer
    private let header: OpaquePointer
    private var buffer: [UInt8]
    /// What of the stream is raw and not yet in a record.
    private var raw: [UInt8] = []
    /// Uncompressed bytes so far.
    private(set) var count: Int64 = 0

    /// - Parameter path: A new file.
    init(path: String) throws(ImageError) {
        do {
            file = try FileDescriptor.open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
        } catch {
            throw ImageError(error)
        }
        guard let archive = archive_write_new(), let header = archive_entry_new() else {
            throw ImageError(.input, "out of memory")
        }
        self.path = path
        self.archive = archive
        self.header = header
        buffer = LayerRecord.magic
        archive_entry_set_filetype(header, UInt32(S_IFREG as mode_t))
        archive_write_set_format_raw(archive)
        archive_write_set_bytes_in_last_block(archive, 1)
        guard archive_write_add_filter_zstd(archive) == ARCHIVE_OK,
            archive_write_open_fd(archive, file.rawValue) == ARCHIVE_OK,
            archive_write_header(archive, header) == ARCHIVE_OK
        else { throw failure() }
    }

    deinit {
        archive_entry_free(header)
        archive_write_free(archive)
    }

    /// Bytes of the stream that no file holds.
    func appendRaw(_ bytes: some Sequence<UInt8>) throws(ImageError) {
        raw.append(contentsOf: bytes)
        if raw.count >= LayerRecord.rawLimit { try flushRaw() }
    }

    func append(_ record: LayerRecord) throws(ImageError) {
        try flushRaw()
        record.append(to: &buffer)
        try flush(above: 64 << 10)
    }

    /// Writes the rest. The file's bytes are in the kernel's hands; making them durable is the caller's.
    func finish(_ stream: LayerStream) throws(ImageError) -> File {
        try append(.end(stream))
        try flush(above: 0)
        guard archive_write_close(archive) == ARCHIVE_OK else { throw failure() }
        do {
            return try LayerIndexFile.measure(path)
        } catch {
            throw ImageError(error)
        }
    }

    private func flushRaw() throws(ImageError) {
        var start = 0
        while start < raw.count {
            let end = min(start + LayerRecord.rawLimit, raw.count)
            LayerRecord.raw(Array(raw[start..<end])).append(to: &buffer)
            start = end
        }
        raw.removeAll(keepingCapacity: true)
        try flush(above: 64 << 10)
    }

    private func flush(above limit: Int) throws(ImageError) {
        guard buffer.count > limit else { return }
        let written = buffer.withUnsafeBytes { archive_write_data(archive, $0.baseAddress, $0.count) }
        guard written == buffer.count else { throw failure() }
        count += Int64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }

    private func failure() -> ImageError {
        let number = archive_errno(archive)
        if number > 0, Errno(rawValue: number) == .noSpace || Errno(rawValue: number) == .quotaExceeded {
            return ImageError(SystemError(call: "write", errno: Errno(rawValue: number), subject: path))
        }
        let detail = archive_error_string(archive).map { String(cString: $0) } ?? "unknown"
        return ImageError(.input, "the layer's index cannot be written (\(detail))")
    }
}

/// Where a layer's index lies, and what its bytes sum up to.
enum LayerIndexFile {
    static func path(of layer: String) -> String { layer + ".index" }

    static func measure(_ path: String) throws(SystemError) -> LayerIndexWriter.File {
        var hasher = ContentHasher()
        let file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW)
        // What the disk has is of interest here, not what memory still holds of it.
        _ = posix_fadvise(file.rawValue, 0, 0, POSIX_FADV_DONTNEED)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try systemCall("read", on: path) { read(file.rawValue, buffer.baseAddress, buffer.count) }
            if count == 0 { break }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        let size = hasher.count
        return LayerIndexWriter.File(digest: hasher.finish(), size: size)
    }
}
