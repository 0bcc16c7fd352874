internal import Linux

/// The header of one entry of a tar archive: ustar, with pax records for what ustar has no room for.
public struct TarHeader {
    public enum Kind: UInt8, Sendable {
        case file = 0x30
        case hardLink = 0x31
        case symbolicLink = 0x32
        case characterDevice = 0x33
        case blockDevice = 0x34
        case directory = 0x35
        case fifo = 0x36
    }

    var path: [UInt8]
    var kind: Kind
    var size: Int64 = 0
    var mode: mode_t = 0o644
    var user: uid_t = 0
    var group: gid_t = 0
    var modified: Int64 = 0
    var link: [UInt8] = []
    var device: (major: UInt32, minor: UInt32) = (0, 0)
    var extendedAttributes: [(name: String, value: [UInt8])] = []

    init(
        path: [UInt8], kind: Kind, size: Int64 = 0, mode: mode_t = 0o644, user: uid_t = 0, group: gid_t = 0,
        modified: Int64 = 0, link: [UInt8] = [], device: (major: UInt32, minor: UInt32) = (0, 0),
        extendedAttributes: [(name: String, value: [UInt8])] = []
    ) {
        self.path = path
        self.kind = kind
        self.size = size
        self.mode = mode
        self.user = user
        self.group = group
        self.modified = modified
        self.link = link
        self.device = device
        self.extendedAttributes = extendedAttributes
    }

    /// A plain file of root, mode 0644, from the beginning of time.
    public init(file path: String, size: Int64) { self.init(path: Array(path.utf8), kind: .file, size: size) }

    /// The two blocks of zeros that end an archive.
    public static let end = [UInt8](repeating: 0, count: 1024)

    /// Zeros after a content of `size` bytes.
    public static func padding(after size: Int64) -> [UInt8] {
        [UInt8](repeating: 0, count: Int((512 - size % 512) % 512))
    }

    public func serialized() -> [UInt8] {
        let records = paxRecords()
        guard !records.isEmpty else { return block() }
        var pax = TarHeader(path: Array("PaxHeaders/x".utf8), kind: .file, size: Int64(records.count))
        pax.modified = 0
        return pax.block(type: UInt8(ascii: "x")) + records + Self.padding(after: pax.size) + block()
    }

    // MARK: pax

    private func paxRecords() -> [UInt8] {
        var records: [UInt8] = []
        if path.count > 100 { records += Self.record("path", path) }
        if link.count > 100 { records += Self.record("linkpath", link) }
        if !Self.fits(size, digits: 11) { records += Self.record("size", Array("\(size)".utf8)) }
        if !Self.fits(Int64(user), digits: 7) { records += Self.record("uid", Array("\(user)".utf8)) }
        if !Self.fits(Int64(group), digits: 7) { records += Self.record("gid", Array("\(group)".utf8)) }
        if !Self.fits(modified, digits: 11) { records += Self.record("mtime", Array("\(modified)".utf8)) }
        for (name, value) in extendedAttributes { records += Self.record("SCHILY.xattr." + name, value) }
        return records
    }

    /// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
    private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let rest = Array(" \(key)=".utf8) + value + [UInt8(ascii: "\n")]
        var length = rest.count
        while String(length).utf8.count + rest.count != length { length = String(length).utf8.count + rest.count }
        return Array(String(length).utf8) + rest
    }

    private static func fits(_ value: Int64, digits: Int) -> Bool { value >= 0 && value < 1 << Int64(3 * digits) }

    // MARK: ustar

    private func block(type: UInt8? = nil) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ bytes: some Collection<UInt8>, at offset: Int) {
            block.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
        }
        put(path.prefix(100), at: 0)
        put(Self.octal(Int64(mode & 0o7777), 7), at: 100)
        put(Self.octal(Int64(user), 7), at: 108)
        put(Self.octal(Int64(group), 7), at: 116)
        put(Self.octal(size, 11), at: 124)
        put(Self.octal(modified, 11), at: 136)
        put([UInt8](repeating: 0x20, count: 8), at: 148)
        put([type ?? kind.rawValue], at: 156)
        put(link.prefix(100), at: 157)
        put(Array("ustar\u{0}00".utf8), at: 257)
        put(Self.octal(Int64(device.major), 7), at: 329)
        put(Self.octal(Int64(device.minor), 7), at: 337)
        let sum = block.reduce(Int64(0)) { $0 + Int64($1) }
        put(Self.octal(sum, 6) + [0, 0x20], at: 148)
        return block
    }

    /// What does not fit is in a pax record, and zero here.
    private static func octal(_ value: Int64, _ width: Int) -> [UInt8] {
        let digits = String(fits(value, digits: width) ? value : 0, radix: 8).utf8
        return [UInt8](repeating: UInt8(ascii: "0"), count: width - digits.count) + Array(digits)
    }
}
