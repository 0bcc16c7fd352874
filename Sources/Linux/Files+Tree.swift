extension Files {
    /// One entry of a directory.
    struct Entry {
        let name: String
        let isDirectory: Bool
    }

    /// Removes a file or a directory with everything beneath it; a missing path is fine.
    ///
    /// Works on descriptors: it follows no symbolic link, and stops with EXDEV or EBUSY at a mount point, whose content it
    /// leaves alone.
    public static func removeTree(_ path: String) throws(SystemError) {
        let (directory, name) = split(path)
        let parent: FileDescriptor
        do {
            parent = try FileDescriptor.open(directory, O_PATH | O_DIRECTORY)
        } catch {
            if error.errno == .noEntry { return }
            throw error
        }
        try removeEntry(parent.rawValue, name, path: path)
    }

    private static func removeEntry(_ parent: Int32, _ name: String, path: String) throws(SystemError) {
        if unlinkat(parent, name, 0) == 0 { return }
        let error = Errno.last
        if error == .noEntry { return }
        guard error == .isDirectory || error == .notPermitted else {
            throw SystemError(call: "unlinkat", errno: error, subject: path)
        }
        if unlinkat(parent, name, AT_REMOVEDIR) == 0 { return }
        guard Errno.last == .notEmpty || Errno.last == .exists else {
            throw SystemError(call: "unlinkat", errno: .last, subject: path)
        }
        let directory = try openSubdirectory(parent, name, path: path)
        // Listing again after each pass bears with entries that appear meanwhile; the count of passes is bounded.
        for _ in 0..<16 {
            let children = try entries(of: directory.rawValue)
            if children.isEmpty { break }
            for child in children {
                try removeEntry(directory.rawValue, child.name, path: "\(path)/\(child.name)")
            }
        }
        if unlinkat(parent, name, AT_REMOVEDIR) != 0, Errno.last != .noEntry {
            throw SystemError(call: "unlinkat", errno: .last, subject: path)
        }
    }

    private static func openSubdirectory(
        _ parent: Int32, _ name: String, path: String
    ) throws(SystemError) -> FileDescriptor {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
        do {
            return FileDescriptor(
                adopting: try systemCall("openat2", on: path) {
                    wherry_openat2(parent, name, UInt64(flags | O_CLOEXEC), 0, 0x01 | 0x04)  // NO_XDEV, NO_SYMLINKS
                })
        } catch  where error.errno == .notImplemented {
            let child = try FileDescriptor.open(at: parent, name, flags)
            var above = stat()
            var below = stat()
            guard fstat(parent, &above) == 0, fstat(child.rawValue, &below) == 0, above.st_dev == below.st_dev else {
                throw SystemError(call: "openat", errno: .crossDevice, subject: path)
            }
            return child
        }
    }

    /// The entries of an open directory, read from its start.
    static func entries(of directory: Int32) throws(SystemError) -> [Entry] {
        try systemCall("lseek") { lseek(directory, 0, SEEK_SET) }
        var entries: [Entry] = []
        var buffer = [UInt8](repeating: 0, count: 32 << 10)
        while true {
            let count = try systemCall("getdents64") {
                buffer.withUnsafeMutableBytes { bytes in
                    bytes.baseAddress.map { wherry_getdents(directory, $0, bytes.count) } ?? 0
                }
            }
            if count == 0 { return entries }
            buffer.withUnsafeBytes { bytes in
                var offset = 0
                while offset < count {
                    // struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name
                    let length = Int(bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt16.self))
                    let name = bytes[(offset + 19)..<(offset + length)].prefix { $0 != 0 }
                    let text = String(decoding: name, as: UTF8.self)
                    if text != ".", text != ".." {
                        entries.append(Entry(name: text, isDirectory: bytes[offset + 18] == DT_DIR))
                    }
                    offset += length
                }
            }
        }
    }
}
