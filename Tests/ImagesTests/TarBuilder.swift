import CArchive
import Linux

/// Writes ustar archives with pax headers by hand, so that tests can say things that no tar program would.
struct TarBuilder {
    private(set) var bytes: [UInt8] = []

    enum Kind: UInt8 {
        case file = 0x30
        case hardLink = 0x31
        case symbolicLink = 0x32
        case characterDevice = 0x33
        case blockDevice = 0x34
        case directory = 0x35
        case fifo = 0x36
    }

    mutating func add(
        _ name: String, _ kind: Kind = .file, content: [UInt8] = [], link: String = "", mode: Int = 0o644,
        user: Int = 0,
        group: Int = 0, modified: Int = 1_700_000_000, attributes: [String: [UInt8]] = [:], rawName: [UInt8]? = nil
    ) {
        var records: [UInt8] = []
        let nameBytes = rawName ?? Array(name.utf8)
        if nameBytes.count > 100 { records += Self.record("path", nameBytes) }
        if link.utf8.count > 100 { records += Self.record("linkpath", Array(link.utf8)) }
        for (key, value) in attributes.sorted(by: { $0.key < $1.key }) {
            records += Self.record("SCHILY.xattr." + key, value)
        }
        if !records.isEmpty {
            header(Array("PaxHeaders/x".utf8), type: 0x78, size: records.count, link: [], mode: 0o644, 0, 0, modified)
            pad(records)
        }
        let size = kind == .file ? content.count : 0
        header(
            Array(nameBytes.prefix(100)), type: kind.rawValue, size: size, link: Array(link.utf8.prefix(100)),
            mode: mode,
            user, group, modified)
        if kind == .file { pad(content) }
    }

    /// The archive with its two final zero blocks.
    func finished(padding: Int = 0) -> [UInt8] { bytes + [UInt8](repeating: 0, count: 1024 + padding) }

    private mutating func header(
        _ name: [UInt8], type: UInt8, size: Int, link: [UInt8], mode: Int, _ user: Int, _ group: Int, _ modified: Int
    ) {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ value: [UInt8], at offset: Int) {
            block.replaceSubrange(offset..<(offset + value.count), with: value)
        }
        func octal(_ value: Int, _ width: Int) -> [UInt8] {
            let digits = String(value, radix: 8)
            return Array((String(repeating: "0", count: max(0, width - 1 - digits.count)) + digits).utf8)
        }
        put(name, at: 0)
        put(octal(mode, 8), at: 100)
        put(octal(user, 8), at: 108)
        put(octal(group, 8), at: 116)
        put(octal(size, 12), at: 124)
        put(octal(modified, 12), at: 136)
        put([type], at: 156)
        put(link, at: 157)
        put(Array("ustar\u{0}00".utf8), at: 257)
        put([UInt8](repeating: 0x20, count: 8), at: 148)
        let sum = block.reduce(0) { $0 + Int($1) }
        put(octal(sum, 7) + [0, 0x20], at: 148)
        bytes += block
    }

    private mutating func pad(_ content: [UInt8]) {
        bytes += content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let rest = Array(" \(key)=".utf8) + value + [0x0a]
        var length = rest.count + 1
        while String(length).utf8.count + rest.count != length { length = String(length).utf8.count + rest.count }
        return Array(String(length).utf8) + rest
    }
}

/// Compresses with libarchive's own writers.
enum Compression {
    case gzip, zstd

    func compress(_ bytes: [UInt8]) -> [UInt8] {
        let archive = archive_write_new()
        defer { archive_write_free(archive) }
        switch self {
        case .gzip: archive_write_add_filter_gzip(archive)
        case .zstd: archive_write_add_filter_zstd(archive)
        }
        archive_write_set_format_raw(archive)
        archive_write_set_bytes_in_last_block(archive, 1)
        var buffer = [UInt8](repeating: 0, count: bytes.count + (1 << 20))
        var used = 0
        archive_write_open_memory(archive, &buffer, buffer.count, &used)
        let entry = archive_entry_new()
        archive_entry_set_filetype(entry, 0o100000)
        archive_write_header(archive, entry)
        _ = bytes.withUnsafeBytes { archive_write_data(archive, $0.baseAddress, $0.count) }
        archive_write_close(archive)
        archive_entry_free(entry)
        return Array(buffer[..<used])
    }
}

/// A directory of one test, removed with it.
final class Scratch {
    let path: String

    init(in parent: String = "/tmp") throws {
        path = parent + "/wherry-images-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        try Files.makeDirectories(path, mode: 0o700)
    }

    deinit { try? Files.removeTree(path) }

    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = path + "/" + name
        try Files.writeAtomically(bytes, to: file, durable: false)
        return file
    }

    func directory(_ name: String) throws -> String {
        let directory = path + "/" + name
        try Files.makeDirectories(directory)
        return directory
    }
}

/// What `lstat` says; nil when nothing is there.
func status(_ path: String) -> stat? {
    var info = stat()
    return lstat(path, &info) == 0 ? info : nil
}
