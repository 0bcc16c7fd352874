extension OpenBeneath {
    /// What `open` does where openat2 is missing: each component is opened with O_PATH and O_NOFOLLOW, links are expanded here.
    static func walk(
        root: Int32, path: String, flags: Int32, mode: mode_t, restrictions: Restrictions
    ) throws(SystemError) -> FileDescriptor {
        var stack = DescriptorStack(root: root)
        defer { stack.closeAll() }
        var pending = components(of: path)
        var links = 0
        while let name = pending.popLast() {
            if name == ".." {
                stack.pop()
                continue
            }
            let isLast = pending.isEmpty
            if isLast, flags & O_CREAT != 0, let made = try create(stack.top, name, flags, mode) { return made }
            let next = try FileDescriptor.open(at: stack.top, name, O_PATH | O_NOFOLLOW)
            guard let target = try linkTarget(next.rawValue, path: path), !(isLast && flags & O_NOFOLLOW != 0) else {
                if restrictions.contains(.sameMount), try mountID(next.rawValue) != mountID(stack.top) {
                    throw SystemError(call: "openat", errno: .crossDevice, subject: path)
                }
                stack.push(next.release())
                continue
            }
            links += 1
            guard links <= 40, !restrictions.contains(.noSymbolicLinks) else {
                throw SystemError(call: "openat", errno: .loop, subject: path)
            }
            if target.utf8.first == UInt8(ascii: "/") { stack.popToRoot() }
            pending += components(of: target)
        }
        return try reopen(stack.top, flags: flags & ~(O_CREAT | O_EXCL), path: path)
    }

    /// Components in reverse, so that the next one is the last.
    private static func components(of path: String) -> [String] {
        path.split(separator: "/").filter { $0 != "." }.reversed().map(String.init)
    }

    private static func create(
        _ parent: Int32, _ name: String, _ flags: Int32, _ mode: mode_t
    ) throws(SystemError) -> FileDescriptor? {
        let descriptor = openat(parent, name, flags | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        if descriptor >= 0 { return FileDescriptor(adopting: descriptor) }
        if Errno.last == .exists, flags & O_EXCL == 0 { return nil }
        throw SystemError(call: "openat", errno: .last, subject: name)
    }

    /// The text of a link, nil for anything else.
    static func linkTarget(_ descriptor: Int32, path: String) throws(SystemError) -> String? {
        var info = stat()
        try systemCall("fstat", on: path) { fstat(descriptor, &info) }
        guard info.st_mode & S_IFMT == S_IFLNK else { return nil }
        if wherry_filesystem_type(descriptor) == 0x9fa0 {  // procfs: its links are magic
            throw SystemError(call: "openat", errno: .loop, subject: path)
        }
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = try systemCall("readlinkat", on: path) {
            buffer.withUnsafeMutableBytes { bytes in
                bytes.assumingMemoryBound(to: CChar.self).baseAddress.map {
                    readlinkat(descriptor, "", $0, bytes.count)
                }
                    ?? 0
            }
        }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    private static func mountID(_ descriptor: Int32) throws(SystemError) -> Int64 {
        try systemCall("statx") { wherry_mount_id(descriptor, "", AT_EMPTY_PATH) }
    }

    private static func reopen(_ descriptor: Int32, flags: Int32, path: String) throws(SystemError) -> FileDescriptor {
        if flags & O_PATH != 0 {
            return FileDescriptor(
                adopting: try systemCall("fcntl", on: path) { wherry_fcntl_integer(descriptor, F_DUPFD_CLOEXEC, 3) })
        }
        return try FileDescriptor.open("/proc/self/fd/\(descriptor)", flags & ~O_NOFOLLOW)
    }
}

/// The descriptors from the root down to where a walk stands.
private struct DescriptorStack {
    private let root: Int32
    private var opened: [Int32] = []

    init(root: Int32) { self.root = root }

    var top: Int32 { opened.last ?? root }
    mutating func push(_ descriptor: Int32) { opened.append(descriptor) }
    mutating func pop() { if let last = opened.popLast() { close(last) } }
    mutating func popToRoot() { while !opened.isEmpty { pop() } }
    mutating func closeAll() { popToRoot() }
}
