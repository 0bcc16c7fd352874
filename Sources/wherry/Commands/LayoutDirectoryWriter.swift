import Linux

/// Takes the archive of a save apart while it comes, and keeps what belongs to an OCI image layout.
///
/// Reads the plain ustar that Wherry writes and nothing else; what it does not expect ends it.
final class LayoutDirectoryWriter {
    private let path: String
    private let isOurs: Bool
    private var pending: [UInt8] = []
    private var file: Int32 = -1
    /// Bytes of the current file's content, and of the padding after it.
    private var rest: Int64 = 0
    private var padding: Int64 = 0
    private var isComplete = false

    init(path: String) throws {
        self.path = path
        isOurs = !Files.exists(path)
        do {
            try Files.makeDirectories(path + "/blobs/sha256")
            guard try Files.listDirectory(path) == ["blobs"], try Files.listDirectory(path + "/blobs/sha256").isEmpty
            else {
                throw CommandError("\(path) is not empty; name a new or an empty directory")
            }
        } catch let error as SystemError {
            throw CommandError("cannot write the layout \(path): \(error.errno)")
        }
    }

    func write(_ bytes: [UInt8]) throws {
        pending += bytes
        var start = 0
        while true {
            if rest > 0 || padding > 0 {
                let taken = try takeContent(pending[start...])
                if taken == 0 { break }
                start += taken
            } else {
                guard pending.count - start >= 512 else { break }
                try begin(Array(pending[start..<(start + 512)]))
                start += 512
            }
        }
        pending.removeFirst(start)
    }

    func finish() throws {
        guard isComplete, file < 0 else { throw CommandError("the archive broke off; save the images again") }
    }

    /// Removes what was written of a layout that did not come to its end.
    func discard() {
        if file >= 0 { close(file) }
        file = -1
        do {
            for name in isOurs ? [""] : ["/blobs", "/index.json", "/oci-layout"] { try Files.removeTree(path + name) }
        } catch {
            Wherry.write(toStandardError: "wherry: \(path) holds a part of a layout and cannot be removed: \(error)")
        }
    }

    private func takeContent(_ bytes: ArraySlice<UInt8>) throws -> Int {
        let content = bytes.prefix(Int(min(rest, Int64(bytes.count))))
        if file >= 0 {
            do { try Files.writeAll(file, Array(content)) } catch {
                throw CommandError("cannot write the layout \(path): \(error.errno)")
            }
        }
        rest -= Int64(content.count)
        let skipped = Int(min(padding, Int64(bytes.count - content.count)))
        padding -= Int64(skipped)
        if rest == 0, file >= 0 {
            close(file)
            file = -1
        }
        return content.count + skipped
    }

    private func begin(_ header: [UInt8]) throws {
        guard header.contains(where: { $0 != 0 }) else {
            isComplete = true
            return
        }
        let name = String(decoding: header[..<100].prefix { $0 != 0 }, as: UTF8.self)
        let digits = String(decoding: header[124..<135], as: UTF8.self)
        guard let size = Int64(digits, radix: 8), header[257..<262].elementsEqual("ustar".utf8) else {
            throw CommandError("the daemon sent an archive of another form; use one of the same version")
        }
        rest = size
        padding = (512 - size % 512) % 512
        guard header[156] == UInt8(ascii: "0"), Self.belongs(name) else { return }
        file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw CommandError("cannot write \(path)/\(name): \(Errno.last)") }
        if size == 0 {
            close(file)
            file = -1
        }
    }

    private static func belongs(_ name: String) -> Bool {
        if name == "index.json" || name == "oci-layout" { return true }
        let prefix = "blobs/sha256/"
        let rest = name.dropFirst(prefix.count)
        return name.hasPrefix(prefix) && rest.utf8.count == 64 && rest.allSatisfy(\.isHexDigit)
    }
}
