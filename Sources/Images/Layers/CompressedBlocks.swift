internal import CArchive
internal import Linux

/// Bytes that come block by block.
protocol BlockSource: AnyObject {
    /// The next block, valid until the next call; nil at the end.
    func next() throws(ImageError) -> UnsafeRawBufferPointer?
    /// Bytes of what it is read from: of the whole where that is known, else so far.
    var compressedBytes: Int64 { get }
}

/// The uncompressed bytes of plain, gzip or zstd content.
///
/// Which of the three it is the content decides; digests decide whether it is the right one. Several gzip members and
/// zstd frames in a row are one stream.
final class CompressedBlocks: BlockSource {
    private let archive: OpaquePointer
    private let size: Int64?
    private var isAtEnd = false
    /// What it reads where that is not a whole file.
    private let reader: BlockReader?

    /// - Parameter descriptor: Open for reading, at its start; stays open. May be a pipe.
    convenience init(descriptor: Int32) throws(ImageError) {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else {
            throw ImageError(SystemError(call: "fstat", errno: .last))
        }
        try self.init(size: info.st_mode & S_IFMT == S_IFREG ? Int64(info.st_size) : nil, reader: nil)
        try start { archive_read_open_fd($0, descriptor, 128 << 10) }
    }

    /// Reads what `read` gives.
    /// - Parameters:
    ///   - size: Bytes of all of it, when that is known.
    ///   - read: Fills the buffer with what stands at an offset; 0 bytes are the end.
    convenience init(
        size: Int64? = nil, _ read: @escaping (Int64, UnsafeMutableRawBufferPointer) throws(ImageError) -> Int
    ) throws(ImageError) {
        let reader = BlockReader(read)
        try self.init(size: size, reader: reader)
        try start { archive in
            archive_read_set_callback_data(archive, Unmanaged.passUnretained(reader).toOpaque())
            archive_read_set_read_callback(archive) { _, context, result in
                guard let context, let result else { return -1 }
                return Unmanaged<BlockReader>.fromOpaque(context).takeUnretainedValue().next(result)
            }
            return archive_read_open1(archive)
        }
    }

    private init(size: Int64?, reader: BlockReader?) throws(ImageError) {
        guard let archive = archive_read_new() else { throw ImageError(.input, "out of memory") }
        self.archive = archive
        self.size = size
        self.reader = reader
        archive_read_support_filter_gzip(archive)
        archive_read_support_filter_zstd(archive)
        archive_read_support_format_raw(archive)
        archive_read_support_format_empty(archive)
    }

    private func start(_ open: (OpaquePointer) -> Int32) throws(ImageError) {
        guard open(archive) == ARCHIVE_OK else { throw damaged() }
        var entry: OpaquePointer?
        switch archive_read_next_header(archive, &entry) {
        case ARCHIVE_OK, ARCHIVE_WARN: break
        case ARCHIVE_EOF: isAtEnd = true
        default: throw damaged()
        }
    }

    deinit { archive_read_free(archive) }

    var compressedBytes: Int64 { size ?? archive_filter_bytes(archive, -1) }

    func next() throws(ImageError) -> UnsafeRawBufferPointer? {
        var start: UnsafeRawPointer?
        var count = 0
        var offset: Int64 = 0
        while !isAtEnd {
            switch archive_read_data_block(archive, &start, &count, &offset) {
            case ARCHIVE_OK where count > 0: return UnsafeRawBufferPointer(start: start, count: count)
            case ARCHIVE_OK, ARCHIVE_RETRY: continue
            case ARCHIVE_EOF: isAtEnd = true
            default: throw damaged()
            }
        }
        return nil
    }

    private func damaged() -> ImageError {
        if let failure = reader?.failure { return failure }
        let detail = archive_error_string(archive).map { String(cString: $0) } ?? "unreadable"
        return ImageError(.invalidLayer, "the compressed data is damaged (\(detail)); fetch or make it again")
    }
}

/// Hands content to libarchive, block by block.
private final class BlockReader {
    private let read: (Int64, UnsafeMutableRawBufferPointer) throws(ImageError) -> Int
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 << 10, alignment: 16)
    private var offset: Int64 = 0
    private(set) var failure: ImageError?

    init(_ read: @escaping (Int64, UnsafeMutableRawBufferPointer) throws(ImageError) -> Int) { self.read = read }
    deinit { buffer.deallocate() }

    func next(_ result: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        do {
            let count = try read(offset, buffer)
            offset += Int64(count)
            result.pointee = UnsafeRawPointer(buffer.baseAddress)
            return count
        } catch {
            failure = error
            return -1
        }
    }
}
