internal import CArchive
internal import Linux
internal import OCI
internal import Synchronization

/// A blob on its way in: it grows on the disk, survives a cut, a kill and a power cut, and can be read while it grows.
///
/// Beside it stands a ``PartJournal``. At an opening the bytes before the journal's length are hashed and compared with
/// what it says; the bytes after it are taken only in the boot that wrote them, since a power cut may have left
/// anything there. The digest of the whole decides in the end, whatever was trusted before.
///
/// One task appends, one thread may read, one may make checkpoints.
final class PartFile: Sendable {
    private struct State {
        var sum = ContentHasher()
        /// Bytes that a checkpoint has.
        var durable: Int64
        var failure: ImageError?
        var isVerified = false
        var readerWaits = false
        var pieces: Int
    }

    /// The name of a blob's part in `ingest/`; a start keeps files of this kind (see ``isPart(_:among:)``).
    static func name(of blob: Digest) -> String { blob.hex + ".part" }

    /// Whether a file of `ingest/` is a blob's part, or the journal of one that is there.
    static func isPart(_ name: String, among names: [String]) -> Bool {
        if name.hasSuffix(PartJournal.suffix) {
            return isPart(String(name.dropLast(PartJournal.suffix.utf8.count)), among: names)
        }
        return name.hasSuffix(".part") && (try? Digest(hex: String(name.dropLast(5)))) != nil && names.contains(name)
    }

    let path: String
    /// Bytes of the whole blob, as its manifest says.
    let size: Int64
    /// Bytes that were here when it was opened.
    let resumedAt: Int64
    /// Whether the machine stopped since a checkpoint of it was made.
    let survivedPowerCut: Bool
    private let file: FileDescriptor
    private let journal: PartJournal
    /// One byte wakes the reader.
    private let wake: PipeEnds
    private let state: Mutex<State>

    /// Opens or creates a part, and hashes what is there: that takes a while, and belongs on a thread of its own.
    init(path: String, size: Int64) throws(SystemError) {
        self.path = path
        self.size = size
        file = try FileDescriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        journal = try PartJournal(path: path)
        wake = try FileDescriptor.pipe()
        let sum = try Self.trusted(file.rawValue, journal.latest, size: size)
        try systemCall("ftruncate", on: path) { [descriptor = file.rawValue] in ftruncate(descriptor, off_t(sum.count))
        }
        resumedAt = sum.count
        survivedPowerCut = journal.latest.map { !$0.isOfThisBoot } ?? false
        // A record of this boot may tell of bytes that only the page cache has.
        let durable = survivedPowerCut ? min(journal.latest?.length ?? 0, sum.count) : 0
        state = Mutex(State(sum: sum, durable: durable, pieces: sum.count > 0 ? 1 : 0))
        // From here on the kernel's own view of the file is right until the next boot.
        try journal.write(PartJournal.Record(length: sum.count, digest: sum.digest), durably: false)
    }

    /// The sum of the bytes that can be relied on.
    private static func trusted(
        _ file: Int32, _ record: PartJournal.Record?, size: Int64
    ) throws(SystemError) -> ContentHasher {
        var info = stat()
        try systemCall("fstat") { fstat(file, &info) }
        guard let record, record.length <= min(Int64(info.st_size), size) else { return ContentHasher() }
        var sum = ContentHasher()
        try sum.update(file, to: record.length)
        guard sum.digest == record.digest else { return ContentHasher() }
        if record.isOfThisBoot { try sum.update(file, to: min(Int64(info.st_size), size)) }
        return sum
    }

    /// Bytes that are here.
    var length: Int64 { state.withLock { $0.sum.count } }
    /// The digest of the bytes that are here.
    var digest: Digest { state.withLock { $0.sum.digest } }

    /// Bytes that a power cut would take.
    var bytesAtRisk: Int64 { state.withLock { $0.failure == nil ? $0.sum.count - $0.durable : 0 } }

    /// How many transfers it is put together from.
    var pieces: Int { state.withLock { $0.pieces } }

    // MARK: Writing

    /// Says that what comes now is of another transfer.
    func beginPiece() { state.withLock { $0.pieces += 1 } }

    /// Adds bytes at the end; no more than the blob's size may come.
    func append(_ bytes: UnsafeRawBufferPointer) throws(ImageError) {
        let (offset, failure) = state.withLock { ($0.sum.count, $0.failure) }
        if let failure { throw failure }
        precondition(offset + Int64(bytes.count) <= size, "more bytes than the blob has")
        var done = 0
        do {
            while done < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
                let position = off_t(offset) + off_t(done)
                done += try systemCall("pwrite", on: path) { [descriptor = file.rawValue] in
                    pwrite(descriptor, rest.baseAddress, rest.count, position)
                }
            }
        } catch {
            throw ImageError(error)
        }
        change { $0.sum.update(bytes) }
    }

    /// Sends what is here to the disk without waiting for it.
    func beginWriting() {
        // Only a hint: the checkpoint that follows is what counts, and has the error if there is one.
        _ = carchive_begin_writeback(file.rawValue)
    }

    /// Makes what is here durable, and writes down that it is.
    ///
    /// After an error the part has failed: the kernel reports a failed write-back only once.
    func checkpoint() {
        let (length, digest) = state.withLock { ($0.sum.count, $0.sum.digest) }
        do {
            try systemCall("fdatasync", on: path) { [descriptor = file.rawValue] in fdatasync(descriptor) }
            try journal.write(PartJournal.Record(length: length, digest: digest), durably: true)
            state.withLock { $0.durable = length }
        } catch {
            fail(ImageError(error))
        }
    }

    /// Throws the error that ended it, if one did.
    func throwFailure() throws(ImageError) {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// Says that the whole is here and has the right digest: the reader comes to its end.
    func verified() { change { $0.isVerified = true } }

    /// Ends reader and writer with an error; the first one stands.
    func fail(_ failure: ImageError) { change { $0.failure = $0.failure ?? failure } }

    /// Removes it from the disk.
    func discard() { Self.discard(path) }

    static func discard(_ path: String) {
        unlink(path)
        unlink(path + PartJournal.suffix)
    }

    private func change(_ body: (inout State) -> Void) {
        let readerWaits = state.withLock { state in
            body(&state)
            defer { state.readerWaits = false }
            return state.readerWaits
        }
        guard readerWaits else { return }
        var byte: UInt8 = 0
        // The pipe holds at most this one byte, so that it is never full.
        _ = write(wake.writer.rawValue, &byte, 1)
    }

    // MARK: Reading along

    /// Reads at an offset, waiting for bytes that are still to come; 0 is the end of a verified blob.
    ///
    /// Blocks the calling thread. For one reader at a time.
    func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
        while true {
            let available: Int64? = try state.withLock { state throws(ImageError) in
                if let failure = state.failure { throw failure }
                if state.sum.count > offset || (state.isVerified && state.sum.count == offset) {
                    return state.sum.count
                }
                state.readerWaits = true
                return nil
            }
            do {
                guard let available else {
                    var byte: UInt8 = 0
                    try systemCall("read") { [descriptor = wake.reader.rawValue] in Linux.read(descriptor, &byte, 1) }
                    continue
                }
                let count = min(buffer.count, Int(available - offset))
                return try systemCall("pread", on: path) { [descriptor = file.rawValue] in
                    pread(descriptor, buffer.baseAddress, count, off_t(offset))
                }
            } catch {
                throw ImageError(error)
            }
        }
    }

    /// Waits until the whole is here and verified, as ``read(at:into:)`` does at the end.
    func waitUntilVerified() throws(ImageError) {
        var byte: UInt8 = 0
        let rest = try withUnsafeMutableBytes(of: &byte) { buffer throws(ImageError) in try read(at: size, into: buffer)
        }
        precondition(rest == 0, "a verified part has no byte after its size")
    }
}

extension ContentHasher {
    /// Hashes a file on from this sum's count; stops early at its end.
    mutating func update(_ file: Int32, to end: Int64) throws(SystemError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while count < end {
            let wanted = min(buffer.count, Int(end - count))
            let position = off_t(count)
            let got = try systemCall("pread") { pread(file, buffer.baseAddress, wanted, position) }
            if got == 0 { return }
            update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
        }
    }
}
