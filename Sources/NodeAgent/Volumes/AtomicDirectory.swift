import Linux

/// Files that change all at once under a reader's eyes, as the kubelet writes ConfigMap and Secret volumes.
///
/// The files are in `..rev-N/`; `..data` is a symbolic link to that directory, and each visible name one to
/// `..data/NAME`. An update writes a new directory and renames a new `..data` over the old one.
struct AtomicDirectory {
    struct File: Sendable, Hashable {
        var bytes: [UInt8]
        var mode: UInt32
    }

    let path: String
    /// The group that gets the files, with read access; nil for root's.
    var group: UInt32?

    /// Makes the directory hold exactly these files, by relative path; does nothing when it does already.
    func write(_ files: [String: File]) throws(SystemError) {
        try Files.makeDirectories(path)
        let current = currentRevision()
        if let current, holds(files, in: path + "/" + current) { return }
        let next = "..rev-\((current.flatMap { Int($0.dropFirst("..rev-".count)) } ?? 0) + 1)"
        let directory = path + "/" + next
        try Files.removeTree(directory)
        try Files.makeDirectories(directory)
        for (name, file) in files { try write(file, to: directory + "/" + name) }
        try replaceLink(path + "/..data", to: next)
        try showNames(Set(files.keys.compactMap { $0.split(separator: "/").first.map(String.init) }))
        if let current { try Files.removeTree(path + "/" + current) }
    }

    private func currentRevision() -> String? { Self.readLink(path + "/..data") }

    private func holds(_ files: [String: File], in directory: String) -> Bool {
        guard Set(Self.filesBelow(directory, "")) == Set(files.keys) else { return false }
        return files.allSatisfy { name, file in
            guard let bytes = try? Files.read(directory + "/" + name, limit: 4 << 20) else { return false }
            return bytes == file.bytes
        }
    }

    private static func filesBelow(_ directory: String, _ prefix: String) -> [String] {
        guard let names = try? Files.listDirectory(directory) else { return [] }
        return names.flatMap { name in
            Files.isDirectory(directory + "/" + name)
                ? filesBelow(directory + "/" + name, prefix + name + "/") : [prefix + name]
        }
    }

    private func write(_ file: File, to target: String) throws(SystemError) {
        if let slash = target.lastIndex(of: "/") { try Files.makeDirectories(String(target[..<slash])) }
        let descriptor = try FileDescriptor.open(
            target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode: 0o600)
        try descriptor.writeAll(file.bytes)
        if let group { try systemCall("fchown", on: target) { fchown(descriptor.rawValue, 0, group) } }
        let mode = file.mode | (group == nil ? 0 : 0o040)
        try systemCall("fchmod", on: target) { fchmod(descriptor.rawValue, mode_t(mode)) }
    }

    /// Links for the visible names come before their files are asked for and go after; both orders are harmless.
    private func showNames(_ names: Set<String>) throws(SystemError) {
        let present = try Files.listDirectory(path).filter { !$0.hasPrefix("..") }
        for name in names.subtracting(present) { try replaceLink(path + "/" + name, to: "..data/" + name) }
        for name in Set(present).subtracting(names) { _ = try Files.remove(path + "/" + name) }
    }

    private func replaceLink(_ link: String, to target: String) throws(SystemError) {
        let temporary = path + "/..tmp"
        _ = try Files.remove(temporary)
        try systemCall("symlink", on: temporary) { symlink(target, temporary) }
        try systemCall("rename", on: link) { rename(temporary, link) }
    }

    private static func readLink(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        let length = readlink(path, &buffer, 255)
        guard length > 0 else { return nil }
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
