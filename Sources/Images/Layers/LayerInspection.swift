internal import CArchive
internal import Linux

/// Compares a layer's directory with its index, a piece at a time.
final class LayerInspection {
    enum Depth: Sendable {
        /// What the file system says of each entry: kind, size, owner, mode, time.
        case quick
        /// Extended attributes and content as well, as the memory has it or gets it: that is what would run. The content of
        /// files that the kernel verifies is left to it (``FileVerity``).
        case beforeStart
        /// Extended attributes and all content, as the disk has it.
        case full
    }

    /// An entry that is not what it was.
    struct Finding {
        let entry: LayerEntry
        let problem: String

        var description: String { "\"\(EntryPath.text(entry.path))\" \(problem)" }
    }

    private struct OpenFile: ~Copyable {
        let descriptor: FileDescriptor
        let entry: LayerEntry
        var extent = 0
        var done: Int64 = 0
        var hasher = ContentHasher()
    }

    /// Further findings are only counted.
    private static let limit = 10_000
    /// What looking at an entry costs, in bytes read.
    private static let entryCost: Int64 = 4096

    private let tree: LayerTree
    private let reader: LayerIndexReader
    private let depth: Depth
    private let superseded: Superseded
    private var ordinal = 0
    private var file: OpenFile?
    private var isDone = false
    private(set) var findings: [Finding] = []
    private(set) var count = 0
    /// Bytes of content that were read.
    private(set) var bytesRead: Int64 = 0
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)

    /// - Parameter index: The index to trust; the layer's own when nil.
    init(layer: String, index: String? = nil, depth: Depth) throws(ImageError) {
        let index = index ?? LayerIndexFile.path(of: layer)
        do {
            tree = try LayerTree(path: layer, lower: [])
        } catch {
            throw error.errno == .noEntry || error.errno == .notDirectory
                ? ImageError(.damaged, "its directory is missing", cause: error) : ImageError(error)
        }
        superseded = try Superseded(index: index)
        reader = try LayerIndexReader(path: index)
        self.depth = depth
    }

    deinit { buffer.deallocate() }

    /// Goes on for about this many bytes.
    /// - Returns: True when everything was looked at.
    /// - Throws: ``ImageError`` with code `damaged` when the index cannot be read to its end.
    func advance(bytes: Int64) throws(ImageError) -> Bool {
        var budget = bytes
        while budget > 0, !isDone {
            if file != nil {
                budget -= readOn()
                continue
            }
            budget -= Self.entryCost
            guard let record = try reader.next() else {
                isDone = true
                break
            }
            defer { ordinal += 1 }
            if case .entry(let entry) = record, !superseded.covers(entry.path, ordinal) { try look(at: entry) }
        }
        return isDone
    }

    private func note(_ entry: LayerEntry, _ problem: String) {
        count += 1
        if findings.count < Self.limit { findings.append(Finding(entry: entry, problem: problem)) }
    }

    // MARK: Entries

    private func look(at entry: LayerEntry) throws(ImageError) {
        let path = try EntryPath(entry.path, limit: 4096)
        guard let name = path.name else {
            if entry.kind == .directory { lookAtRoot(entry) }
            return
        }
        let problem: String?
        do {
            problem = try tree.withDirectory(path.parent, creating: false) { parent throws(ImageError) in
                self.problem(entry, name, in: parent)
            }
        } catch {
            problem = "is missing with its directory"
        }
        if let problem { note(entry, problem) }
    }

    private func lookAtRoot(_ entry: LayerEntry) {
        guard let info = try? tree.rootStatus(), entry.hasAttributes(of: info) else {
            note(entry, "has another owner or mode")
            return
        }
    }

    private func problem(_ entry: LayerEntry, _ name: EntryPath.Name, in parent: Int32) -> String? {
        var info = stat()
        guard fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0 else {
            return Errno.last == .noEntry ? "is missing" : "cannot be looked at: \(Errno.last)"
        }
        guard info.st_mode & S_IFMT == entry.fileType || entry.kind == .hardLink else { return "is of another kind" }
        switch entry.kind {
        case .whiteout: return info.st_rdev == 0 ? nil : "is a device"
        case .opaque: return isOpaque(name, in: parent) ? nil : "no longer hides the layers below"
        case .hardLink: return tree.isSameFile(entry.target, info) ? nil : "is no longer a link to the same file"
        case .file where Int64(info.st_size) != entry.size:
            return "has \(info.st_size) bytes instead of \(entry.size)"
        case .file where !entry.fits(info), .symbolicLink where !entry.hasOwner(of: info),
            .fifo where !entry.hasAttributes(of: info), .directory where !entry.hasAttributes(of: info):
            return "has another owner, mode or time"
        case .symbolicLink:
            return Self.target(of: name, in: parent) == entry.target ? nil : "points somewhere else"
        case .file, .directory: return depth == .quick ? nil : open(entry, name, in: parent)
        case .fifo: return nil
        }
    }

    private func isOpaque(_ name: EntryPath.Name, in parent: Int32) -> Bool {
        guard let directory = try? FileDescriptor.openDirectory(at: parent, name) else { return false }
        return Self.attribute("trusted.overlay.opaque", of: directory.rawValue) == [UInt8(ascii: "y")]
    }

    private static func target(of name: EntryPath.Name, in parent: Int32) -> [UInt8]? {
        var text = [CChar](repeating: 0, count: 4096)
        let count = readlinkat(parent, name, &text, text.count)
        return count < 0 ? nil : text[..<count].map(UInt8.init(bitPattern:))
    }

    private static func attribute(_ name: String, of descriptor: Int32) -> [UInt8]? {
        var value = [UInt8](repeating: 0, count: 64 << 10)
        let count = carchive_fgetxattr(descriptor, name, &value, value.count)
        return count < 0 ? nil : Array(value[..<count])
    }

    // MARK: Content

    /// Looks at extended attributes, and begins with a file's content.
    private func open(_ entry: LayerEntry, _ name: EntryPath.Name, in parent: Int32) -> String? {
        guard entry.kind == .file || !entry.attributes.isEmpty else { return nil }
        do {
            let descriptor = try FileDescriptor.open(at: parent, name)
            for attribute in entry.attributes
            where Self.attribute(attribute.name, of: descriptor.rawValue) != attribute.value {
                return "has another extended attribute \(attribute.name)"
            }
            guard entry.kind == .file, entry.size > 0 else { return nil }
            if depth == .beforeStart, FileVerity.isOn(descriptor.rawValue) { return nil }
            dropFromMemory(descriptor.rawValue)
            file = OpenFile(descriptor: descriptor, entry: entry)
            return nil
        } catch {
            return "cannot be read: \(error.errno)"
        }
    }

    /// What the disk has is of interest to the full check, not what memory still holds of it.
    private func dropFromMemory(_ file: Int32) {
        if depth == .full { _ = posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) }
    }

    /// Reads a piece of the open file, and judges it at its end.
    private func readOn() -> Int64 {
        guard var current = file.take() else { return 0 }
        let entry = current.entry
        guard current.extent < entry.extents.count else {
            dropFromMemory(current.descriptor.rawValue)
            if current.hasher.finishBytes() != entry.digest { note(entry, "has other content than it had") }
            return 0
        }
        let extent = entry.extents[current.extent]
        let wanted = min(buffer.count, Int(clamping: extent.length - current.done))
        let descriptor = current.descriptor.rawValue
        let start = buffer.baseAddress
        let offset = off_t(extent.offset + current.done)
        let count: Int
        do {
            count = try systemCall("pread") { pread(descriptor, start, wanted, offset) }
        } catch {
            note(entry, "cannot be read: \(error.errno)")
            return Self.entryCost
        }
        guard count > 0 || wanted == 0 else {
            note(entry, "is shorter than it was")
            return Self.entryCost
        }
        current.hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        current.done += Int64(count)
        bytesRead += Int64(count)
        if current.done == extent.length {
            current.extent += 1
            current.done = 0
        }
        file = consume current
        return Int64(count)
    }
}

/// What later entries of an index took back.
private struct Superseded {
    private var here: [[UInt8]: Int] = [:]
    private var beneath: [[UInt8]: Int] = [:]

    init(index: String) throws(ImageError) {
        let reader = try LayerIndexReader(path: index)
        var ordinal = 0
        while let record = try reader.next() {
            if case .superseded(let path, let isBeneath) = record {
                here[path] = ordinal
                if isBeneath { beneath[path] = ordinal }
            }
            ordinal += 1
        }
    }

    /// Whether a record at `ordinal` about this path holds no longer.
    func covers(_ path: [UInt8], _ ordinal: Int) -> Bool {
        if here.isEmpty { return false }
        if let later = here[path], later > ordinal { return true }
        if beneath.isEmpty { return false }
        return path.indices.contains {
            path[$0] == UInt8(ascii: "/") && beneath[Array(path[..<$0])].map { $0 > ordinal } == true
        }
    }
}

extension LayerEntry {
    /// The kind as `st_mode` has it.
    var fileType: mode_t {
        switch kind {
        case .file, .hardLink: S_IFREG
        case .directory, .opaque: S_IFDIR
        case .symbolicLink: S_IFLNK
        case .fifo: S_IFIFO
        case .whiteout: S_IFCHR
        }
    }

    func hasOwner(of info: stat) -> Bool { info.st_uid == user && info.st_gid == group }

    func hasAttributes(of info: stat) -> Bool {
        hasOwner(of: info) && UInt32(info.st_mode & 0o7777) == permissions
    }
}

extension LayerTree {
    /// Whether the file at `path` is the one that `info` describes.
    func isSameFile(_ path: [UInt8], _ info: stat) -> Bool {
        guard let path = try? EntryPath(path, limit: 4096), let name = path.name else { return false }
        return
            (try? withDirectory(path.parent, creating: false) { parent throws(ImageError) in
                var other = stat()
                return fstatat(parent, name, &other, AT_SYMLINK_NOFOLLOW) == 0 && other.st_ino == info.st_ino
                    && other.st_dev == info.st_dev
            }) ?? false
    }
}
