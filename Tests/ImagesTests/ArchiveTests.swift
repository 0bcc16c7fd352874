import CArchive
import JSON
import Linux
import Logging
import OCI
import Synchronization
import Testing

@testable import Images

/// Collects what a producer sends.
final class ByteCollector: Sendable {
    private let bytes = Mutex<[UInt8]>([])
    var all: [UInt8] { bytes.withLock { $0 } }
    func add(_ more: [UInt8]) { bytes.withLock { $0 += more } }
}

@Suite(.enabled(if: geteuid() == 0, "whiteouts are device nodes"))
struct TreeArchiverTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// An entry of an archive, as libarchive reads it.
    struct Entry: Equatable {
        var type: mode_t
        var link = ""
        var content: [UInt8] = []
    }

    func entries(_ bytes: [UInt8]) throws -> [String: Entry] {
        let path = try scratch.write("read.tar", bytes)
        let file = try FileDescriptor.open(path, O_RDONLY)
        let reader = try TarReader(try DecompressedStream(descriptor: file.rawValue, limits: UnpackLimits()))
        var found: [String: Entry] = [:]
        while let entry = try reader.next() {
            var known = Entry(type: entry.type)
            known.link = String(decoding: entry.hardLink ?? entry.symbolicLink, as: UTF8.self)
            let name = String(decoding: entry.path, as: UTF8.self)
            while let block = try reader.nextBlock() { known.content += Array(block.bytes) }
            #expect(found[name] == nil, "\(name) is there twice")
            found[name] = known
        }
        return found
    }

    func archive(_ layers: [String], _ form: TreeArchiver.Form) throws -> [UInt8] {
        let archiver = try TreeArchiver(layers: layers, form: form)
        var bytes: [UInt8] = []
        while let piece = try archiver.next() { bytes += piece }
        return bytes
    }

    func write(_ layer: String, _ name: String, _ content: String) throws {
        let path = "\(layer)/\(name)"
        try Files.makeDirectories(Files.directory(of: path))
        // Under its own name at once: some fill what a name may have.
        try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644).writeAll(Array(content.utf8))
    }

    func whiteout(_ layer: String, _ name: String) throws {
        try #require(mknodat(AT_FDCWD, "\(layer)/\(name)", S_IFCHR, 0) == 0)
    }

    func makeOpaque(_ directory: String) throws {
        let descriptor = try FileDescriptor.open(directory, O_RDONLY | O_DIRECTORY)
        try #require(carchive_fsetxattr(descriptor.rawValue, "trusted.overlay.opaque", "y", 1) == 0)
    }

    func layers() throws -> (upper: String, lower: String) {
        let (upper, lower) = (try scratch.directory("upper"), try scratch.directory("lower"))
        for name in ["kept", "gone", "both", "hidden/x", "merged/a", "asFile/x"] { try write(lower, name, "lower") }
        for name in ["both", "hidden/new", "merged/b", "asFile"] { try write(upper, name, "upper") }
        try whiteout(upper, "gone")
        try makeOpaque(upper + "/hidden")
        return (upper, lower)
    }

    @Test func theMergedTreeIsWhatTheContainerSees() throws {
        let (upper, lower) = try layers()
        let found = try entries(archive([upper, lower], .merged))
        #expect(
            found.keys.sorted() == [
                "asFile", "both", "hidden/", "hidden/new", "kept", "merged/", "merged/a", "merged/b",
            ])
        #expect(found["both"]?.content == Array("upper".utf8) && found["merged/a"]?.content == Array("lower".utf8))
    }

    @Test func theChangesAreALayer() throws {
        let (upper, lower) = try layers()
        let found = try entries(archive([upper, lower], .changes))
        #expect(
            found.keys.sorted() == [
                ".wh.gone", "asFile", "both", "hidden/", "hidden/.wh..wh..opq", "hidden/new", "merged/", "merged/b",
            ])
    }

    @Test func namesLinksAndAttributesComeThrough() throws {
        let root = try scratch.directory("root")
        let long = String(repeating: "d", count: 200) + "/" + String(repeating: "ü", count: 100)
        try write(root, long, "x")
        try write(root, "first", "linked")
        try #require(link(root + "/first", root + "/second") == 0)
        let target = String(repeating: "t", count: 300)
        try #require(symlink(target, root + "/soft") == 0)
        try #require(chown(root + "/first", 3_000_000, 7) == 0)
        let file = try FileDescriptor.open(root + "/first", O_RDONLY)
        let capability: [UInt8] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        try #require(carchive_fsetxattr(file.rawValue, "security.capability", capability, capability.count) == 0)
        let bytes = try archive([root], .merged)
        let found = try entries(bytes)
        #expect(found[long]?.content == [UInt8(ascii: "x")])
        #expect(found["soft"]?.link == target && found["second"]?.link == "first")
        // Unpacked again, it is the same tree.
        let path = try scratch.write("again.tar", bytes)
        let copy = try scratch.directory("copy")
        let stream = try DecompressedStream(descriptor: FileDescriptor.open(path, O_RDONLY).release(), limits: .init())
        _ = try LayerWriter(path: copy, lower: [], limits: .init()).unpack(stream)
        #expect(try archive([copy], .merged) == bytes)
        #expect(status(copy + "/first")?.st_uid == 3_000_000)
    }

    @Test func whatOnlyThisKernelCouldReadIsRefused() throws {
        let root = try scratch.directory("root")
        try Files.makeDirectories(root + "/moved")
        let directory = try FileDescriptor.open(root + "/moved", O_RDONLY | O_DIRECTORY)
        try #require(carchive_fsetxattr(directory.rawValue, "trusted.overlay.redirect", "/x", 2) == 0)
        let error = #expect(throws: ImageError.self) { try archive([root], .changes) }
        #expect(error?.message.contains("redirect_dir") == true)
    }

    @Test func packingIsRepeatable() async throws {
        let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7 / 3) }
        let file = try scratch.write("content", content)
        let thread = ArchiveThread()
        let first = try await thread.pack(file: file, into: scratch.path + "/1.gz")
        let second = try await thread.pack(file: file, into: scratch.path + "/2.gz")
        #expect(first.blob == second.blob && first.content == ContentHasher.digest(of: content))
        #expect(try Files.read(scratch.path + "/1.gz").count == Int(first.size))
        #expect(ContentHasher.digest(of: try Files.read(scratch.path + "/1.gz")) == first.blob)
    }
}

@Suite(.enabled(if: geteuid() == 0, "unpacking sets owners"))
struct SaveTests {
    let scratch: Scratch
    let store: ImageStore

    init() throws {
        scratch = try Scratch()
        store = try ImageStore(root: scratch.path + "/data", logger: Logger(label: "test"))
    }

    func importImage(_ name: String, _ files: [String]) async throws -> Image {
        var tar = TarBuilder()
        for file in files { tar.add(file, content: Array(file.utf8)) }
        let path = try scratch.write("import.tar", Compression.zstd.compress(tar.finished()))
        return try await store.importRoot(path: path, reference: try ImageReference(parsing: name))
    }

    func save(_ names: [String]) async throws -> String {
        let collector = ByteCollector()
        try await store.save(try await store.planSave(names)) { collector.add($0) }
        return try scratch.write("saved.tar", collector.all)
    }

    @Test func whatIsSavedLoadsIntoAnotherStoreAsTheSame() async throws {
        let first = try await importImage("a:1", ["x"])
        let second = try await importImage("b:1", ["y"])
        try await store.tag("a:1", as: try ImageReference(parsing: "reg.test/c:2"))
        let path = try await save(["a:1", "reg.test/c:2", second.id.description])
        let other = try ImageStore(root: scratch.path + "/other", logger: Logger(label: "test"))
        let loaded = try await other.load(path: path)
        #expect(Set(loaded.map(\.id)) == [first.id, second.id])
        #expect(try await other.find("a:1")?.references == ["a:1", "reg.test/c:2"])
        #expect(try await other.find(second.id.description)?.references == [])
    }

    @Test func onlyWhatIsThereIsSaved() async throws {
        let error = await #expect(throws: ImageError.self) { try await store.planSave(["absent"]) }
        #expect(error?.code == .notFound && error?.message.contains("absent") == true)
    }

    @Test func aCommitAddsALayerAndKeepsTheRest() async throws {
        let base = try await importImage("base:1", ["kept", "gone"])
        let upper = try scratch.directory("upper")
        try Files.writeAtomically([1], to: upper + "/new", durable: false)
        try #require(mknodat(AT_FDCWD, upper + "/gone", S_IFCHR, 0) == 0)
        var request = CommitRequest(base: base.id, upper: upper)
        request.reference = try ImageReference(parsing: "made:1")
        request.author = "Ada"
        request.changes.env = ["A=b"]
        request.changes.message = "note"
        let image = try await store.commit(request)
        #expect(image.config.rootfs.diffIDs.dropLast() == base.config.rootfs.diffIDs[...])
        #expect(image.config.author == "Ada" && image.config.history?.last?.comment == "note")
        #expect(image.config.config?.env?.contains("A=b") == true)
        let top = try #require(image.layerDirectories.last)
        #expect(status(top + "/new")?.st_size == 1 && status(top + "/gone")?.st_mode ?? 0 & S_IFMT == S_IFCHR)
        #expect(try await store.layerSizes(of: image.id).count == 2)
    }
}
