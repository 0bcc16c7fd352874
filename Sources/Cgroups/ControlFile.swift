import Linux

/// Reading and writing control files: small, blocking, no allocation beyond the text itself.
enum ControlFile {
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The file's text without the newline at its end; nil with `errno` set when it cannot be read.
    static func read(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var count = 0
        repeat {
            bytes.reserveCapacity(bytes.count + 4096)
            count = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
                var got = 0
                repeat { got = Linux.read(file, buffer.baseAddress, buffer.count) } while got < 0 && errno == EINTR
                if got > 0 { bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<got])) }
                return got
            }
        } while count > 0
        guard count == 0 else { return nil }
        while bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func number(_ path: String) -> Int64? { read(path).flatMap { Int64($0) } }

    /// The number after `key` in a flat keyed file such as `memory.events` or `cpu.stat`.
    static func number(_ path: String, key: String) -> Int64? {
        guard let text = read(path) else { return nil }
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            let parts = line.split(separator: UInt8(ascii: " "))
            if parts.count == 2, parts[0].elementsEqual(key.utf8) { return Int64(Substring(parts[1])) }
        }
        return nil
    }

    /// As `number`, with `max` as the highest one.
    static func unsigned(_ path: String) -> UInt64? { read(path).flatMap { $0 == "max" ? .max : UInt64($0) } }

    /// A flat keyed file such as `memory.stat`; empty when it cannot be read.
    static func keyed(_ path: String) -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        for fields in lines(path) where fields.count == 2 {
            result[String(fields[0])] = UInt64(fields[1])
        }
        return result
    }

    /// The file's lines, taken apart at spaces; empty when it cannot be read.
    static func lines(_ path: String) -> [[Substring]] { read(path).map { fields($0) } ?? [] }

    static func fields(_ text: String) -> [[Substring]] {
        text.utf8.split(separator: UInt8(ascii: "\n")).map { line in
            line.split(separator: UInt8(ascii: " ")).map { Substring($0) }
        }
    }

    /// Writes `text` in one write, which is what control files expect. Returns 0 or the error number.
    static func write(_ text: String, to path: String) -> Int32 {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return errno }
        defer { close(file) }
        var text = text
        return text.withUTF8 { bytes in
            var written = 0
            repeat { written = Linux.write(file, bytes.baseAddress, bytes.count) } while written < 0 && errno == EINTR
            return written < 0 ? errno : 0
        }
    }

    /// Names of the directories in `path`.
    static func children(_ path: String) -> [String] {
        var info = stat()
        // A directory of the kernel's counts a link from each directory in it.
        guard stat(path, &info) == 0, info.st_nlink != 2, let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            guard entry.pointee.d_type == UInt8(DT_DIR) else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
