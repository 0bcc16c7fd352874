import CArchive
import JSON
import Linux
import Logging
import OCI
import SQLite
import Testing

@testable import Images

@Suite(.enabled(if: geteuid() == 0, "unpacking sets owners"))
struct ImageStoreTests {
    let scratch: Scratch
    let store: ImageStore

    init() throws {
        scratch = try Scratch()
        store = try ImageStore(root: scratch.path + "/data", logger: Logger(label: "test"))
    }

    var root: String { scratch.path + "/data" }

    func importImage(_ name: String, file: String = "f", _ changes: ImportChanges = .init()) async throws -> Image {
        var tar = TarBuilder()
        tar.add(file, content: Array(file.utf8))
        let path = try scratch.write("import.tar", Compression.gzip.compress(tar.finished()))
        return try await store.importRoot(path: path, reference: try ImageReference(parsing: name), changes: changes)
    }

    // MARK: Import

    @Test func importWritesWhatWasAskedForIntoTheConfig() async throws {
        let image = try await importImage(
            "web:1",
            ImportChanges(
                cmd: ["httpd"], entrypoint: ["/init"], env: ["A=b"], exposed: ["80", "53/udp"], workingDir: "/srv",
                user: "7:8"))
        let process = try #require(image.config.config)
        #expect(process.cmd == ["httpd"] && process.entrypoint == ["/init"])
        #expect(process.env?.last == "A=b" && process.env?.first?.hasPrefix("PATH=") == true)
        #expect(process.exposedPorts?.keys.sorted() == ["53/udp", "80/tcp"])
        #expect(process.workingDir == "/srv" && process.user == "7:8")
        #expect(image.config.architecture == Platform.current.architecture)
        #expect(image.created == "2023-11-14T22:13:20Z")
        #expect(image.references == ["web:1"] && image.size == 1)
        let manifest = try Files.read("\(root)/blobs/sha256/\(image.manifestDigest.hex)")
        guard case .manifest(let parsed) = try ImageDocument(parsing: manifest, declaredType: nil) else { return }
        #expect(parsed.layers.map(\.mediaType) == [MediaType.ociLayerGzip])
    }

    @Test func theSameImportGivesTheSameImage() async throws {
        let first = try await importImage("a")
        let second = try await importImage("b")
        #expect(first.id == second.id)
        #expect(try await store.find("a")?.references == ["a:latest", "b:latest"])
    }

    @Test func badChangesAreRefusedBeforeAnythingIsWritten() async throws {
        for changes in [
            ImportChanges(env: ["novalue"]), ImportChanges(exposed: ["70000"]), ImportChanges(exposed: ["x"]),
        ] {
            await #expect(throws: ImageError.self) { try await importImage("a", changes) }
        }
        #expect(try await store.list().isEmpty)
        do {
            _ = try await store.importRoot(path: "/nonexistent.tar", reference: try ImageReference(parsing: "a"))
            Issue.record("imported nothing")
        } catch let error as ImageError {
            #expect(error.code == .unreadableFile && error.message.contains("/nonexistent.tar"))
        }
    }

    // MARK: Finding

    @Test func findsByEveryKindOfName() async throws {
        let image = try await importImage("web")
        for name in [
            "web", "web:latest", "docker.io/library/web", image.id.description, image.id.hex, image.id.short,
            image.manifestDigest.description,
        ] {
            #expect(try await store.find(name)?.id == image.id, "\(name)")
        }
        for name in ["web:2", "other", "ffff", "", "//", "sha256:zz"] {
            #expect(try await store.find(name) == nil, "\(name)")
        }
    }

    @Test func anAmbiguousPrefixIsAnError() async throws {
        var byDigit: [Character: Int] = [:]
        for number in 0..<17 {
            let image = try await importImage("n\(number)", file: "f\(number)")
            byDigit[image.id.hex.first ?? "-", default: 0] += 1
        }
        let digit = try #require(byDigit.first { $0.value > 1 }?.key)
        do {
            _ = try await store.find(String(digit))
            Issue.record("found one of several")
        } catch {
            #expect(error.code == .ambiguous)
        }
    }

    @Test func survivesAReopening() async throws {
        let image = try await importImage("web")
        await store.close()
        let again = try ImageStore(root: root, logger: Logger(label: "test"))
        #expect(try await again.list() == [image])
    }

    @Test func aStartClearsWhatWasInterrupted() async throws {
        _ = try scratch.write("data/ingest/upload-3", [1])
        try Files.makeDirectories(root + "/ingest/layer-9/a")
        await store.close()
        let again = try ImageStore(root: root, logger: Logger(label: "test"))
        #expect(try Files.listDirectory(root + "/ingest").isEmpty)
        await again.close()
    }

    @Test func aDatabaseOfANewerVersionIsRefused() async throws {
        await store.close()
        let connection = try Connection(path: root + "/images.db")
        try connection.execute("INSERT INTO migrations (id) VALUES (199)")
        connection.close()
        do {
            _ = try ImageStore(root: root, logger: Logger(label: "test"))
            Issue.record("opened")
        } catch {
            #expect(error.code == .database && error.message.contains("newer Wherry"))
        }
    }

    // MARK: Removing

    @Test func removingTheLastNameFreesEverything() async throws {
        let image = try await importImage("a")
        try await store.tag("a", as: try ImageReference(parsing: "b:2"))
        #expect(try await store.remove("a") == [.untagged("a:latest")])
        #expect(try await store.remove("b:2") == [.untagged("b:2"), .deleted(image.id)])
        for directory in ["layers", "blobs/sha256", "ingest"] {
            #expect(try Files.listDirectory("\(root)/\(directory)").isEmpty)
        }
        await #expect(throws: ImageError.self) { try await store.remove("a") }
    }

    @Test func removingByIDNeedsForceWhenThereAreSeveralNames() async throws {
        let image = try await importImage("a")
        try await store.tag("a", as: try ImageReference(parsing: "b"))
        do {
            try await store.remove(image.id.short)
            Issue.record("removed")
        } catch {
            #expect(error.code == .conflict)
        }
        #expect(try await store.remove(image.id.short, force: true).contains(.deleted(image.id)))
    }

    @Test func whatIsUsedOrPinnedStays() async throws {
        let image = try await importImage("a")
        do {
            try await store.remove("a", inUse: [image.id])
            Issue.record("removed")
        } catch {
            #expect(error.code == .inUse)
        }
        #expect(try await store.remove("a", force: true, inUse: [image.id]) == [.untagged("a:latest")])
        #expect(try await store.collectGarbage(inUse: [image.id]) == GarbageReport())
        try await store.pin(image.id, owner: "revision 3")
        #expect(try await store.collectGarbage() == GarbageReport())
        let layer = try #require(image.layerDirectories.first)
        #expect(Files.exists(layer))
        try await store.unpin(owner: "revision 3")
        let report = try await store.collectGarbage()
        #expect(report.images == [image.id] && report.layers.count == 1 && report.blobs.count == 2)
    }

    @Test func aLayerThatTwoImagesShareStaysWithTheOther() async throws {
        let first = try await importImage("a", ImportChanges(cmd: ["x"]))
        let second = try await importImage("b", ImportChanges(cmd: ["y"]))
        #expect(first.layerDirectories == second.layerDirectories)
        try await store.remove("a")
        #expect(try Files.read(try #require(second.layerDirectories.first) + "/f") == Array("f".utf8))
    }

    @Test func aLayerDirectoryWithoutARecordIsReplaced() async throws {
        let image = try await importImage("a")
        let layer = try #require(image.layerDirectories.first)
        try await store.remove("a")
        try Files.makeDirectories(layer + "/half")
        _ = try await importImage("a")
        #expect(try Files.listDirectory(layer) == ["f"])
    }

    // MARK: Load

    func archive(_ files: [(String, [UInt8])], links: [(String, String)] = []) throws -> String {
        var tar = TarBuilder()
        for (name, content) in files { tar.add(name, content: content) }
        for (name, target) in links { tar.add(name, .symbolicLink, link: target) }
        return try scratch.write("load.tar", tar.finished())
    }

    func ociLayout(_ sample: SampleImage, name: String? = "demo:2") throws -> [(String, [UInt8])] {
        var entry = sample.descriptor(.current)
        entry.annotations = name.map { ["org.opencontainers.image.ref.name": $0] }
        let index = try JSONValue(encoding: ImageIndex(manifests: [entry])).serialized()
        return [("oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)), ("index.json", index)]
            + [("blobs/sha256/\(sample.manifestDigest.hex)", sample.manifest)]
            + sample.blobs.map { ("blobs/sha256/\($0.key.hex)", $0.value) }
    }

    @Test func loadsAnOCILayout() async throws {
        let sample = try SampleImage()
        let images = try await store.load(path: try archive(try ociLayout(sample)))
        #expect(images.map(\.id) == [sample.id] && images[0].references == ["demo:2"])
        #expect(images[0].manifestDigest == sample.manifestDigest)
        #expect(try Files.read(images[0].layerDirectories[0] + "/etc/hello") == Array("world".utf8))
        #expect(try Files.listDirectory(root + "/ingest").isEmpty)
    }

    @Test func loadsADockerSaveArchiveWithLinkedLayers() async throws {
        var layer = TarBuilder()
        layer.add("x", content: [1])
        let tar = layer.finished()
        let diffID = ContentHasher.digest(of: tar)
        let config = try JSONValue(
            encoding: ImageConfig(platform: .current, diffIDs: [diffID, diffID])
        ).serialized()
        let id = ContentHasher.digest(of: config)
        let manifest =
            #"[{"Config":"\#(id.hex).json","RepoTags":["old:1","old:2"],"Layers":["a/layer.tar","b/layer.tar"]}]"#
        let path = try archive(
            [("\(id.hex).json", config), ("a/layer.tar", tar), ("manifest.json", Array(manifest.utf8))],
            links: [("b/layer.tar", "../a/layer.tar")])
        let images = try await store.load(path: path)
        #expect(images.map(\.id) == [id] && images[0].references == ["old:1", "old:2"])
        #expect(images[0].layerDirectories.count == 2)
    }

    @Test func whatDoesNotFitIsRefusedWhole() async throws {
        let sample = try SampleImage()
        let good = try ociLayout(sample)
        var changed = good
        for index in changed.indices where changed[index].0.hasSuffix(sample.layerDigest.hex) {
            changed[index].1[30] ^= 1
        }
        let missing = good.filter { !$0.0.hasSuffix(sample.layerDigest.hex) }
        let both = good.map {
            $0.0 == "index.json" ? ($0.0, Array(#"{"schemaVersion":2,"manifests":[],"layers":[]}"#.utf8)) : $0
        }
        for (files, code) in [
            (changed, ImageError.Code.digestMismatch), (missing, .invalidImage), (both, .invalidImage),
            ([("x", [1])], .invalidImage),
        ] {
            do {
                _ = try await store.load(path: try archive(files))
                Issue.record("loaded")
            } catch let error as ImageError {
                #expect(error.code == code, "\(error)")
                #expect(error.message.contains("load.tar"))
            }
            #expect(try await store.list().isEmpty)
            #expect(try Files.listDirectory(root + "/layers").isEmpty)
            #expect(try Files.listDirectory(root + "/ingest").isEmpty)
        }
    }

    // MARK: Full disk

    @Test(.enabled(if: MountedTmpfs.isPossible, "needs to mount a tmpfs"))
    func aFullDiskIsSaidAndNothingIsHalfDone() async throws {
        let disk = try MountedTmpfs(scratch.directory("disk"), megabytes: 8)
        var tar = TarBuilder()
        tar.add("big", content: (0..<(6 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) })
        let path = try scratch.write("big.tar", tar.finished())
        for reserve in [0, 2 << 20] as [Int64] {
            let small = try ImageStore(
                root: disk.path + "/data", limits: UnpackLimits(reservedBytes: reserve), logger: Logger(label: "test"))
            do {
                _ = try await small.importRoot(path: path, reference: try ImageReference(parsing: "big"))
                Issue.record("imported")
            } catch let error as ImageError {
                #expect(error.code == .diskFull && error.message.contains("free space"), "\(error)")
            }
            #expect(try await small.list().isEmpty)
            for directory in ["layers", "blobs/sha256", "ingest"] {
                #expect(try Files.listDirectory("\(disk.path)/data/\(directory)").isEmpty)
            }
            await small.close()
        }
    }
}

/// A small file system that goes away with the test.
final class MountedTmpfs {
    let path: String

    static var isPossible: Bool {
        guard geteuid() == 0, let scratch = try? Scratch() else { return false }
        return (try? MountedTmpfs(scratch.path, megabytes: 1)) != nil
    }

    init(_ path: String, megabytes: Int) throws {
        try systemCall("mount", on: path) { wherry_mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") }
        self.path = path
    }

    deinit { _ = wherry_umount(path, 2) }
}
