internal import CArchive
internal import Linux
internal import OCI

/// Compresses what passes into a file and hashes both sides; the same bytes give the same file.
final class GzipWriter {
    struct Result: Sendable {
        /// Of the compressed file.
        let blob: Digest
        let size: Int64
        /// Of what went in.
        let content: Digest
    }

    private let archive: OpaquePointer
    private let path: String
    private let file: FileDescriptor
    private var content = ContentHasher()
    private var compressed = ContentHasher()
    private var failure: SystemError?

    /// - Parameter path: Must not exist.
    init(path: String) throws(ImageError) {
        do {
            file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        } catch {
            throw ImageError(error)
        }
        guard let archive = archive_write_new() else { throw ImageError(.input, "out of memory") }
        self.archive = archive
        self.path = path
        archive_write_add_filter_gzip(archive)
        archive_write_set_filter_option(archive, "gzip", "timestamp", nil)
        archive_write_set_format_raw(archive)
        archive_write_set_bytes_in_last_block(archive, 1)
        let context = Unmanaged.passUnretained(self).toOpaque()
        let opened = archive_write_open(
            archive, context, nil,
            { _, context, bytes, count in
                guard let context, let bytes else { return -1 }
                let writer = Unmanaged<GzipWriter>.fromOpaque(context).takeUnretainedValue()
                return writer.store(UnsafeRawBufferPointer(start: bytes, count: count))
            }, nil)
        guard opened == ARCHIVE_OK, let entry = archive_entry_new() else { throw problem() }
        defer { archive_entry_free(entry) }
        let regularFile: mode_t = S_IFREG
        archive_entry_set_filetype(entry, regularFile)
        guard archive_write_header(archive, entry) == ARCHIVE_OK else { throw problem() }
    }

    deinit { archive_write_free(archive) }

    func write(_ bytes: [UInt8]) throws(ImageError) {
        let isWritten = bytes.withUnsafeBytes { buffer in
            content.update(buffer)
            return archive_write_data(archive, buffer.baseAddress, buffer.count) == buffer.count
        }
        guard isWritten else { throw problem() }
    }

    func finish() throws(ImageError) -> Result {
        guard archive_write_close(archive) == ARCHIVE_OK else { throw problem() }
        let size = compressed.count
        return Result(blob: compressed.finish(), size: size, content: content.finish())
    }

    private func store(_ bytes: UnsafeRawBufferPointer) -> Int {
        var done = 0
        do {
            while done < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
                done += try systemCall("write", on: path) { Linux.write(file.rawValue, rest.baseAddress, rest.count) }
            }
        } catch {
            failure = error
            return -1
        }
        compressed.update(bytes)
        return bytes.count
    }

    private func problem() -> ImageError {
        if let failure { return ImageError(failure) }
        let detail = archive_error_string(archive).map { String(cString: $0) } ?? "unknown"
        return ImageError(.input, "cannot compress into \(path): \(detail)")
    }
}
