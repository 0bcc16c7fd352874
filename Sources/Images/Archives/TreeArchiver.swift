internal import CArchive
internal import Linux

/// Turns directories into a tar archive, piece by piece, so that it can be sent as fast as it is wanted and no faster.
///
/// The directories are an overlay's, topmost first. Names are bytes, no symbolic link is followed, and entries come in
/// the order of their names, so that the same tree gives the same archive.
final class TreeArchiver {
    enum Form {
        /// The merged tree: what whiteouts hide is left out.
        case merged
        /// The topmost directory alone, as a layer of an image: whiteouts become `.wh.` entries (image-spec layer.md).
        case changes
    }

    /// An open directory of one layer.
    private final class Directory {
        let descriptor: Int32
        init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor.release() }
        deinit { close(descriptor) }
    }

    /// A directory on the way down, with what is still to do in it.
    private struct Frame {
        let path: [UInt8]
        /// Of every layer that has a part in it, topmost first.
        let sources: [Directory]
        var names: ArraySlice<Name>
    }

    private struct Name: Comparable {
        let bytes: [UInt8]
        /// The topmost layer that has it.
        let source: Int
        static func < (a: Name, b: Name) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
    }

    private struct Content {
        let file: Directory
        let path: [UInt8]
        let size: Int64
        var rest: Int64
    }

    private struct Inode: Hashable {
        let device: UInt64
        let number: UInt64
    }

    private static let depthLimit = 512
    private static let chunk = 256 << 10

    private let form: Form
    private var frames: [Frame] = []
    private var content: Content?
    private var linked: [Inode: [UInt8]] = [:]
    private var pending: [UInt8] = []
    private var isFinished = false

    /// - Parameter layers: Topmost first, at least one.
    init(layers: [String], form: Form) throws(ImageError) {
        self.form = form
        var sources: [Directory] = []
        do {
            for layer in form == .changes ? Array(layers.prefix(1)) : layers {
                sources.append(Directory(try FileDescriptor.open(layer, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)))
            }
        } catch {
            throw ImageError(error)
        }
        try enter(path: [], sources)
    }

    /// The next piece of the archive; nil at its end.
    func next() throws(ImageError) -> [UInt8]? {
        while pending.count < Self.chunk, !isFinished { try step() }
        guard !pending.isEmpty else { return nil }
        defer { pending = [] }
        return pending
    }

    private func step() throws(ImageError) {
        if content != nil { return try copyContent() }
        guard let frame = frames.last else {
            pending += TarHeader.end
            isFinished = true
            return
        }
        guard let name = frame.names.first else {
            frames.removeLast()
            return
        }
        frames[frames.count - 1].names.removeFirst()
        try add(name, in: frame)
    }

    // MARK: Entries

    private func add(_ name: Name, in frame: Frame) throws(ImageError) {
        let parent = frame.sources[name.source].descriptor
        let path = frame.path.isEmpty ? name.bytes : frame.path + [UInt8(ascii: "/")] + name.bytes
        guard let info = try Self.status(name.bytes, in: parent) else { return }  // gone meanwhile
        var header = TarHeader(path: path, kind: .file)
        header.mode = info.st_mode
        header.user = info.st_uid
        header.group = info.st_gid
        header.modified = Int64(info.st_mtim.tv_sec)
        switch info.st_mode & S_IFMT {
        case S_IFDIR: try addDirectory(header, name, in: frame)
        case S_IFREG: try addFile(header, name, in: parent)
        case S_IFLNK:
            header.kind = .symbolicLink
            header.link = try Self.target(of: name.bytes, in: parent)
            pending += header.serialized()
        case S_IFIFO:
            header.kind = .fifo
            pending += header.serialized()
        case S_IFCHR where info.st_rdev == 0: addWhiteout(name, in: frame)
        case S_IFCHR, S_IFBLK:
            header.kind = info.st_mode & S_IFMT == S_IFCHR ? .characterDevice : .blockDevice
            header.device = (wherry_major(UInt64(info.st_rdev)), wherry_minor(UInt64(info.st_rdev)))
            pending += header.serialized()
        default: return  // a socket means nothing without the process behind it
        }
    }

    private func addWhiteout(_ name: Name, in frame: Frame) {
        guard form == .changes else { return }
        let prefix = frame.path.isEmpty ? [] : frame.path + [UInt8(ascii: "/")]
        pending += TarHeader(path: prefix + Array(".wh.".utf8) + name.bytes, kind: .file, mode: 0).serialized()
    }

    private func addDirectory(_ header: TarHeader, _ name: Name, in frame: Frame) throws(ImageError) {
        var header = header
        var sources: [Directory] = []
        for source in frame.sources[name.source...] {
            // What is no directory ends the merging: it hides what is below, and a whiteout is no directory either.
            guard let info = try Self.status(name.bytes, in: source.descriptor) else { continue }
            guard info.st_mode & S_IFMT == S_IFDIR, let directory = try Self.open(name.bytes, in: source, O_DIRECTORY)
            else { break }
            try Self.checkOverlay(directory, header.path)
            sources.append(directory)
            if Self.isOpaque(directory) { break }
        }
        guard let top = sources.first else { return }
        header.extendedAttributes = try Self.attributes(of: top, header.path)
        header.kind = .directory
        let path = header.path
        header.path += [UInt8(ascii: "/")]
        pending += header.serialized()
        if form == .changes, Self.isOpaque(top) {
            pending += TarHeader(path: header.path + Array(".wh..wh..opq".utf8), kind: .file, mode: 0).serialized()
        }
        try enter(path: path, sources)
    }

    private func addFile(_ header: TarHeader, _ name: Name, in parent: Int32) throws(ImageError) {
        var header = header
        guard let file = try Self.open(name.bytes, inDirectory: parent, O_NONBLOCK) else { return }
        var info = stat()
        guard fstat(file.descriptor, &info) == 0 else { throw Self.failure("fstat", header.path) }
        // Something else may stand there by now.
        guard info.st_mode & S_IFMT == S_IFREG else { return }
        try Self.checkOverlay(file, header.path)
        let inode = Inode(device: UInt64(info.st_dev), number: UInt64(info.st_ino))
        if info.st_nlink > 1 {
            if let first = linked[inode] {
                header.kind = .hardLink
                header.link = first
                pending += header.serialized()
                return
            }
            linked[inode] = header.path
        }
        header.extendedAttributes = try Self.attributes(of: file, header.path)
        header.size = Int64(info.st_size)
        pending += header.serialized()
        content = Content(file: file, path: header.path, size: header.size, rest: header.size)
    }

    private func copyContent() throws(ImageError) {
        guard var content else { return }
        let wanted = Int(min(content.rest, Int64(Self.chunk)))
        if wanted > 0 {
            let start = pending.count
            pending.append(contentsOf: repeatElement(0, count: wanted))
            let count: Int
            do {
                count = try systemCall("read", on: EntryPath.text(content.path)) {
                    pending.withUnsafeMutableBytes { bytes in
                        read(content.file.descriptor, bytes.baseAddress?.advanced(by: start), wanted)
                    }
                }
            } catch {
                throw ImageError(error)
            }
            pending.removeLast(wanted - count)
            guard count > 0 else {
                throw ImageError(
                    .unreadableFile,
                    "\"\(EntryPath.text(content.path))\" became shorter while it was read; "
                        + "pause or stop the container first")
            }
            content.rest -= Int64(count)
        }
        if content.rest == 0 { pending += TarHeader.padding(after: content.size) }
        self.content = content.rest == 0 ? nil : content
    }

    // MARK: Directories

    private func enter(path: [UInt8], _ sources: [Directory]) throws(ImageError) {
        guard frames.count < Self.depthLimit else {
            throw ImageError(.limitExceeded, "directories lie more than \(Self.depthLimit) deep")
        }
        var names: [[UInt8]: Int] = [:]
        for (index, source) in sources.enumerated() {
            for name in try Self.names(in: source, path) where names[name] == nil { names[name] = index }
        }
        let sorted = names.map { Name(bytes: $0.key, source: $0.value) }.sorted()
        frames.append(Frame(path: path, sources: sources, names: sorted[...]))
    }

    private static func names(in directory: Directory, _ path: [UInt8]) throws(ImageError) -> [[UInt8]] {
        let copy = openat(directory.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else { throw failure("opendir", path) }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != [UInt8(ascii: ".")], name != Array("..".utf8) { names.append(name) }
        }
        return names
    }

    // MARK: Looking without following

    private static func status(_ name: [UInt8], in directory: Int32) throws(ImageError) -> stat? {
        var info = stat()
        guard fstatat(directory, cString(name), &info, AT_SYMLINK_NOFOLLOW) == 0 else {
            if Errno.last == .noEntry { return nil }
            throw failure("fstatat", name)
        }
        return info
    }

    private static func open(_ name: [UInt8], in directory: Directory, _ flags: Int32) throws(ImageError) -> Directory?
    {
        try open(name, inDirectory: directory.descriptor, flags)
    }

    private static func open(
        _ name: [UInt8], inDirectory directory: Int32, _ flags: Int32
    ) throws(ImageError) -> Directory? {
        let descriptor = openat(directory, cString(name), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags)
        guard descriptor < 0 else { return Directory(FileDescriptor(adopting: descriptor)) }
        // A running container may have put something else there since we looked.
        if [.noEntry, .notDirectory, .loop].contains(Errno.last) { return nil }
        throw failure("openat", name)
    }

    private static func target(of name: [UInt8], in directory: Int32) throws(ImageError) -> [UInt8] {
        var text = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(directory, cString(name), &text, text.count)
        guard count >= 0 else { throw failure("readlinkat", name) }
        return text[..<count].map(UInt8.init(bitPattern:))
    }

    private static func attributes(
        of file: Directory, _ path: [UInt8]
    ) throws(ImageError) -> [(name: String, value: [UInt8])] {
        var list = [UInt8](repeating: 0, count: 64 << 10)
        let count = carchive_flistxattr(file.descriptor, &list, list.count)
        guard count >= 0 else {
            if Errno.last == .notSupported { return [] }
            throw failure("flistxattr", path)
        }
        var attributes: [(name: String, value: [UInt8])] = []
        for name in list[..<count].split(separator: 0).map({ String(decoding: $0, as: UTF8.self) }).sorted()
        where LayerWriter.isAllowed(attribute: name) {
            var value = [UInt8](repeating: 0, count: 64 << 10)
            let size = carchive_fgetxattr(file.descriptor, name, &value, value.count)
            guard size >= 0 else { throw failure("fgetxattr", path) }
            attributes.append((name, Array(value[..<size])))
        }
        return attributes
    }

    private static func isOpaque(_ directory: Directory) -> Bool {
        var value: UInt8 = 0
        return carchive_fgetxattr(directory.descriptor, "trusted.overlay.opaque", &value, 1) == 1
            && value == UInt8(ascii: "y")
    }

    /// A kernel that renames directories and copies attributes in its own way leaves trees that only it can read.
    private static func checkOverlay(_ file: Directory, _ path: [UInt8]) throws(ImageError) {
        for name in ["trusted.overlay.redirect", "trusted.overlay.metacopy"]
        where carchive_fgetxattr(file.descriptor, name, nil, 0) >= 0 {
            throw ImageError(
                .unsupportedMediaType,
                "\"\(EntryPath.text(path))\" has the attribute \(name); turn redirect_dir and "
                    + "metacopy of the kernel's overlay module off")
        }
    }

    private static func cString(_ name: [UInt8]) -> [CChar] { name.map(CChar.init(bitPattern:)) + [0] }

    private static func failure(_ call: String, _ path: [UInt8]) -> ImageError {
        ImageError(SystemError(call: call, errno: .last, subject: EntryPath.text(path)))
    }
}
