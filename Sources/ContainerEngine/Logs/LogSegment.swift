import Linux

/// An open log file, closed with its last reference.
final class LogSegment: Sendable {
    let descriptor: Int32
    let identity: FileIdentity

    struct FileIdentity: Hashable {
        var device: UInt64
        var inode: UInt64
    }

    /// Nil when there is no such file.
    init?(_ path: String) {
        let number = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard number >= 0 else { return nil }
        var status = stat()
        guard fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(number)
            return nil
        }
        descriptor = number
        identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    deinit { close(descriptor) }

    var size: Int64 {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int64(status.st_size) : 0
    }

    func read(at offset: Int64, count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            var result: Int
            repeat {
                result = pread(descriptor, buffer.baseAddress, count, off_t(offset))
            } while result < 0 && errno == EINTR
            used = max(result, 0)
        }
    }

    static func identity(of path: String) -> FileIdentity? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        return FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    /// The log's files, oldest first: `path.2`, `path.1`, `path`.
    static func all(of path: String) -> [LogSegment] {
        var files: [LogSegment] = []
        if let current = LogSegment(path) { files.append(current) }
        for number in 1...64 {
            guard let rotated = LogSegment("\(path).\(number)") else { break }
            // A rotation between two opens shows the same file twice.
            if !files.contains(where: { $0.identity == rotated.identity }) { files.append(rotated) }
        }
        return files.reversed()
    }

    /// Where the last `count` lines begin, as an index into `files` and an offset.
    static func tail(_ count: Int, of files: [LogSegment]) -> (file: Int, offset: Int64) {
        let block = 64 << 10
        var missing = count
        for index in files.indices.reversed() {
            var end = files[index].size
            if count == 0 { return (index, end) }
            while end > 0 {
                let start = max(0, end - Int64(block))
                let bytes = files[index].read(at: start, count: Int(end - start))
                for position in bytes.indices.reversed() where bytes[position] == UInt8(ascii: "\n") {
                    // The newline that ends the last line of a file starts no line.
                    if start + Int64(position) + 1 == files[index].size { continue }
                    missing -= 1
                    if missing == 0 { return (index, start + Int64(position) + 1) }
                }
                end = start
            }
            if files[index].size > 0 { missing -= 1 }
            if missing == 0 { return (index, 0) }
        }
        return (0, 0)
    }
}
