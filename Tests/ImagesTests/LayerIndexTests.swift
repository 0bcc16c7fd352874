import CArchive
import Linux
import OCI
import Testing

@testable import Images

/// What the index of a layer gives back, and what it finds.
@Suite(.enabled(if: geteuid() == 0, "owners, whiteouts and trusted attributes need root"))
struct LayerIndexTests {
    let scratch: Scratch
    let root: String

    init() throws {
        scratch = try Scratch()
        root = try scratch.directory("root")
    }

    @discardableResult
    func unpack(_ tar: [UInt8], to name: String = "root") throws -> UnpackedLayer {
        let blob = try FileDescriptor.open(try scratch.write("blob", tar), O_RDONLY)
        let stream = try DecompressedStream(descriptor: blob.rawValue, limits: UnpackLimits())
        let path = scratch.path + "/" + name
        try Files.makeDirectories(path)
        return try LayerWriter(path: path, lower: [], limits: UnpackLimits()).unpack(stream)
    }

    func build(_ body: (inout TarBuilder) -> Void) -> [UInt8] {
        var tar = TarBuilder()
        body(&tar)
        return tar.finished()
    }

    func rebuilt(_ layer: UnpackedLayer) throws -> [UInt8] {
        let path = scratch.path + "/again.tar"
        unlink(path)
        try LayerRebuild.write(layer: root, diffID: layer.diffID, to: path)
        return try Files.read(path, limit: 64 << 20)
    }

    func findings(_ depth: LayerInspection.Depth) throws -> [String] {
        let inspection = try LayerInspection(layer: root, depth: depth)
        while try !inspection.advance(bytes: 1) {}
        return inspection.findings.map(\.description)
    }

    func noise(_ count: Int, seed: Int = 1) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 2_654_435_761 >> 11) }
    }

    /// One of everything that a layer can have.
    var everything: [UInt8] {
        build {
            $0.add("d/", .directory, mode: 0o1750, user: 5, group: 6, modified: 1000)
            $0.add("d/f", content: noise(100_000), mode: 0o4755, user: 7, group: 8, modified: 2000)
            $0.add("d/empty", modified: 3)
            $0.add("d/l", .symbolicLink, link: "/etc/passwd", user: 9, modified: 3000)
            $0.add("d/h", .hardLink, link: "d/f")
            $0.add("d/p", .fifo, mode: 0o622)
            $0.add("d/x", content: noise(513), attributes: ["user.a": [1, 2, 3], "user.b": []])
            $0.add("implied/deeper/" + String(repeating: "n", count: 150), content: noise(5))
            $0.add("d/.wh.gone")
            $0.add("o/.wh..wh..opq")
            $0.add("./", .directory, mode: 0o755)
        }
    }

    // MARK: Mending

    @Test func mendingTakesNoContentButTheRightOne() throws {
        try unpack(build { $0.add("f", content: noise(9000)) })
        unlink(root + "/f")
        let inspection = try LayerInspection(layer: root, depth: .quick)
        while try !inspection.advance(bytes: 1) {}
        let entry = try #require(inspection.findings.first?.entry)
        let mending = try LayerMending(layer: root, workshop: scratch.path + "/workshop")
        let wrong = try scratch.write("wrong", noise(9000, seed: 2))
        #expect(try !mending.mend(entry) { _ in try FileDescriptor.open(wrong, O_RDONLY).release() })
        #expect(status(root + "/f") == nil)
        let right = try scratch.write("right", noise(9000))
        #expect(try mending.mend(entry) { _ in try FileDescriptor.open(right, O_RDONLY).release() })
        #expect(try Files.read(root + "/f") == noise(9000))
    }

    // MARK: Rebuilding

    @Test func givesTheStreamBackToTheByte() throws {
        let tar = everything + noise(3000, seed: 9)  // junk after the end belongs to the stream
        for size in [tar.count, tar.count - 700] {
            try Files.removeTree(root)
            let layer = try unpack(Array(tar[..<size]))
            #expect(layer.isRebuildable)
            #expect(try rebuilt(layer) == Array(tar[..<size]))
            #expect(try findings(.full) == [])
        }
    }

    @Test func anArchiveThatEndsInsideItsLastBlockComesBackAsItWas() throws {
        var builder = TarBuilder()
        builder.add("a", content: noise(777))
        let tar = Array(builder.bytes[..<(512 + 777)])
        #expect(try rebuilt(try unpack(tar)) == tar)
    }

    @Test(arguments: ["gnu", "pax", "ustar", "v7"], [false, true])
    func archivesOfTheTarProgramComeBack(_ format: String, _ sparse: Bool) throws {
        let tree = try scratch.directory("tree/sub")
        _ = try scratch.write("tree/sub/big", noise(300_001))
        _ = try scratch.write("tree/sub/" + String(repeating: "p", count: format == "v7" ? 60 : 90), noise(20))
        symlink("big", tree + "/link")
        link(tree + "/big", tree + "/hard")
        let holes = try FileDescriptor.open(tree + "/holes", O_WRONLY | O_CREAT, mode: 0o644)
        for offset in [0, 1 << 20, 3 << 20] { pwrite(holes.rawValue, [1, 2, 3], 3, off_t(offset)) }
        ftruncate(holes.rawValue, 4 << 20)
        let path = scratch.path + "/made.tar"
        let status = try command(
            "tar", ["--format=\(format)", "-C", scratch.path + "/tree", "-cf", path] + (sparse ? ["-S"] : []) + ["."])
        try #require(status == 0 || (sparse && ["ustar", "v7"].contains(format)))
        guard status == 0 else { return }
        let tar = try Files.read(path)
        let layer = try unpack(tar)
        #expect(layer.isRebuildable)
        #expect(try rebuilt(layer) == tar)
        #expect(try findings(.full) == [])
        #expect(try blocks(root + "/sub/holes") < 4096 || !sparse)
    }

    private func blocks(_ path: String) throws -> Int { Int(try #require(status(path)).st_blocks) }

    private func command(_ name: String, _ arguments: [String]) throws -> Int32 {
        let text = ([name] + arguments).map { "'\($0)'" }.joined(separator: " ")
        return system(text)
    }

    @Test func contentThatALaterEntryReplacedIsInTheBlobOnly() throws {
        let layer = try unpack(
            build {
                $0.add("a", content: noise(10))
                $0.add("a", content: noise(20, seed: 5))
            })
        #expect(!layer.isRebuildable)
        #expect(try findings(.full) == [])
        #expect(throws: ImageError.self) { try rebuilt(layer) }
    }

    @Test func whatIsReplacedWithoutContentComesBack() throws {
        let tar = build {
            $0.add("d/", .directory, mode: 0o700)
            $0.add("d/", .directory, mode: 0o755, user: 3)
            $0.add("l", .symbolicLink, link: "x")
            $0.add("l", .symbolicLink, link: "y")
            $0.add(".wh.w")
            $0.add("w/f", content: noise(9))
        }
        let layer = try unpack(tar)
        #expect(layer.isRebuildable)
        #expect(try rebuilt(layer) == tar)
        #expect(try findings(.full) == [])
    }

    @Test func entriesThatAreSkippedStayInTheIndex() throws {
        let content = noise(3 << 20)
        let tar = build { $0.add("d/.wh.gone", content: content) }
        let layer = try unpack(tar)
        #expect(layer.isRebuildable)
        #expect(try rebuilt(layer) == tar)
    }

    @Test func aChangedFileIsNotPassedOffAsTheLayer() throws {
        let layer = try unpack(everything)
        try flip(root + "/d/f", at: 70_000)
        do {
            _ = try rebuilt(layer)
            Issue.record("rebuilt")
        } catch let error as ImageError {
            #expect(error.code == .damaged)
        }
        #expect(!Files.exists(scratch.path + "/again.tar"))
    }

    @Test func theIndexIsSmallAndTheSameEachTime() throws {
        let tar = build { tar in
            for number in 0..<500 {
                tar.add("usr/share/doc/package-\(number)/file", content: noise(8000, seed: number))
            }
        }
        let layer = try unpack(tar)
        #expect(layer.index.size * 50 < layer.tarBytes)
        try Files.removeTree(root)
        #expect(try unpack(tar).index == layer.index)
    }

    // MARK: Finding damage

    @Test func everyKindOfDamageIsFound() throws {
        let damages: [(String, LayerInspection.Depth, (String) throws -> Void)] = [
            ("d/f", .full, { try flip($0 + "/d/f", at: 99_999) }),
            ("d/f", .quick, { _ = truncate($0 + "/d/f", 0) }),
            ("d/f", .quick, { _ = unlink($0 + "/d/f") }),
            ("d/f", .quick, { _ = chmod($0 + "/d/f", 0o755) }),
            ("d/f", .quick, { _ = chown($0 + "/d/f", 0, 0) }),
            ("d/h", .quick, { try Files.writeAtomically([1], to: $0 + "/d/h") }),
            (
                "d/l", .quick,
                {
                    unlink($0 + "/d/l")
                    symlink("/etc/shadow", $0 + "/d/l")
                    lchown($0 + "/d/l", 9, 0)
                }
            ),
            ("d/p", .quick, { _ = unlink($0 + "/d/p") }),
            ("d\"", .quick, { _ = chmod($0 + "/d", 0o777) }),
            ("d/gone", .quick, { _ = unlink($0 + "/d/gone") }),
            ("\"o\"", .quick, { _ = rmdir($0 + "/o") }),
            (
                "d/x", .full,
                {
                    let file = try FileDescriptor.open($0 + "/d/x", O_RDONLY)
                    _ = carchive_fsetxattr(file.rawValue, "user.a", [9], 1)
                }
            ),
            ("nnn", .quick, { try Files.removeTree($0 + "/implied") }),
        ]
        for (path, depth, damage) in damages {
            try Files.removeTree(root)
            try unpack(everything)
            #expect(try findings(depth) == [])
            try damage(root)
            // A link that lost its file is another finding of the same damage.
            let found = try findings(depth)
            #expect(found.contains { $0.contains(path) }, "\(path): \(found)")
        }
    }

    @Test func aDamagedIndexIsNeverTakenForAGoodOne() throws {
        let layer = try unpack(everything)
        let path = LayerIndexFile.path(of: root)
        let good = try Files.read(path)
        for offset in stride(from: 0, to: good.count, by: 7) {
            try flip(path, at: offset)
            #expect(try LayerIndexFile.measure(path) != layer.index)
            // Whatever comes of reading it, it ends.
            _ = try? findings(.quick)
            try Files.writeAtomically(good, to: path, durable: false)
        }
        for size in [0, 1, 20, good.count / 2, good.count - 1] {
            try Files.writeAtomically(Array(good[..<size]), to: path, durable: false)
            #expect(throws: ImageError.self) { try findings(.quick) }
        }
        unlink(path)
        #expect(throws: ImageError.self) { try findings(.quick) }
    }

    // MARK: Mending

    @Test func everyKindOfDamageIsMendedFromAnotherCopy() async throws {
        let layer = try unpack(everything)
        try unpack(everything, to: "donor")
        let inode = try #require(status(root + "/d/f")).st_ino
        link(root + "/d/f", scratch.path + "/shared")
        try flip(root + "/d/f", at: 5)
        unlink(root + "/d/l")
        unlink(root + "/d/gone")
        try Files.removeTree(root + "/o")
        try Files.removeTree(root + "/implied")
        chmod(root + "/d", 0o777)
        let left = try await LayerInspector().mend(
            root, by: LayerIndexFile.path(of: root), donor: scratch.path + "/donor", others: [],
            workshop: scratch.path + "/work")
        #expect(left.count == 0, "\(left.problems)")
        #expect(try rebuilt(layer) == everything)
        // The damaged inode was left to whoever shares it.
        #expect(try #require(status(root + "/d/f")).st_ino != inode)
        #expect(try Files.read(scratch.path + "/shared") != Files.read(root + "/d/f"))
        #expect(try #require(status(root + "/d/f")).st_nlink == 2)
        #expect(try #require(status(root + "/d")).st_mtim.tv_sec == 1000)
    }

    @Test func contentIsMendedFromAnyLayerThatHasIt() async throws {
        try unpack(everything)
        try unpack(build { $0.add("elsewhere", content: noise(100_000)) }, to: "other")
        try flip(root + "/d/f", at: 5)
        try flip(root + "/d/x", at: 5)
        let other = FilePool.Layer(chainID: ContentHasher.digest(of: [1]), directory: scratch.path + "/other")
        let left = try await LayerInspector().mend(
            root, by: LayerIndexFile.path(of: root), donor: nil, others: [other], workshop: scratch.path + "/work")
        #expect(left.problems.count == 1 && left.problems.first?.contains("d/x") == true)
        #expect(try Files.read(root + "/d/f") == noise(100_000))
    }

    // MARK: Sharing

    @Test func equalFilesOfTwoLayersBecomeOneInode() throws {
        func layer(_ extra: Int) -> [UInt8] {
            build {
                $0.add("d/", .directory, modified: 50)
                $0.add("d/same", content: noise(10_000), modified: 100)
                $0.add("d/small", content: noise(100), modified: 100)
                $0.add("d/older", content: noise(10_000), modified: 100 + extra)
                $0.add("d/mode", content: noise(9_000), mode: 0o644 + extra)
                $0.add("d/other", content: noise(10_000, seed: 3 + extra), modified: 100)
                $0.add("d/linked", content: noise(20_000), modified: 100)
                $0.add("d/link", .hardLink, link: "d/linked")
            }
        }
        try unpack(layer(0))
        let second = try unpack(layer(1), to: "second")
        let path = scratch.path + "/second"
        var pool = FilePool()
        pool.load([FilePool.Layer(chainID: ContentHasher.digest(of: [1]), directory: root)])
        let shared = pool.share(path)
        #expect(shared == SharedFiles(files: 1, bytes: 10_000))
        func inode(_ path: String) throws -> ino_t { try #require(status(path)).st_ino }
        #expect(try inode(root + "/d/same") == inode(path + "/d/same"))
        for name in ["small", "older", "mode", "other", "linked"] {
            #expect(try inode(root + "/d/" + name) != inode(path + "/d/" + name), "\(name)")
        }
        #expect(try #require(status(path + "/d")).st_mtim.tv_sec == 50)
        let again = scratch.path + "/second.tar"
        try LayerRebuild.write(layer: path, diffID: second.diffID, to: again)
        #expect(try Files.read(again) == layer(1))
    }

    @Test func aRottenCandidateIsReportedAndNotShared() throws {
        let tar = build { $0.add("f", content: noise(10_000)) }
        try unpack(tar)
        try flip(root + "/f", at: 4000)
        try unpack(tar, to: "second")
        var pool = FilePool()
        let chain = ContentHasher.digest(of: [1])
        pool.load([FilePool.Layer(chainID: chain, directory: root)])
        #expect(pool.share(scratch.path + "/second") == SharedFiles(rotten: [chain: "f"]))
        #expect(try Files.read(scratch.path + "/second/f") == noise(10_000))
    }
}

/// Changes one byte in place and gives the file its old times back, as a failing medium does.
func flip(_ path: String, at offset: Int) throws {
    let info = try #require(status(path))
    let file = try FileDescriptor.open(path, O_RDWR)
    var byte: UInt8 = 0
    try #require(pread(file.rawValue, &byte, 1, off_t(offset)) == 1)
    byte ^= 0x40
    try #require(pwrite(file.rawValue, &byte, 1, off_t(offset)) == 1)
    let times = [info.st_atim, info.st_mtim]
    futimens(file.rawValue, times)
}
