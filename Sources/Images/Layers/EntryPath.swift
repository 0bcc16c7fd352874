internal import Linux

/// Where an archive's entry goes beneath the root: clean components, in bytes, because file names are bytes.
///
/// Leading slashes and `.` vanish; `..` is refused.
struct EntryPath: Hashable, CustomStringConvertible {
    /// A file name with its terminating NUL, as system calls take it.
    typealias Name = [CChar]

    var components: [Name]

    init(_ bytes: [UInt8], limit: Int) throws(ImageError) {
        guard bytes.count <= limit else {
            throw ImageError(.limitExceeded, "a path of \(bytes.count) bytes, more than \(limit)")
        }
        var components: [Name] = []
        for part in bytes.split(separator: UInt8(ascii: "/")) where Array(part) != Array(".".utf8) {
            guard Array(part) != Array("..".utf8) else {
                throw ImageError(.invalidLayer, "path \"\(Self.text(bytes))\" contains \"..\"")
            }
            guard part.count <= 255 else {
                throw ImageError(.limitExceeded, "path \"\(Self.text(bytes))\" has a name longer than 255 bytes")
            }
            guard !part.contains(0) else { throw ImageError(.invalidLayer, "a path contains a NUL byte") }
            components.append(part.map(CChar.init(bitPattern:)) + [0])
        }
        self.components = components
    }

    init(components: [Name]) { self.components = components }

    var isRoot: Bool { components.isEmpty }
    var name: Name? { components.last }
    var parent: EntryPath { EntryPath(components: components.dropLast()) }

    func appending(_ name: Name) -> EntryPath { EntryPath(components: components + [name]) }

    var description: String { components.map(Self.text).joined(separator: "/") }

    static func text(_ name: Name) -> String {
        text(name.dropLast().map(UInt8.init(bitPattern:)))
    }

    static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix(300).map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
    }
}

/// What an entry's name says about whiteouts (image-spec layer.md).
enum WhiteoutName: Equatable {
    case none
    /// `.wh.NAME`: the lower entry NAME is gone.
    case whiteout(EntryPath.Name)
    /// `.wh..wh..opq`: all lower entries of the directory are gone.
    case opaque
    /// Other `.wh..wh.` names: aufs's own, without meaning here.
    case ignored

    init(_ name: EntryPath.Name) throws(ImageError) {
        let bytes = name.dropLast().map(UInt8.init(bitPattern:))
        let prefix = Array(".wh.".utf8)
        guard bytes.starts(with: prefix) else {
            self = .none
            return
        }
        let rest = Array(bytes.dropFirst(prefix.count))
        if rest == Array(".wh..opq".utf8) {
            self = .opaque
        } else if rest.starts(with: prefix) {
            self = .ignored
        } else {
            guard !rest.isEmpty, rest != Array(".".utf8), rest != Array("..".utf8) else {
                throw ImageError(.invalidLayer, "whiteout \"\(EntryPath.text(bytes))\" names nothing")
            }
            self = .whiteout(rest.map(CChar.init(bitPattern:)) + [0])
        }
    }
}

extension FileDescriptor {
    /// Opens a directory by one name, which must not be a symbolic link.
    static func openDirectory(at parent: Int32, _ name: EntryPath.Name) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            adopting: try systemCall("openat", on: EntryPath.text(name)) {
                openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            })
    }
}
