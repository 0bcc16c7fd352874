internal import Linux
internal import OCI
internal import Synchronization

/// What is known to be on the disk of a ``PartFile``: a length, the digest of the bytes before it, and the boot that wrote it.
///
/// Two records take turns in two blocks of a file of their own, so that a power cut while one is written leaves the other.
/// Each ends with a sum of itself.
final class PartJournal: Sendable {
    struct Record: Equatable {
        let length: Int64
        let digest: Digest
        var boot = PartJournal.boot

        var isOfThisBoot: Bool { boot == PartJournal.boot }
    }

    static let suffix = ".journal"
    private static let slotSize = 4096
    /// Changes with each boot of the kernel.
    static let boot = currentBoot()

    private static func currentBoot() -> String {
        guard let id = try? Files.read("/proc/sys/kernel/random/boot_id", limit: 64) else { return "unknown" }
        return String(decoding: id.filter { $0 > 0x20 }, as: UTF8.self)
    }

    private let file: FileDescriptor
    private let path: String
    /// The newest record that is whole, as it was at the opening.
    let latest: Record?
    /// The slot that is written next.
    private let next: Mutex<Int>

    /// - Parameter path: The part's path.
    init(path: String) throws(SystemError) {
        self.path = path + Self.suffix
        file = try FileDescriptor.open(self.path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        var newest: (slot: Int, record: Record)?
        for slot in 0..<2 {
            guard let record = try Self.read(file.rawValue, slot) else { continue }
            if newest.map({ $0.record.length <= record.length }) ?? true { newest = (slot, record) }
        }
        latest = newest?.record
        next = Mutex(newest.map { 1 - $0.slot } ?? 0)
    }

    func write(_ record: Record, durably: Bool) throws(SystemError) {
        let slot = next.withLock { slot in
            defer { slot = 1 - slot }
            return slot
        }
        let bytes = Self.encode(record)
        try systemCall("pwrite", on: path) { [descriptor = file.rawValue] in
            bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(slot * Self.slotSize)) }
        }
        if durably { try systemCall("fdatasync", on: path) { [descriptor = file.rawValue] in fdatasync(descriptor) } }
    }

    private static func encode(_ record: Record) -> [UInt8] {
        let text = Array("wherry-part 1 \(record.length) \(record.digest) \(record.boot) ".utf8)
        return text + Array(ContentHasher.digest(of: text).hex.utf8)
    }

    private static func read(_ file: Int32, _ slot: Int) throws(SystemError) -> Record? {
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = try systemCall("pread") {
            bytes.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, off_t(slot * slotSize)) }
        }
        let words = bytes[..<count].prefix { $0 != 0 }.split(separator: UInt8(ascii: " "))
            .map { String(decoding: $0, as: UTF8.self) }
        guard words.count == 6, words[0] == "wherry-part", words[1] == "1", let length = Int64(words[2]), length >= 0,
            let digest = try? Digest(parsing: words[3])
        else { return nil }
        let record = Record(length: length, digest: digest, boot: words[4])
        return encode(record).elementsEqual(bytes[..<count].prefix { $0 != 0 }) ? record : nil
    }
}
