#if canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// The files of a database beside SQLite itself: creation with a private mode, setting aside, copies that are durable.
enum DatabaseFiles {
    /// The database and the two files that belong to it: apart from each other they mean nothing.
    static let suffixes = ["", "-wal", "-shm"]

    /// SQLite gives the log and the shared memory the mode of the database, but would make that one readable by all.
    static func createPrivately(_ path: String) throws(SQLiteError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot open or create the database", path) }
        close(descriptor)
    }

    /// Size in bytes, nil when the file is missing.
    static func size(_ path: String) -> Int64? {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : nil
    }

    /// Wall-clock second of the last change, nil when the file is missing.
    static func modified(_ path: String) -> Int64? {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_mtim.tv_sec) : nil
    }

    static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let directory = slash == path.startIndex ? "/" : String(path[..<slash])
        return (directory, String(path[path.index(after: slash)...]))
    }

    static func list(_ directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names
    }

    static func rename(_ old: String, to new: String) throws(SQLiteError) {
        guard renameFile(old, new) == 0 else { throw failure("cannot rename to \(new)", old) }
    }

    static func remove(_ path: String) { unlink(path) }

    static func sync(_ path: String, directory: Bool = false) throws(SQLiteError) {
        let descriptor = open(path, (directory ? O_RDONLY | O_DIRECTORY : O_RDWR) | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("cannot open for syncing", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("cannot sync", path) }
    }

    /// Feeds the file to `body` in pieces.
    static func read(_ path: String, _ body: (UnsafeRawBufferPointer) throws(SQLiteError) -> Void) throws(SQLiteError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("cannot open", path) }
        defer { close(descriptor) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = readBytes(descriptor, buffer.baseAddress, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw failure("cannot read", path) }
            if count == 0 { return }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// The first bytes; fewer when there are no more.
    static func beginning(_ path: String, count: Int) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, length in
            length = max(0, readBytes(descriptor, buffer.baseAddress, count))
        }
    }

    /// Copies durably: the target appears whole under its name or not at all.
    static func copy(_ source: String, to target: String) throws(SQLiteError) {
        let temporary = target + ".restoring"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot create", temporary) }
        defer { close(descriptor) }
        try read(source) { piece throws(SQLiteError) in
            var rest = piece
            while !rest.isEmpty {
                let count = write(descriptor, rest.baseAddress, rest.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { throw failure("cannot write", temporary) }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
        guard fsync(descriptor) == 0 else { throw failure("cannot sync", temporary) }
        try rename(temporary, to: target)
        try sync(split(target).directory, directory: true)
    }

    /// FNV-1a over the content: tells a rotten copy from a good one; it is no protection against intent.
    static func checksum(_ path: String) throws(SQLiteError) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        try read(path) { piece in
            for byte in piece { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func failure(_ attempt: String, _ path: String) -> SQLiteError {
        let number = errno
        let code: SQLiteError.Code =
            switch number {
            case ENOSPC, EDQUOT: .full
            case EROFS: .readOnly
            case EIO: .ioError
            default: .cannotOpen
            }
        return SQLiteError(
            code: code,
            message: "\(path): \(attempt): \(String(cString: strerror(number)))"
                + (code == .cannotOpen ? "; check that its directory exists and is writable" : ""))
    }
}

// The libc functions whose names the enum's own members hide.
private func renameFile(_ old: String, _ new: String) -> Int32 { rename(old, new) }
private func readBytes(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}
