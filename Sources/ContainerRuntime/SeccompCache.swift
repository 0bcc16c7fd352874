import Linux
import OCI

/// Filter programs on disk.
///
/// A file holds everything its program was made from and is used only when that is equal: a hash that collides costs
/// time, nothing else. Whoever can write here decides what containers may call, so a directory or file that is not ours
/// alone is not looked at.
enum SeccompCache {
    /// More profiles than this on one machine are the sign of a generator: start again.
    private static let capacity = 128

    static func read(_ path: String, _ key: SeccompKey) -> [UInt8]? {
        guard let directory = trustedDirectory(path),
            let file = try? FileDescriptor.open(
                at: directory.rawValue, key.fileName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
            isOurs(file.rawValue, S_IFREG), let bytes = try? file.readToEnd(limit: 1 << 20)
        else { return nil }
        let header = key.bytes.count
        guard bytes.count > header, (bytes.count - header) % 8 == 0, (bytes.count - header) / 8 <= 4096,
            bytes[..<header].elementsEqual(key.bytes)
        else { return nil }
        return Array(bytes[header...])
    }

    /// Not having a cache only costs time.
    static func write(_ path: String, _ key: SeccompKey, _ program: [UInt8]) {
        mkdir(path, 0o700)
        guard let directory = trustedDirectory(path) else { return }
        if let names = try? Files.listDirectory(path), names.count >= capacity {
            for name in names { unlinkat(directory.rawValue, name, 0) }
        }
        // A number of our own would not do: each container's first process is number 1.
        let temporary = ".\(UInt64.random(in: 0...UInt64.max))"
        do {
            let file = try FileDescriptor.open(
                at: directory.rawValue, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            try file.writeAll(key.bytes + program)
            try systemCall("renameat") { renameat(directory.rawValue, temporary, directory.rawValue, key.fileName) }
        } catch {
            unlinkat(directory.rawValue, temporary, 0)
        }
    }

    private static func trustedDirectory(_ path: String) -> FileDescriptor? {
        guard let directory = try? FileDescriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
            isOurs(directory.rawValue, S_IFDIR)
        else { return nil }
        return directory
    }

    private static func isOurs(_ descriptor: Int32, _ type: mode_t) -> Bool {
        var info = stat()
        // In a user namespace without us every foreign owner is 65534, and so are we.
        return fstat(descriptor, &info) == 0 && info.st_mode & S_IFMT == type && info.st_uid == geteuid()
            && info.st_uid != 65534 && info.st_mode & 0o022 == 0
    }
}

/// All that a filter program depends on, as bytes. Written by hand: Codable takes a millisecond for a usual profile.
struct SeccompKey {
    private(set) var bytes: [UInt8] = []

    /// Of the built-in profile.
    init(capabilities: Set<String>) {
        addOrigin()
        add("built-in")
        add(UInt64(SeccompDefault.version))
        for name in capabilities.sorted() { add(name) }
    }

    /// Of a specification's.
    init(_ profile: RuntimeSpec.Seccomp, flags: UInt32) {
        bytes.reserveCapacity(16 << 10)
        addOrigin()
        add("profile")
        add(profile.defaultAction)
        add(profile.defaultErrnoRet.map(UInt64.init))
        add(UInt64(flags))
        add(profile.asks ? 1 : 0)
        add(profile.listenerPath ?? "")
        add(UInt64(profile.architectures?.count ?? 0))
        for name in profile.architectures ?? [] { add(name) }
        for rule in profile.syscalls ?? [] {
            add(rule.action)
            add(rule.errnoRet.map(UInt64.init))
            add(UInt64(rule.names.count))
            for name in rule.names { add(name) }
            add(UInt64(rule.args?.count ?? 0))
            for argument in rule.args ?? [] {
                add(UInt64(argument.index))
                add(argument.value)
                add(argument.valueTwo)
                add(argument.op)
            }
        }
    }

    var fileName: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }

    /// Raise the number with every change of what is made of a profile.
    private mutating func addOrigin() {
        add("wherry 2")
        add(SeccompNames.libraryVersion)
        add(SeccompNames.isX86 ? "x86-64" : "arm64")
    }

    private mutating func add(_ text: String) {
        add(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func add(_ number: UInt64?) {
        guard let number else { return bytes.append(0) }
        bytes.append(1)
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }
}
