internal import CArchive
internal import Linux
internal import OCI

/// The uncompressed bytes of a plain, gzip or zstd file, hashed and counted as they pass.
///
/// Which of the three it is the content decides; digests decide whether it is the right one. Several gzip members and
/// zstd frames in a row are one stream.
final class DecompressedStream {
    private let archive: OpaquePointer
    private let limits: UnpackLimits
    private let compressedSize: Int64
    private var hasher = ContentHasher()
    private(set) var failure: ImageError?
    /// Uncompressed bytes so far.
    var count: Int64 { hasher.count }
    private var isEmpty = false

    /// - Parameter descriptor: Open for reading, at its start; stays open.
    init(descriptor: Int32, limits: UnpackLimits) throws(ImageError) {
        guard let archive = archive_read_new() else { throw ImageError(.input, "out of memory") }
        self.archive = archive
        self.limits = limits
        var info = stat()
        guard fstat(descriptor, &info) == 0 else {
            throw ImageError(SystemError(call: "fstat", errno: .last))
        }
        compressedSize = Int64(info.st_size)
        archive_read_support_filter_gzip(archive)
        archive_read_support_filter_zstd(archive)
        archive_read_support_format_raw(archive)
        archive_read_support_format_empty(archive)
        guard archive_read_open_fd(archive, descriptor, 128 << 10) == ARCHIVE_OK else { throw damaged() }
        var entry: OpaquePointer?
        switch archive_read_next_header(archive, &entry) {
        case ARCHIVE_OK, ARCHIVE_WARN: break
        case ARCHIVE_EOF: isEmpty = true
        default: throw damaged()
        }
    }

    deinit { archive_read_free(archive) }

    /// The next block, valid until the next call; nil at the end.
    func next() throws(ImageError) -> UnsafeRawBufferPointer? {
        if let failure { throw failure }
        if isEmpty { return nil }
        do {
            return try readBlock()
        } catch {
            failure = error
            throw error
        }
    }

    private func readBlock() throws(ImageError) -> UnsafeRawBufferPointer? {
        var start: UnsafeRawPointer?
        var size = 0
        var offset: Int64 = 0
        while true {
            switch archive_read_data_block(archive, &start, &size, &offset) {
            case ARCHIVE_OK: break
            case ARCHIVE_RETRY: continue
            case ARCHIVE_EOF:
                isEmpty = true
                return nil
            default: throw damaged()
            }
            guard size > 0 else { continue }
            let block = UnsafeRawBufferPointer(start: start, count: size)
            hasher.update(block)
            try checkLimits()
            return block
        }
    }

    private func checkLimits() throws(ImageError) {
        let count = hasher.count
        guard count <= limits.bytes else {
            throw ImageError(.limitExceeded, "it has more than \(limits.bytes) bytes when uncompressed")
        }
        guard count <= limits.ratioFloor || count / max(compressedSize, 1) <= limits.ratio else {
            throw ImageError(
                .limitExceeded, "it grows more than \(limits.ratio)-fold when uncompressed, like a decompression bomb")
        }
    }

    /// Reads what is left (padding after the end of a tar) and gives the digest of everything.
    func finish() throws(ImageError) -> (digest: Digest, bytes: Int64) {
        while try next() != nil {}
        return (hasher.finish(), hasher.count)
    }

    private func damaged() -> ImageError {
        let detail = archive_error_string(archive).map { String(cString: $0) } ?? "unreadable"
        return ImageError(.invalidLayer, "the compressed data is damaged (\(detail)); fetch or make it again")
    }
}
