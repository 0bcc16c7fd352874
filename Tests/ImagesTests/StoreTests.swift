import CArchive
import JSON
import Linux
import Logging
import NIOHTTP1
import OCI
import SQLite
import Synchronization
import Testing

@testable import Images

/// Layers without blobs, damage and its repair, and room on the disk.
@Suite(.enabled(if: geteuid() == 0, "unpacking sets owners"))
struct StoreTests {
    let scratch: Scratch
    let root: String

    init() throws {
        scratch = try Scratch()
        root = scratch.path + "/data"
    }

    func open(_ root: String? = nil, _ change: (inout StoreSettings) -> Void = { _ in }) throws -> ImageStore {
        var settings = StoreSettings()
        settings.reserveBytes = nil
        settings.minimumAge = .zero
        settings.logReserveBytes = 0
        change(&settings)
        return try ImageStore(
            root: root ?? self.root, limits: UnpackLimits(reservedBytes: 0), settings: settings,
            logger: Logger(label: "test"))
    }

    static func tar(_ name: String, _ size: Int = 20_000) -> [UInt8] {
        var tar = TarBuilder()
        tar.add("srv/", .directory, mode: 0o755)
        tar.add(
            "srv/" + name, content: (0..<size).map { UInt8(truncatingIfNeeded: ($0 ^ name.utf8.count) &* 0x9e37 >> 5) })
        tar.add("srv/link", .symbolicLink, link: name)
        return tar.finished()
    }

    func importImage(_ store: ImageStore, _ name: String, _ tar: [UInt8]) async throws -> Image {
        try await store.importRoot(
            path: try scratch.write("import.tar", tar), reference: try ImageReference(parsing: name))
    }

    var blobs: [String] { (try? Files.listDirectory(root + "/blobs/sha256")) ?? [] }

    /// A registry that serves images by name, and can be told to be down.
    final class Served: Sendable {
        final class Link: Sendable {
            let isDown = Mutex(false)
        }

        let link = Link()
        let registry: FakeRegistry

        init(_ images: [String: LayeredImage]) async throws {
            let link = link
            registry = try await FakeRegistry { asked in
                guard !link.isDown.withLock({ $0 }) else { return FakeRegistry.Answer(status: .notFound) }
                for (name, image) in images where asked.uri.contains("/\(name)/") {
                    if let answer = image.answer(asked.uri) { return answer }
                }
                return FakeRegistry.Answer(status: .notFound)
            }
        }

        func blobRequests(_ digest: Digest) -> Int {
            registry.requests.count { $0.uri.hasSuffix("/blobs/\(digest)") }
        }
    }

    // MARK: Layers without blobs

    @Test func anUnpackedLayerNeedsNoBlob() async throws {
        let store = try open()
        let tar = Self.tar("f")
        let image = try await importImage(store, "a", Compression.gzip.compress(tar))
        #expect(blobs == [image.id.hex, image.manifestDigest.hex].sorted())
        let path = scratch.path + "/layer.tar"
        try await store.rebuildLayer(image.config.rootfs.diffIDs[0], at: path)
        #expect(try Files.read(path) == tar)
        await #expect(throws: ImageError.self) {
            try await store.rebuildLayer(ContentHasher.digest(of: [1]), at: path + "2")
        }
    }

    @Test func blobsStayWhenTheSettingSaysSoOrWhenNothingElseHasTheContent() async throws {
        let store = try open { $0.keepsBlobs = true }
        let packed = Compression.gzip.compress(Self.tar("f"))
        _ = try await importImage(store, "a", packed)
        #expect(blobs.contains(ContentHasher.digest(of: packed).hex))
        await store.close()
        let other = try open()
        var twice = TarBuilder()
        twice.add("f", content: [1])
        twice.add("f", content: [2])
        let image = try await importImage(other, "b", twice.finished())
        _ = try await other.collectGarbage()
        #expect(blobs.contains(ContentHasher.digest(of: twice.finished()).hex))
        #expect(!blobs.contains(ContentHasher.digest(of: packed).hex), "a collection removes what is kept no longer")
        let path = scratch.path + "/layer.tar"
        try await other.rebuildLayer(image.config.rootfs.diffIDs[0], at: path)
        #expect(try Files.read(path) == twice.finished())
    }

    @Test func layersThatAreHereAreNotFetchedWhateverTheirParents() async throws {
        let (base, other, app) = (Self.tar("base"), Self.tar("other"), Self.tar("app", 50_000))
        let one = try LayeredImage([base, app])
        let two = try LayeredImage([base, other, app])
        let served = try await Served(["one": one, "two": two])
        let store = try open()
        _ = try await store.pull(try served.registry.reference("one:1"))
        let image = try await store.pull(try served.registry.reference("two:1"))
        #expect(one.layers.map { served.blobRequests($0.digest) } == [1, 1])
        #expect(served.blobRequests(two.layers[1].digest) == 1)
        #expect(try Files.read(image.layerDirectories[2] + "/srv/app").count == 50_000)
        #expect(try Files.listDirectory(root + "/ingest").isEmpty)
        // The twin's files are those of the first.
        #expect(try #require(status(image.layerDirectories[2] + "/srv/app")).st_nlink == 2)
        #expect(try await store.check().findings.isEmpty)
        try await served.registry.stop()
    }

    // MARK: Damage

    @Test func damageIsFoundMarkedAndRepairedFromTheRegistry() async throws {
        let sample = try LayeredImage([Self.tar("base"), Self.tar("app")])
        let served = try await Served(["web": sample])
        let findings = Mutex<[StoreFinding]>([])
        var hooks = StoreHooks()
        hooks.onFinding = { finding in findings.withLock { $0.append(finding) } }
        let store = try open()
        await store.setHooks(hooks)
        let image = try await store.pull(try served.registry.reference("web:1"))
        let file = image.layerDirectories[1] + "/srv/app"
        let parts: [(StoreFinding.Part, String)] = [
            (.layer, file), (.layer, image.layerDirectories[1] + ".index"),
            (.config, "\(root)/blobs/sha256/\(image.id.hex)"),
            (.manifest, "\(root)/blobs/sha256/\(image.manifestDigest.hex)"),
        ]
        for (part, path) in parts {
            let content = try Files.read(path)
            try flip(path, at: content.count / 2)
            served.link.isDown.withLock { $0 = true }
            let found = try await store.check()
            #expect(found.findings.map(\.part) == [part] && !found.isSound, "\(part): \(found.findings)")
            #expect(found.findings.first?.images == [try served.registry.reference("web:1").familiar])
            do {
                try await store.prepareToStart(image.id)
                Issue.record("started with a damaged \(part)")
            } catch {
                #expect(error.code == .damaged)
            }
            #expect(try await store.list().first?.damage != nil)
            served.link.isDown.withLock { $0 = false }
            let repaired = try await store.check()
            #expect(repaired.findings.map(\.outcome) == [.repaired], "\(part): \(repaired.findings)")
            #expect(try Files.read(path) == content)
            try await store.prepareToStart(image.id)
            #expect(try await store.check().findings.isEmpty)
        }
        #expect(findings.withLock { $0.count } == 8)
        #expect(try await store.find("\(served.registry.authority)/web:1")?.references.count == 1)
        try await served.registry.stop()
    }

    // MARK: Before a start

    @Test func aChangedByteIsFoundBeforeTheNextStart() async throws {
        let store = try open()
        let image = try await importImage(store, "a", Self.tar("f"))
        try await store.prepareToStart(image.id)
        try flip(image.layerDirectories[0] + "/srv/f", at: 7)
        await #expect(throws: ImageError.self) { try await store.prepareToStart(image.id) }
        #expect(try await store.find("a")?.damage?.contains("srv/f") == true)
        await store.close()
    }

    @Test func aRottenConfigIsNotStartedThoughNoCheckFoundIt() async throws {
        let store = try open()
        let image = try await importImage(store, "a", Self.tar("f"))
        let path = "\(root)/blobs/sha256/\(image.id.hex)"
        // White space at its end: the document says what it said.
        try Files.writeAtomically(try Files.read(path) + [0x20], to: path)
        await #expect(throws: ImageError.self) { try await store.prepareToStart(image.id) }
    }

    @Test func withoutReadingBeforeAStartContentIsNotLookedAt() async throws {
        let store = try open { $0.contentPeriod = nil }
        let image = try await importImage(store, "a", Self.tar("f"))
        try flip(image.layerDirectories[0] + "/srv/f", at: 7)
        try await store.prepareToStart(image.id)
        // Until a program of it keeps failing.
        await #expect(throws: ImageError.self) { try await store.prepareToStart(image.id, isSuspect: true) }
    }

    @Test func anImageIsReadOnceForManyStarts() async throws {
        let content: Int64 = 20_000
        var store = try open()
        let image = try await importImage(store, "a", Self.tar("f"))
        try await store.prepareToStart(image.id)
        #expect(try await store.statistics().checkedBytes == 0, "it was just unpacked")
        await store.close()
        store = try open()
        for _ in 0..<3 { try await store.prepareToStart(image.id) }
        #expect(try await store.statistics().checkedBytes == content)
        // A file that was touched is read again, and is sound.
        let file = image.layerDirectories[0] + "/srv/f"
        chmod(file, 0o600)
        chmod(file, mode_t(0o644))
        for _ in 0..<2 { try await store.prepareToStart(image.id) }
        #expect(try await store.statistics().checkedBytes == 2 * content)
        for _ in 0..<2 { try await store.prepareToStart(image.id, isSuspect: true) }
        #expect(try await store.statistics().checkedBytes == 3 * content, "a suspicion is looked into once an hour")
        await store.close()
        store = try open { $0.contentPeriod = .zero }
        for _ in 0..<2 { try await store.prepareToStart(image.id) }
        #expect(try await store.statistics().checkedBytes == 2 * content, "at each start, when so configured")
        await store.close()
    }

    @Test func theRepairOfOneImageIsAllThatAPodNeeds() async throws {
        let served = try await Served(["web": try LayeredImage([Self.tar("app")])])
        let store = try open()
        let image = try await store.pull(try served.registry.reference("web:1"))
        try flip(image.layerDirectories[0] + "/srv/app", at: 9)
        _ = try await store.check(repairing: false)
        try await store.repair(image.id)
        try await store.prepareToStart(image.id)
        try Files.removeTree(image.layerDirectories[0])
        await #expect(throws: ImageError.self) { try await store.prepareToStart(image.id) }
        _ = try await store.check()
        try await store.prepareToStart(image.id)
        try await served.registry.stop()
    }

    @Test func aKeptBlobRepairsItsLayerAndIsReplacedItself() async throws {
        let store = try open { $0.keepsBlobs = true }
        let packed = Compression.zstd.compress(Self.tar("f"))
        let image = try await importImage(store, "a", packed)
        let file = image.layerDirectories[0] + "/srv/f"
        try flip(file, at: 10)
        unlink(image.layerDirectories[0] + "/srv/link")
        #expect(try await store.check().findings.map(\.outcome) == [.repaired])
        #expect(try await store.check().findings.isEmpty)
        let blob = "\(root)/blobs/sha256/\(ContentHasher.digest(of: packed).hex)"
        try flip(blob, at: 100)
        try flip(file, at: 10)
        let both = try await store.check()
        #expect(both.findings.map(\.part) == [.blob, .layer])
        #expect(both.findings.map(\.outcome) == [.repaired, .damaged], "a bad blob is no source")
        #expect(!Files.exists(blob))
    }

    @Test func contentIsTakenFromWhateverLayerHasIt() async throws {
        let store = try open()
        var a = TarBuilder()
        a.add("one", content: [UInt8](repeating: 5, count: 9000), modified: 1)
        var b = TarBuilder()
        b.add("two", content: [UInt8](repeating: 5, count: 9000), modified: 2)
        let first = try await importImage(store, "a", a.finished())
        _ = try await importImage(store, "b", b.finished())
        try flip(first.layerDirectories[0] + "/one", at: 8999)
        let report = try await store.check()
        #expect(report.findings.map(\.outcome) == [.repaired] && report.isSound)
        #expect(try Files.read(first.layerDirectories[0] + "/one") == [UInt8](repeating: 5, count: 9000))
    }

    @Test func aNewLayerDoesNotSpreadTheRotOfAnother() async throws {
        let store = try open()
        let first = try await importImage(store, "a", Self.tar("f"))
        try flip(first.layerDirectories[0] + "/srv/f", at: 9)
        var other = TarBuilder()
        other.add("srv/", .directory, mode: 0o700)
        let bytes = other.bytes + Self.tar("f").dropFirst(512)
        let second = try await importImage(store, "b", bytes)
        #expect(try await store.find("a")?.damage != nil, "the comparison found it")
        #expect(try await store.find("b")?.damage == nil)
        #expect(try await store.check().isSound, "and the good copy mends it")
        #expect(
            try Files.read(first.layerDirectories[0] + "/srv/f") == Files.read(second.layerDirectories[0] + "/srv/f"))
    }

    @Test func anUncleanStopIsNoticedAndNothingIsUsedUnseen() async throws {
        var image: Image?
        do {
            let store = try open()
            image = try await importImage(store, "a", Self.tar("f"))
            // No close: the process was killed.
        }
        let layer = try #require(image?.layerDirectories.first)
        let id = try #require(image?.id)
        truncate(layer + "/srv/f", 0)
        try Files.makeDirectories("\(root)/layers/\(String(repeating: "a", count: 64))/half")
        let again = try open()
        #expect(await again.awaitsCheck)
        await #expect(throws: ImageError.self) { try await again.prepareToStart(id) }
        try await again.clearLeftovers()
        #expect(try Files.listDirectory(root + "/layers").count == 2)
        try await again.checkAfterUncleanStop()
        #expect(await !again.awaitsCheck)
        await again.close()
        let clean = try open()
        #expect(await !clean.awaitsCheck)
        #expect(try await clean.find("a")?.damage != nil, "a mark survives a restart")
        await clean.close()
    }

    @Test func aLayerOfAnOlderVersionWorksAndGetsItsIndexFromItsBlob() async throws {
        let packed = Compression.gzip.compress(Self.tar("f"))
        let keeping = try open { $0.keepsBlobs = true }
        let image = try await importImage(keeping, "a", packed)
        await keeping.close()
        let connection = try Connection(path: root + "/images.db")
        try connection.execute("UPDATE layers SET index_digest = NULL, index_size = 0, is_rebuildable = 0")
        connection.close()
        unlink(image.layerDirectories[0] + ".index")
        let store = try open()
        try await store.prepareToStart(image.id)
        _ = try await store.collectGarbage()
        let blob = ContentHasher.digest(of: packed)
        #expect(blobs.contains(blob.hex), "nothing else has its tar")
        let path = scratch.path + "/layer.tar"
        try await store.rebuildLayer(image.config.rootfs.diffIDs[0], at: path)
        #expect(try Files.read(path) == Self.tar("f"))
        let found = try await store.check(repairing: false)
        #expect(found.findings.map(\.outcome) == [.unverifiable] && found.isSound)
        let inode = try #require(status(image.layerDirectories[0])).st_ino
        #expect(try await store.check().findings.isEmpty)
        #expect(try #require(status(image.layerDirectories[0])).st_ino == inode, "an overlay may be mounted on it")
        #expect(!blobs.contains(blob.hex))
        try flip(image.layerDirectories[0] + "/srv/f", at: 3)
        #expect(try await !store.check().isSound)
    }

    @Test func theIdleCheckGoesOnWhereItWas() async throws {
        let store = try open { $0.checkRate = 1 << 30 }
        for name in ["a", "bb", "ccc"] { _ = try await importImage(store, name, Self.tar(name)) }
        try await store.beginRoundOfTest(7)
        try await store.checkInIdleTime(ContinuousClock())
        let read = try await store.statistics().checkedBytes
        #expect(read == 2 * 20_000)
        #expect(try await store.rounds() == [7, 7, 7])
        try await store.checkInIdleTime(ContinuousClock())
        #expect(try await store.statistics().checkedBytes == read, "the next round is not due")
    }

    // MARK: Room

    func hooks(_ names: Set<String>) -> StoreHooks {
        var hooks = StoreHooks()
        hooks.pins = { PinnedImages(names: names) }
        return hooks
    }

    @Test func collectionTakesTheLongestUnusedAndNeverWhatIsPinned() async throws {
        let store = try open {
            $0.highWaterPercent = 0
            $0.lowWaterPercent = 0
        }
        for name in ["a", "bb", "ccc", "dddd"] { _ = try await importImage(store, name, Self.tar(name)) }
        #expect(try await store.relieve() == GarbageReport(), "without knowing what is needed nothing goes")
        var failing = StoreHooks()
        failing.pins = { throw ImageError(.database, "test") }
        await store.setHooks(failing)
        #expect(try await store.relieve() == GarbageReport())
        try await store.pin(try #require(try await store.find("dddd")).id, owner: "pod/1")
        await store.setHooks(hooks(["bb:latest", "docker.io/library/ccc", "elsewhere:1"]))
        #expect(try await store.relieve().images.count == 1)
        #expect(try await store.list().flatMap(\.references).sorted() == ["bb:latest", "ccc:latest", "dddd:latest"])
        try await store.prepareToStart(try #require(try await store.find("bb")).id)
        await store.setHooks(hooks([]))
        try await store.prepareToStart(try #require(try await store.find("ccc")).id)
        try await store.prepareToStart(try #require(try await store.find("bb")).id)
        let report = try await store.relieve()
        #expect(report.images.count == 2 && report.layers.count == 2)
        #expect(try await store.list().flatMap(\.references) == ["dddd:latest"])
    }

    @Test func pruningAsksWhatIsNeeded() async throws {
        let store = try open()
        for name in ["a", "bb"] { _ = try await importImage(store, name, Self.tar(name)) }
        var failing = StoreHooks()
        failing.pins = { throw ImageError(.database, "test") }
        await store.setHooks(failing)
        await #expect(throws: ImageError.self) {
            try await store.prune(PruneRequest(includesNamed: true), inUse: [])
        }
        await store.setHooks(hooks(["bb:latest"]))
        _ = try await store.prune(PruneRequest(includesNamed: true), inUse: [])
        #expect(try await store.list().flatMap(\.references) == ["bb:latest"])
    }

    @Test func aYoungImageStays() async throws {
        let store = try open {
            $0.highWaterPercent = 0
            $0.lowWaterPercent = 0
            $0.minimumAge = .seconds(60)
        }
        await store.setHooks(hooks([]))
        let image = try await importImage(store, "a", Self.tar("a"))
        try await store.prepareToStart(image.id)
        #expect(try await store.relieve().images.isEmpty)
    }

    @Test(.enabled(if: MountedTmpfs.isPossible, "needs to mount a tmpfs"))
    func aPullThatDoesNotFitIsRefusedBeforeItsFirstByteUnlessRoomCanBeMade() async throws {
        let disk = try MountedTmpfs(scratch.directory("disk"), megabytes: 24)
        let store = try open(disk.path + "/data")
        var old = TarBuilder()
        old.add("old", content: [UInt8](repeating: 1, count: 12 << 20))
        _ = try await importImage(store, "old", Compression.gzip.compress(old.finished()))
        let served = try await Served(["new": try LayeredImage([Self.tar("app", 8 << 20)], compression: nil)])
        await store.setHooks(hooks(["old"]))
        do {
            _ = try await store.pull(try served.registry.reference("new:1"))
            Issue.record("pulled")
        } catch let error as ImageError {
            #expect(error.code == .diskFull && error.message.contains("MiB on the disk of \(disk.path)"), "\(error)")
        }
        #expect(served.registry.requests.count { $0.uri.contains("/blobs/") } == 1, "the config alone")
        await store.setHooks(hooks([]))
        _ = try await store.pull(try served.registry.reference("new:1"))
        #expect(try await store.list().count == 1)
        await store.close()
        try await served.registry.stop()
    }

    @Test(.enabled(if: MountedTmpfs.isPossible, "needs to mount a tmpfs"))
    func theReserveIsGivenUpOnAFullDiskAndTakenBack() async throws {
        let disk = try MountedTmpfs(scratch.directory("disk"), megabytes: 64)
        let store = try open(disk.path + "/data") { $0.reserveBytes = (8 << 20)...(8 << 20) }
        let reserve = disk.path + "/data/reserve"
        try await store.watchDisk()
        #expect(try #require(status(reserve)).st_blocks * 512 == 8 << 20)
        let filler = try FileDescriptor.open(disk.path + "/filler", O_WRONLY | O_CREAT, mode: 0o600)
        var info = statvfs()
        try #require(statvfs(disk.path, &info) == 0)
        try #require(posix_fallocate(filler.rawValue, 0, off_t(info.f_bavail) * off_t(info.f_frsize) - 4096) == 0)
        try await store.watchDisk()
        #expect(!Files.exists(reserve))
        #expect(try await !store.statistics().holdsReserve)
        _ = try Files.writeAtomically([UInt8](repeating: 1, count: 4 << 20), to: disk.path + "/state")
        unlink(disk.path + "/filler")
        filler.close()
        try await store.watchDisk()
        #expect(Files.exists(reserve))
        await store.close()
    }

    @Test func whatAFailedPullFinishedStaysOverARestartAndARemoval() async throws {
        let good = Self.tar("good")
        let sample = try LayeredImage([good, Self.tar("bad")])
        let broken = sample.layers[1].digest
        let link = Served.Link()
        link.isDown.withLock { $0 = true }
        let registry = try await FakeRegistry { asked in
            if asked.uri.hasSuffix("\(broken)"), link.isDown.withLock({ $0 }) { return .init(status: .notFound) }
            return sample.answer(asked.uri) ?? .init(status: .notFound)
        }
        let store = try open()
        await #expect(throws: ImageError.self) { try await store.pull(try registry.reference("web:1")) }
        #expect(try Files.listDirectory(root + "/layers").count == 2)
        await store.close()
        let again = try open()
        _ = try await importImage(again, "a", Self.tar("other"))
        try await again.remove("a")
        link.isDown.withLock { $0 = false }
        _ = try await again.pull(try registry.reference("web:1"))
        #expect(registry.requests.count { $0.uri.hasSuffix("\(sample.layers[0].digest)") } == 1)
        try await registry.stop()
    }
}

extension ImageStore {
    /// As a restart finds it in the middle of a round.
    fileprivate func beginRoundOfTest(_ number: Int64) throws {
        try database.beginRound(number)
        if let first = try database.layers().first { try database.markChecked(first.chainID, round: number) }
    }

    fileprivate func rounds() throws -> [Int64] { try database.layers().map(\.checkedRound) }
}

/// An image of several layers, made in memory.
struct LayeredImage: Sendable {
    let layers: [Descriptor]
    private let config: [UInt8]
    private let manifest: [UInt8]
    private let blobs: [Digest: [UInt8]]

    init(_ tars: [[UInt8]], compression: Compression? = .gzip) throws {
        let packed = tars.map { compression?.compress($0) ?? $0 }
        let image = ImageConfig(platform: .current, diffIDs: tars.map(ContentHasher.digest(of:)))
        config = try JSONValue(encoding: image).serialized()
        layers = packed.map {
            Descriptor(
                mediaType: compression == nil ? MediaType.ociLayer : MediaType.ociLayerGzip,
                digest: ContentHasher.digest(of: $0), size: Int64($0.count))
        }
        let document = ImageManifest(
            config: Descriptor(
                mediaType: MediaType.ociConfig, digest: ContentHasher.digest(of: config), size: Int64(config.count)),
            layers: layers)
        manifest = try JSONValue(encoding: document).serialized()
        var blobs = [ContentHasher.digest(of: config): config]
        for bytes in packed { blobs[ContentHasher.digest(of: bytes)] = bytes }
        self.blobs = blobs
    }

    /// The answer to a request for one of its parts; nil for anything else.
    func answer(_ uri: String, tag: String = "1") -> FakeRegistry.Answer? {
        if uri.hasSuffix("/manifests/\(tag)") || uri.hasSuffix("/manifests/\(ContentHasher.digest(of: manifest))") {
            return .body(manifest, type: MediaType.ociManifest)
        }
        guard let digest = uri.split(separator: "/").last.flatMap({ try? Digest(parsing: String($0)) }) else {
            return nil
        }
        return blobs[digest].map { .body($0) }
    }
}
