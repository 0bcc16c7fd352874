internal import CArchive
internal import Linux
internal import OCI

/// The files of an image archive (`docker save`, `skopeo copy … oci-archive:`), each in a numbered file of a directory.
///
/// Names of the archive stay keys in memory; none becomes a path.
struct ArchiveContents: Sendable {
    struct File: Sendable {
        let path: String
        let digest: Digest
        let size: Int64
    }

    private(set) var files: [String: File] = [:]
    /// Old `docker save` writes a layer once and links to it.
    private var links: [String: String] = [:]

    /// - Parameter source: Open for reading; may be a pipe.
    init(extracting source: Int32, into directory: String, limits: UnpackLimits) throws {
        let stream = try DecompressedStream(descriptor: source, limits: limits)
        let reader = try TarReader(stream)
        try Files.makeDirectories(directory, mode: 0o700)
        let room = ArchiveRoom(directory: directory, reserved: limits.reservedBytes)
        var count = 0
        while let entry = try reader.next() {
            try Task.checkCancellation()
            count += 1
            guard count <= 100_000 else { throw ImageError(.limitExceeded, "the archive has more than 100000 entries") }
            let path = try EntryPath(entry.path, limit: limits.pathLength)
            if let target = entry.hardLink {
                links["\(path)"] = "\(try EntryPath(target, limit: limits.pathLength))"
            } else if entry.type == S_IFLNK {
                links["\(path)"] = try Self.resolve(entry.symbolicLink, besides: path)
            } else if entry.type == S_IFREG {
                files["\(path)"] = try Self.write(entry, from: reader, to: "\(directory)/\(count)", room)
            }
        }
        _ = try stream.finish()
    }

    /// A file by its name in the archive, through at most one link.
    subscript(name: String) -> File? {
        files[name] ?? links[name].flatMap { files[$0] }
    }

    /// A small file's content; nil when the archive does not have it.
    func read(_ name: String, limit: Int) throws -> [UInt8]? {
        guard let file = self[name] else { return nil }
        guard file.size <= limit else {
            throw ImageError(.limitExceeded, "\"\(name)\" in the archive has more than \(limit) bytes")
        }
        return try Files.read(file.path, limit: limit)
    }

    private static func write(
        _ entry: TarEntry, from reader: TarReader, to path: String, _ room: ArchiveRoom
    ) throws -> File {
        try room.demand(entry.size)
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        var hasher = ContentHasher()
        while let block = try reader.nextBlock() {
            guard block.offset == hasher.count else {
                throw ImageError(.invalidImage, "the archive has sparse files, which image archives do not have")
            }
            hasher.update(block.bytes)
            var done = 0
            while done < block.bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: block.bytes[done...])
                done += try systemCall("write", on: path) { Linux.write(file.rawValue, rest.baseAddress, rest.count) }
            }
        }
        let size = hasher.count
        return File(path: path, digest: hasher.finish(), size: size)
    }

    /// A link's target as a name in the archive; links that leave it lead nowhere.
    private static func resolve(_ target: [UInt8], besides path: EntryPath) throws -> String {
        var parts = path.parent.components.map(EntryPath.text)
        for part in target.split(separator: UInt8(ascii: "/")).map({ String(decoding: $0, as: UTF8.self) }) {
            switch part {
            case ".": continue
            case "..": if parts.popLast() == nil { return "" }
            default: parts.append(part)
            }
        }
        return parts.joined(separator: "/")
    }
}

/// Refuses an entry of an archive before its first byte when the disk has no room for it.
private struct ArchiveRoom {
    let directory: String
    let reserved: Int64

    func demand(_ bytes: Int64) throws {
        var info = statvfs()
        try systemCall("statvfs", on: directory) { statvfs(directory, &info) }
        let free = Int64(clamping: info.f_bavail) * Int64(info.f_frsize)
        guard bytes > free - reserved else { return }
        throw ImageError(
            .diskFull,
            "its next file has \(bytes >> 20) MiB, and \(free >> 20) MiB are free on the disk of the data directory, of which "
                + "\(reserved >> 20) stay; free space or remove unused images")
    }
}
