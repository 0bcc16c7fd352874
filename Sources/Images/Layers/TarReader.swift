internal import CArchive
internal import Linux
internal import OCI

/// The entries of a tar archive (ustar, pax, GNU) that comes out of a ``DecompressedStream``.
final class TarReader {
    let stream: DecompressedStream
    /// Told of everything that passes, when the stream shall be given back one day.
    private let recorder: TarRecorder?
    /// Why the recorder could not go on.
    private var recordingFailure: ImageError?
    private let archive: OpaquePointer
    private let zeros = UnsafeMutableRawPointer.allocate(byteCount: 512, alignment: 16)
    /// Bytes of the last block when the stream ended inside it; libarchive was given zeros for the rest.
    private var cutBlock: Int?
    private var lastSize: Int64 = 0

    init(_ stream: DecompressedStream, recorder: TarRecorder? = nil) throws(ImageError) {
        guard let archive = archive_read_new() else { throw ImageError(.input, "out of memory") }
        self.stream = stream
        self.recorder = recorder
        self.archive = archive
        zeros.initializeMemory(as: UInt8.self, repeating: 0, count: 512)
        archive_read_support_format_tar(archive)
        archive_read_support_format_empty(archive)
        // Owner and group are numbers; names are not looked up.
        archive_read_set_callback_data(archive, Unmanaged.passUnretained(self).toOpaque())
        archive_read_set_read_callback(archive) { _, context, result in
            guard let context, let result else { return -1 }
            let reader = Unmanaged<TarReader>.fromOpaque(context).takeUnretainedValue()
            do {
                guard let block = try reader.stream.next() else { return reader.fillBlock(result) }
                try reader.record(block)
                result.pointee = block.baseAddress
                return block.count
            } catch {
                return -1  // the stream or the recording remembers why
            }
        }
        guard archive_read_open1(archive) == ARCHIVE_OK else { throw failure() }
    }

    deinit {
        archive_read_free(archive)
        zeros.deallocate()
    }

    /// What libarchive has consumed and nobody read as content is raw: a skipped entry must not pile up in memory.
    private func record(_ block: UnsafeRawBufferPointer) throws(ImageError) {
        guard let recorder else { return }
        try markRaw()
        recorder.append(block)
    }

    private func markRaw() throws(ImageError) {
        do { try recorder?.markRaw(upTo: archive_filter_bytes(archive, 0)) } catch {
            recordingFailure = error
            throw error
        }
    }

    /// Reads what follows the archive's end to the end of the stream, and gives the digest of all of it.
    func finish() throws(ImageError) -> (digest: Digest, bytes: Int64) {
        try recorder?.markRestRaw()
        while let block = try stream.next() {
            recorder?.append(block)
            try recorder?.markRestRaw()
        }
        return try stream.finish()
    }

    /// Some tools (umoci among them) end an archive right after the last file's content; everyone reads that as if
    /// the block were full, libarchive does not.
    private func fillBlock(_ result: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        let inLastBlock = Int(stream.count % 512)
        guard cutBlock == nil, inLastBlock != 0 else { return 0 }
        cutBlock = inLastBlock
        result.pointee = UnsafeRawPointer(zeros)
        return 512 - inLastBlock
    }

    /// Zeros may stand for padding only, never for content.
    private func checkEnd() throws(ImageError) {
        guard let cutBlock else { return }
        let needed = lastSize % 512
        guard needed > 0, cutBlock >= needed else {
            throw ImageError(.invalidLayer, "the tar archive is cut off; fetch or make it again")
        }
    }

    /// The next entry, valid until the next call; nil at the end of the archive.
    func next() throws(ImageError) -> TarEntry? {
        var entry: OpaquePointer?
        while true {
            switch archive_read_next_header(archive, &entry) {
            // Warnings are names that are no UTF-8 in the C locale; the bytes are there.
            case ARCHIVE_OK, ARCHIVE_WARN:
                guard let entry else { throw failure() }
                let header = TarEntry(entry)
                lastSize = header.size
                try markRaw()
                return header
            case ARCHIVE_RETRY: continue
            case ARCHIVE_EOF:
                try checkEnd()
                return nil
            default: throw failure()
            }
        }
    }

    /// The next piece of the current entry's content with its offset, so that holes can stay holes; nil at its end.
    func nextBlock() throws(ImageError) -> (offset: Int64, bytes: UnsafeRawBufferPointer)? {
        var start: UnsafeRawPointer?
        var size = 0
        var offset: Int64 = 0
        while true {
            switch archive_read_data_block(archive, &start, &size, &offset) {
            case ARCHIVE_OK, ARCHIVE_WARN:
                recorder?.skipContent(size)
                return (offset, UnsafeRawBufferPointer(start: start, count: size))
            case ARCHIVE_RETRY: continue
            case ARCHIVE_EOF: return nil
            default: throw failure()
            }
        }
    }

    private func failure() -> ImageError {
        if let failure = stream.failure ?? recordingFailure { return failure }
        let detail = archive_error_string(archive).map { String(cString: $0) } ?? "unreadable"
        return ImageError(.invalidLayer, "the tar archive is damaged (\(detail))")
    }
}

/// One entry's header; valid until its reader moves on.
struct TarEntry {
    private let entry: OpaquePointer

    init(_ entry: OpaquePointer) { self.entry = entry }

    /// The path's bytes without NUL, as they stand in the archive.
    var path: [UInt8] { Self.bytes(archive_entry_pathname(entry)) }
    var symbolicLink: [UInt8] { Self.bytes(archive_entry_symlink(entry)) }
    var hardLink: [UInt8]? { archive_entry_hardlink(entry).map { Self.bytes($0) } }
    /// One of S_IFREG, S_IFDIR, S_IFLNK, …
    var type: mode_t { mode_t(archive_entry_filetype(entry)) }
    /// Permission bits with setuid, setgid and sticky.
    var permissions: mode_t { mode_t(archive_entry_perm(entry)) & 0o7777 }
    var user: uid_t { uid_t(truncatingIfNeeded: archive_entry_uid(entry)) }
    var group: gid_t { gid_t(truncatingIfNeeded: archive_entry_gid(entry)) }
    var size: Int64 { archive_entry_size(entry) }
    var modified: timespec {
        timespec(tv_sec: archive_entry_mtime(entry), tv_nsec: Int(archive_entry_mtime_nsec(entry)))
    }

    /// Calls `body` with each extended attribute.
    func forEachExtendedAttribute(
        _ body: (_ name: String, _ value: UnsafeRawBufferPointer) throws(ImageError) -> Void
    ) throws(ImageError) {
        archive_entry_xattr_reset(entry)
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK {
            guard let name else { continue }
            try body(String(cString: name), UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : size))
        }
    }

    private static func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8] {
        guard let text else { return [] }
        return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }
}
