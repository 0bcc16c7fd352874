import CArchive
import JSON
import Linux
import Logging
import NIOHTTP1
import OCI
import Synchronization
import Testing

@testable import Images

/// Pulls of layers of which most is here.
@Suite(.enabled(if: geteuid() == 0, "unpacking sets owners"), .timeLimit(.minutes(5)))
struct ChunkedPullTests {
    typealias File = ChunkedImage.File
    typealias Answer = @Sendable (FakeRegistry.Asked) -> FakeRegistry.Answer?

    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    func makeStore(_ name: String = "data", _ settings: StoreSettings = StoreSettings()) throws -> ImageStore {
        let store = try ImageStore(root: scratch.path + "/" + name, settings: settings, logger: Logger(label: "test"))
        store.link.pace = DownloadLink.Pace(firstDelay: .milliseconds(1), budgetDelay: .milliseconds(5))
        return store
    }

    private static let noise = [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        for index in buffer.indices {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            buffer[index] = UInt8(truncatingIfNeeded: state >> 24)
        }
        count = buffer.count
    }

    /// Bytes that do not compress, others for each seed.
    static func noise(_ count: Int, _ seed: Int) -> [UInt8] {
        Array(noise[(seed * 601)..<(seed * 601 + count)])
    }

    /// The files of a version; `edit` makes the next one of it.
    static func files(modified: Int = 1_700_000_000, _ edit: (inout [File]) -> Void = { _ in }) -> [File] {
        var files = [
            File(name: "app/", kind: .directory, mode: 0o755),
            File(name: "app/small", content: Array("small".utf8), user: 12),
            File(name: "app/setuid", content: noise(9000, 1), mode: 0o4755),
            File(name: "app/link", kind: .symbolicLink, link: "../small", mode: 0o777),
            File(name: "app/hard", kind: .hardLink, link: "app/setuid", mode: 0o4755),
            File(name: "app/fifo", kind: .fifo),
            File(name: "app/empty"),
            File(name: "app/" + String(repeating: "long/", count: 30) + "name", content: noise(700, 2)),
            File(name: "app/marked", content: noise(600, 3), attributes: ["user.colour": Array("red".utf8)]),
            File(name: "app/.wh.gone"),
        ]
        for number in 0..<20 { files.append(File(name: "lib/\(number)", content: noise(60_000, 100 + number))) }
        edit(&files)
        for index in files.indices where files[index].modified == 1_700_000_000 { files[index].modified = modified }
        return files
    }

    @Sendable static func changed(_ files: inout [File]) {
        files[12].content = noise(61_000, 7)
        files.append(File(name: "new", content: noise(30_000, 8)))
    }

    /// The first version; made once.
    static let old = Result { try ChunkedImage(files()) }

    /// Pulls images one after the other.
    func pull(
        _ images: [ChunkedImage], into store: ImageStore, answering answer: @escaping Answer = { _ in nil }
    ) async throws -> (image: Image, asked: [FakeRegistry.Asked]) {
        let registry = try await FakeRegistry { asked in
            if let answer = answer(asked) { return answer }
            for (number, image) in images.enumerated() {
                if let answer = image.answer(asked, tag: "\(number + 1)") { return answer }
            }
            return .init(status: .notFound)
        }
        var last: Image?
        do {
            for number in images.indices { last = try await store.pull(try registry.reference("demo:\(number + 1)")) }
        } catch {
            try await registry.stop()
            throw error
        }
        try await registry.stop()
        #expect(try Files.listDirectory(await store.files.ingestPath("")).isEmpty)
        let blob = images.last?.blobDigest.description ?? ""
        return (try #require(last), registry.requests.filter { $0.uri.hasSuffix(blob) })
    }

    static func bytes(_ asked: [FakeRegistry.Asked], of image: ChunkedImage) -> Int {
        asked.reduce(0) { $0 + ($1.range?.count ?? image.blob.count) }
    }

    /// Everything about the tree that the store made of an image, against that of a store that fetched the whole.
    func expectSameTree(_ image: Image, as version: ChunkedImage) async throws {
        let whole = try await pull([version], into: makeStore("whole-\(UInt64.random(in: 0...UInt64.max))")).image
        let directories = try [image, whole].map { try #require($0.layerDirectories.first) }
        let found = try directories.map { try Self.entries(of: $0) }
        #expect(found[0] == found[1])
        let indexes = try directories.map { try LayerIndexFile.measure(LayerIndexFile.path(of: $0)) }
        #expect(indexes[0] == indexes[1], "the index gives another tar back")
    }

    static func entries(of directory: String) throws -> [LayerEntry] {
        let reader = try LayerIndexReader(path: LayerIndexFile.path(of: directory))
        var entries: [LayerEntry] = []
        while let record = try reader.next() {
            if case .entry(let entry) = record { entries.append(entry) }
        }
        let inspection = try LayerInspection(layer: directory, depth: .full)
        while try !inspection.advance(bytes: 1 << 30) {}
        #expect(inspection.findings.map(\.description) == [])
        return entries
    }

    // MARK: What is fetched

    @Test(arguments: [false, true], [1_700_000_000, 1_750_000_000])
    func fetchesWhatChanged(hasTarSplit: Bool, modified: Int) async throws {
        let old = try ChunkedImage(Self.files(), hasTarSplit: hasTarSplit)
        let new = try ChunkedImage(Self.files(modified: modified, Self.changed), hasTarSplit: hasTarSplit)
        let store = try makeStore()
        let (image, asked) = try await pull([old, new], into: store)
        // Two files of 91,000 bytes, the table, and what is nearer than a request is worth.
        #expect((91_000..<320_000).contains(Self.bytes(asked, of: new)) && new.blob.count > 1_200_000)
        #expect(asked.allSatisfy { $0.range != nil })
        try await expectSameTree(image, as: new)
        #expect(try Files.listDirectory(scratch.path + "/data/ingest").isEmpty)
        let tar = scratch.path + "/tar"
        try await store.rebuildLayer(new.diffID, at: tar)
        #expect(try Files.read(tar) == new.tar)
    }

    @Test func headersOfAnotherToolAreTakenFromTarSplit() async throws {
        // Nothing has the name that it had, so that no header can be guessed.
        let renamed = Self.files { files in
            for index in files.indices { files[index].name = "moved/" + files[index].name }
        }
        .map { file in
            var file = file
            if file.kind == .hardLink { file.link = "moved/" + file.link }
            return file
        }
        let new = try ChunkedImage(renamed, hasTarSplit: true)
        let (image, asked) = try await pull([Self.old.get(), new], into: makeStore())
        #expect(Self.bytes(asked, of: new) < 60_000)
        try await expectSameTree(image, as: new)
    }

    @Test func ofALargeFileOnlyChangedChunksAreFetched() async throws {
        let before = Self.noise(400_000, 20)
        let inserted =
            Array(before[..<100_000]) + Self.noise(5000, 21) + Array(before[100_000...])
            + [UInt8](repeating: 0, count: 50_000)
        var (old, new) = (Self.files(), Self.files())
        old.append(File(name: "large", content: before))
        new.append(
            File(
                name: "large", content: inserted + Self.noise(10, 3),
                chunks: [100_000, 5000, 200_000, 100_000, 50_000, 10]))
        // From the beginning it is at its offset; from the end it is not, since that grew, too.
        let image = try ChunkedImage(new)
        let (_, asked) = try await pull([ChunkedImage(old), image], into: makeStore())
        #expect(Self.bytes(asked, of: image) < 400_000 && asked.allSatisfy { $0.range != nil })

        let grown = Array(before[..<100_000]) + Self.noise(5000, 21) + Array(before[100_000...])
        new[new.count - 1] = File(name: "large", content: grown, chunks: [100_000, 5000, 200_000, 100_000])
        let moved = try ChunkedImage(new)
        let (made, ranges) = try await pull([ChunkedImage(old), moved], into: makeStore("moved"))
        #expect(Self.bytes(ranges, of: moved) < 60_000)
        try await expectSameTree(made, as: moved)
    }

    @Test func aStoreThatHasNothingOfItFetchesTheWholeAtOnce() async throws {
        let image = try Self.old.get()
        let (_, asked) = try await pull([image], into: makeStore())
        #expect(asked.count == 1 && asked[0].range == nil)
    }

    @Test func whereMostIsMissingTheWholeIsFetched() async throws {
        let new = try ChunkedImage(
            Self.files { files in
                for index in 10..<28 { files[index].content = Self.noise(60_000, 900 + index) }
            })
        let (_, asked) = try await pull([Self.old.get(), new], into: makeStore())
        #expect(asked.count == 2 && asked.last?.range == nil)
    }

    @Test func keptBlobsAreFetchedWhole() async throws {
        var settings = StoreSettings()
        settings.keepsBlobs = true
        let new = try ChunkedImage(Self.files(Self.changed))
        let (_, asked) = try await pull([Self.old.get(), new], into: makeStore("kept", settings))
        #expect(asked.count == 1 && asked[0].range == nil)
    }

    @Test func aLayerThatReplacesItsOwnFilesIsFetchedWhole() async throws {
        let new = try ChunkedImage(Self.files { $0.append(File(name: "lib/3", content: Self.noise(100, 5))) })
        let store = try makeStore()
        let (image, asked) = try await pull([Self.old.get(), new], into: store)
        #expect(asked.last?.range == nil)
        #expect(status(image.layerDirectories[0] + "/lib/3")?.st_size == 100)
        #expect(status(scratch.path + "/data/blobs/sha256/" + new.blobDigest.hex) != nil, "its blob is needed")
    }

    // MARK: Links and servers

    @Test func rangesThatBreakOffGoOnWhereTheyWere() async throws {
        let new = try ChunkedImage(Self.files(Self.changed))
        let tries = Mutex(0)
        let (image, asked) = try await pull([Self.old.get(), new], into: makeStore()) { asked in
            guard asked.uri.hasSuffix("\(new.blobDigest)"), let range = asked.range, range.count > 30_000,
                tries.withLock({
                    $0 += 1
                    return $0
                }) < 3
            else { return nil }
            var answer = FakeRegistry.Answer.part(new.blob, range)
            answer.cutAfter = 10_000
            return answer
        }
        #expect(tries.withLock { $0 } >= 3)
        let starts = asked.compactMap(\.range?.lowerBound)
        #expect(Set(starts).count == starts.count, "a range was asked for twice")
        try await expectSameTree(image, as: new)
    }

    @Test(arguments: [200, 400, 405, 416, 501]) func aServerWithoutRangesGivesTheWhole(_ code: Int) async throws {
        let new = try ChunkedImage(Self.files(Self.changed))
        let (image, asked) = try await pull([Self.old.get(), new], into: makeStore()) { asked in
            guard asked.uri.hasSuffix("\(new.blobDigest)"), asked.range != nil else { return nil }
            return code == 200 ? .body(new.blob) : .init(status: .init(statusCode: code))
        }
        #expect(asked.count == 2 && asked.last?.range == nil)
        try await expectSameTree(image, as: new)
    }

    @Test func aServerThatTakesRangesBackGivesTheWhole() async throws {
        let new = try ChunkedImage(Self.files(Self.changed))
        let tries = Mutex(0)
        let (image, asked) = try await pull([Self.old.get(), new], into: makeStore()) { asked in
            guard asked.uri.hasSuffix("\(new.blobDigest)"), asked.range != nil else { return nil }
            let count = tries.withLock {
                $0 += 1
                return $0
            }
            return count > 2 ? .body(new.blob) : nil
        }
        #expect(asked.last?.range == nil)
        try await expectSameTree(image, as: new)
        #expect(try Files.listDirectory(scratch.path + "/data/ingest").isEmpty)
    }

    @Test func pullsAtTheSameTimeFetchTheRangesOnce() async throws {
        let (old, new) = (try Self.old.get(), try ChunkedImage(Self.files(Self.changed)))
        let store = try makeStore()
        _ = try await pull([old], into: store)
        let registry = try await FakeRegistry { new.answer($0, tag: "1") ?? .init(status: .notFound) }
        let references = try ["a/demo:1", "b/demo:1", "b/demo:1"].map { try registry.reference($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for reference in references { group.addTask { _ = try await store.pull(reference) } }
            try await group.waitForAll()
        }
        try await registry.stop()
        let asked = registry.requests.filter { $0.uri.hasSuffix("\(new.blobDigest)") }
        #expect(asked.allSatisfy { $0.range != nil } && Self.bytes(asked, of: new) < 320_000)
        #expect(try Files.listDirectory(scratch.path + "/data/ingest").isEmpty)
        try await expectSameTree(try #require(try await store.find("\(references[0])")), as: new)
    }

    @Test func theBudgetCountsRangesOnly() async throws {
        let store = try makeStore()
        var limits = RegistryConfiguration()
        limits.limits.bytesPerDay = 100 << 20
        let configuration = limits
        store.useRegistries { configuration }
        let (old, new) = (try Self.old.get(), try ChunkedImage(Self.files(Self.changed)))
        let (_, asked) = try await pull([old, new], into: store)
        let counted = try JSONValue(parsing: try Files.read(scratch.path + "/data/link-usage.json"))["day"]?["bytes"]?
            .intValue
        let fetched = old.blob.count + old.config.count + new.config.count + Self.bytes(asked, of: new)
        #expect(counted == fetched)
    }

    // MARK: Descriptions that are wrong

    @Test func aTableOfAnotherDigestIsNotRead() async throws {
        var new = try ChunkedImage(Self.files(Self.changed))
        var annotations = new.annotations
        annotations["io.github.containers.zstd-chunked.manifest-checksum"] = "\(ContentHasher.digest(of: []))"
        try new.describe(annotations, diffID: new.diffID)
        let (image, asked) = try await pull([Self.old.get(), new], into: makeStore())
        #expect(asked.count >= 2 && asked.last?.range == nil)
        try await expectSameTree(image, as: new)
    }

    /// What comes of another image lies in parts named by digests; whoever names such a digest must not get at them.
    @Test func aTableOfTheDigestOfAnotherBlobTouchesNoPartOfThat() async throws {
        var new = try ChunkedImage(Self.files(Self.changed))
        let victim = ContentHasher.digest(of: Array("another blob".utf8))
        var annotations = new.annotations
        annotations["io.github.containers.zstd-chunked.manifest-checksum"] = "\(victim)"
        try new.describe(annotations, diffID: new.diffID)
        let store = try makeStore()
        let path = await store.files.ingestPath(PartFile.name(of: victim))
        let part = try PartFile(path: path, size: 1 << 20)
        let content = Self.noise(100_000, 1)
        try content.withUnsafeBytes { try part.append($0) }
        let registry = try await FakeRegistry { [new] in
            let image = $0.uri.contains("/old/") ? try? Self.old.get() : new
            return image?.answer($0, tag: "1") ?? .init(status: .notFound)
        }
        _ = try await store.pull(try registry.reference("old/demo:1"))
        _ = try await store.pull(try registry.reference("new/demo:1"))
        try await registry.stop()
        #expect(try Files.read(path) == content)
    }

    /// The table says of one file that it has the content of another: the tar would have another diff ID.
    @Test func aTableThatLiesMakesNoLayer() async throws {
        let new = try ChunkedImage(Self.files(Self.changed)) { contents in
            guard var entries = contents["entries"]?.arrayValue else { return }
            let (one, other) = (entries.count - 5, entries.count - 4)
            let digest = entries[one]["digest"]
            entries[one]["digest"] = entries[other]["digest"]
            entries[other]["digest"] = digest
            contents["entries"] = .array(entries)
        }
        let (image, asked) = try await pull([Self.old.get(), new], into: makeStore())
        #expect(asked.contains { $0.range != nil } && asked.last?.range == nil)
        try await expectSameTree(image, as: new)
        #expect(try Files.listDirectory(scratch.path + "/data/ingest").isEmpty)
    }

    /// Table and blob are of one mind, and the config says the diff ID of another image.
    @Test func noTableGetsALayerUnderTheDiffIDOfAnother() async throws {
        let honest = try ChunkedImage(Self.files(Self.changed))
        let thief = try ChunkedImage(Self.files { $0[12].content = Self.noise(60_000, 66) }, diffID: honest.diffID)
        let store = try makeStore()
        _ = try await pull([Self.old.get()], into: store)
        let error = await #expect(throws: ImageError.self) {
            try await self.pull([Self.old.get(), thief], into: store)
        }
        #expect(error?.code == .digestMismatch)
        #expect(!Files.exists(scratch.path + "/data/layers/" + honest.diffID.hex))
        let (image, _) = try await pull([Self.old.get(), honest], into: store)
        try await expectSameTree(image, as: honest)
    }

    @Test func whatRottedHereIsMarkedAndFetched() async throws {
        let (old, new) = (try Self.old.get(), try ChunkedImage(Self.files(Self.changed)))
        let store = try makeStore()
        let first = try await pull([old], into: store).image
        let path = first.layerDirectories[0] + "/lib/11"
        let times = try #require(status(path))
        var content = try Files.read(path)
        content[500] ^= 1
        let file = try FileDescriptor.open(path, O_WRONLY)
        try file.writeAll(content)
        #expect(futimens(file.rawValue, [times.st_atim, times.st_mtim]) == 0)
        let (image, _) = try await pull([old, new], into: store)
        try await expectSameTree(image, as: new)
        #expect(try await store.statistics().damaged == 1)
    }
}
