import CArchive
import Linux
import OCI
import Testing

@testable import Images

/// Layers unpacked by the rules of the image specification.
@Suite(.enabled(if: geteuid() == 0, "owners, whiteouts and trusted attributes need root"))
struct LayerWriterTests {
    let scratch: Scratch
    let root: String

    init() throws {
        scratch = try Scratch()
        root = try scratch.directory("root")
    }

    @discardableResult
    func unpack(
        _ tar: [UInt8], lower: [String] = [], limits: UnpackLimits = UnpackLimits()
    ) throws -> UnpackedLayer {
        let blob = try FileDescriptor.open(try scratch.write("blob", tar), O_RDONLY)
        let stream = try DecompressedStream(descriptor: blob.rawValue, limits: limits)
        return try LayerWriter(path: root, lower: lower, limits: limits).unpack(stream)
    }

    func build(_ body: (inout TarBuilder) -> Void) -> [UInt8] {
        var tar = TarBuilder()
        body(&tar)
        return tar.finished()
    }

    func attribute(_ name: String, of path: String) throws -> [UInt8]? {
        let file = try FileDescriptor.open(root + path, O_RDONLY)
        var value = [UInt8](repeating: 0, count: 256)
        let count = carchive_fgetxattr(file.rawValue, name, &value, value.count)
        return count < 0 ? nil : Array(value[..<count])
    }

    func isOpaque(_ path: String) throws -> Bool { try attribute("trusted.overlay.opaque", of: path) == [0x79] }

    func isWhiteout(_ path: String) -> Bool {
        status(root + path).map { $0.st_mode & S_IFMT == S_IFCHR && $0.st_rdev == 0 } ?? false
    }

    @Test func filesKeepContentOwnerModeAndTimes() throws {
        try unpack(
            build {
                $0.add("d/", .directory, mode: 0o1750, user: 5, group: 6, modified: 1000)
                $0.add("d/f", content: Array("hello".utf8), mode: 0o4755, user: 7, group: 8, modified: 2000)
                $0.add("d/l", .symbolicLink, link: "/etc/passwd", user: 9, modified: 3000)
                $0.add("d/h", .hardLink, link: "d/f")
                $0.add("d/p", .fifo, mode: 0o622)
            })
        let directory = try #require(status(root + "/d"))
        #expect(directory.st_mode & 0o7777 == 0o1750 && directory.st_uid == 5 && directory.st_gid == 6)
        #expect(directory.st_mtim.tv_sec == 1000)
        let file = try #require(status(root + "/d/f"))
        #expect(file.st_mode & 0o7777 == 0o4755 && file.st_uid == 7 && file.st_gid == 8 && file.st_nlink == 2)
        #expect(file.st_mtim.tv_sec == 2000)
        #expect(try Files.read(root + "/d/f") == Array("hello".utf8))
        let link = try #require(status(root + "/d/l"))
        #expect(link.st_mode & S_IFMT == S_IFLNK && link.st_uid == 9 && link.st_mtim.tv_sec == 3000)
        let fifo = try #require(status(root + "/d/p"))
        #expect(fifo.st_mode == S_IFIFO | 0o622)
    }

    @Test(arguments: [nil, Compression.gzip, Compression.zstd])
    func diffIDIsThatOfTheTarWithItsPadding(_ compression: Compression?) throws {
        var builder = TarBuilder()
        builder.add("a", content: [1, 2, 3])
        let tar = builder.finished(padding: 9000)
        let layer = try unpack(compression?.compress(tar) ?? tar)
        #expect(layer.diffID == ContentHasher.digest(of: tar))
        #expect(layer.tarBytes == tar.count && layer.entries == 1 && layer.bytes == 3)
    }

    @Test func gzipOfSeveralMembersIsOneStream() throws {
        let tar = build { $0.add("a", content: [UInt8](repeating: 7, count: 5000)) }
        let layer = try unpack(
            Compression.gzip.compress(Array(tar[..<700])) + Compression.gzip.compress(Array(tar[700...])))
        #expect(layer.diffID == ContentHasher.digest(of: tar))
        #expect(try Files.read(root + "/a").count == 5000)
    }

    /// What zstd:chunked makes of a layer: frames for each file, and its table of contents in a frame to be skipped.
    @Test func zstdOfSeveralFramesWithSomeToSkipIsOneStream() throws {
        let tar = build { $0.add("a", content: [UInt8](repeating: 7, count: 5000)) }
        let skipped: [UInt8] = [0x50, 0x2a, 0x4d, 0x18, 5, 0, 0, 0] + Array("table".utf8)
        let layer = try unpack(
            Compression.zstd.compress(Array(tar[..<700])) + skipped + Compression.zstd.compress(Array(tar[700...]))
                + skipped)
        #expect(layer.diffID == ContentHasher.digest(of: tar))
        #expect(try Files.read(root + "/a").count == 5000)
    }

    @Test func anArchiveMayEndAfterItsLastContentButNotInsideIt() throws {
        var builder = TarBuilder()
        builder.add("a", content: [1, 2, 3, 4, 5])
        let tar = Array(builder.bytes[..<(512 + 5)])
        #expect(try unpack(tar).diffID == ContentHasher.digest(of: tar))
        #expect(try Files.read(root + "/a") == [1, 2, 3, 4, 5])
        #expect(throws: ImageError.self) { try unpack(Array(tar.dropLast())) }
        #expect(throws: ImageError.self) { try unpack(Array(tar[..<300])) }
    }

    @Test func anEmptyArchiveIsAnEmptyLayer() throws {
        let layer = try unpack(TarBuilder().finished())
        #expect(layer.entries == 0)
        #expect(try Files.listDirectory(root).isEmpty)
    }

    @Test func theLastEntryWins() throws {
        try unpack(
            build {
                $0.add("a", content: [1])
                $0.add("a", content: [2, 2])
                $0.add("b/", .directory, mode: 0o700)
                $0.add("b/c", content: [3])
                $0.add("b/", .directory, mode: 0o755)
                $0.add("t/", .directory)
                $0.add("t/x/y", content: [4])
                $0.add("t", content: [5])
            })
        #expect(try Files.read(root + "/a") == [2, 2])
        #expect(try Files.read(root + "/b/c") == [3])
        #expect(status(root + "/b")?.st_mode == S_IFDIR | 0o755)
        #expect(try Files.read(root + "/t") == [5])
    }

    @Test func aFileReplacedByADirectoryHidesWhatIsBelow() throws {
        try unpack(
            build {
                $0.add("a", content: [1])
                $0.add("a/", .directory, mode: 0o755)
            })
        #expect(try isOpaque("/a"))
    }

    @Test func whiteoutsBecomeThoseOfOverlayfs() throws {
        try unpack(
            build {
                $0.add("d/.wh.gone")
                $0.add("d/.wh..wh.plnk")
                $0.add("o/", .directory)
                $0.add("o/kept", content: [1])
                $0.add("o/.wh..wh..opq")
            })
        #expect(isWhiteout("/d/gone"))
        #expect(try Files.listDirectory(root + "/d") == ["gone"])
        #expect(try isOpaque("/o"))
        #expect(try Files.listDirectory(root + "/o") == ["kept"])
    }

    @Test func aWhiteoutHidesOnlyLowerEntriesWhateverTheOrder() throws {
        try unpack(
            build {
                $0.add("a", content: [1])
                $0.add(".wh.a")
                $0.add(".wh.b")
                $0.add("b", content: [2])
                $0.add(".wh.c")
                $0.add("c/f", content: [3])
                $0.add("e/f", content: [4])
                $0.add(".wh.e")
            })
        #expect(try Files.read(root + "/a") == [1])
        #expect(try Files.read(root + "/b") == [2])
        #expect(try Files.read(root + "/c/f") == [3])
        #expect(try isOpaque("/c"))
        #expect(try isOpaque("/e"))
    }

    @Test func impliedDirectoriesTakeTheAttributesOfTheLayerBelow() throws {
        let lower = try scratch.directory("lower")
        try Files.makeDirectories(lower + "/tmp/x")
        #expect(chmod(lower + "/tmp", 0o1777) == 0 && chown(lower + "/tmp", 3, 4) == 0)
        try unpack(build { $0.add("tmp/x/f", content: [1]) }, lower: [lower])
        let directory = try #require(status(root + "/tmp"))
        #expect(directory.st_mode == S_IFDIR | 0o1777 && directory.st_uid == 3 && directory.st_gid == 4)
    }

    @Test func onlyListedAttributesComeIn() throws {
        let capability: [UInt8] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        try unpack(
            build {
                $0.add(
                    "f", content: [1], user: 12,
                    attributes: [
                        "security.capability": capability, "trusted.overlay.redirect": [0x2f], "security.ima": [1],
                        "user.note": [0x78], "user.overlay.opaque": [0x79],
                    ])
                $0.add("d/", .directory, attributes: ["trusted.overlay.opaque": [0x79]])
            })
        #expect(try attribute("security.capability", of: "/f") == capability)
        #expect(try attribute("trusted.overlay.redirect", of: "/f") == nil)
        #expect(try attribute("user.overlay.opaque", of: "/f") == nil)
        #expect(try !isOpaque("/d"))
    }

    @Test func namesAreBytes() throws {
        let long = String(repeating: "n", count: 200) + "é"
        let raw: [UInt8] = [0x66, 0xff, 0xfe]
        try unpack(
            build {
                $0.add("dir/" + long, content: [1])
                $0.add("", content: [2], rawName: raw)
                $0.add("", content: [3], rawName: Array(repeating: 0x61, count: 120) + raw)
            })
        #expect(try Files.read(root + "/dir/" + long) == [1])
        var info = stat()
        #expect(lstat(root.utf8CString.dropLast() + [0x2f, 0x66, -1, -2, 0], &info) == 0 && info.st_size == 1)
        let longRaw = [CChar](repeating: 0x61, count: 120) + [0x66, -1, -2, 0]
        #expect(lstat(root.utf8CString.dropLast() + [0x2f] + longRaw, &info) == 0)
    }
}
