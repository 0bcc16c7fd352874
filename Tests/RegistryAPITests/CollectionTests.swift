import Linux
import OCI
import Synchronization
import Testing

@testable import Images

struct CollectionTests {
    private let config = Array("{}".utf8)
    private let layer = [UInt8](repeating: 7, count: 5000)

    private func pushed(_ fixture: StoreFixture, _ store: RegistryStore) async throws -> Digest {
        try await fixture.upload(config, to: store)
        try await fixture.upload(layer, to: store)
        return try await store.putManifest(
            StoreFixture.manifest(config: config, layers: [layer]), type: nil, as: .tag("v1"), in: fixture.repository
        ).digest
    }

    @Test func whatAManifestNeedsStays() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let digest = try await pushed(fixture, store)
            try await store.removeManifest(.tag("v1"), from: fixture.repository)
            fixture.clock.advance(by: .seconds(100_000))
            #expect(try await store.collect() == RegistryStore.Collected())
            #expect(try await store.manifest(.digest(digest), in: fixture.repository).digest == digest)
            #expect(fixture.hasFile(StoreFixture.digest(layer)))
        }
    }

    @Test func aDeletedManifestFreesItsBlobsAtTheNextRun() async throws {
        try await StoreFixture.run { fixture in
            let first = try fixture.open()
            let digest = try await pushed(fixture, first)
            await first.close()
            // The hub has just started: nobody in this process counts on the blobs.
            let store = try fixture.open()
            try await store.removeManifest(.digest(digest), from: fixture.repository)
            let collected = try await store.collect()
            #expect(collected.blobs == 3)
            #expect(!fixture.hasFile(StoreFixture.digest(layer)) && !fixture.hasFile(digest))
            #expect(await code { _ = try await store.tags(in: fixture.repository, limit: 9) } == .unknownRepository)
        }
    }

    @Test func aBlobOfAPushStaysForTheTimeOfGrace() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open { $0.grace = .seconds(100) }
            try await fixture.upload(layer, to: store)
            fixture.clock.advance(by: .seconds(90))
            #expect(try await store.collect().blobs == 0)
            // A push that finds the blob here counts on it.
            _ = try await store.blobSize(StoreFixture.digest(layer), in: fixture.repository)
            fixture.clock.advance(by: .seconds(90))
            #expect(try await store.collect().blobs == 0)
            fixture.clock.advance(by: .seconds(20))
            #expect(try await store.collect().blobs == 1)
            #expect(!fixture.hasFile(StoreFixture.digest(layer)))
        }
    }

    @Test func aPushThatTakesLongKeepsAllOfIt() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open { $0.grace = .seconds(100) }
            try await fixture.upload(layer, to: store)
            let slow = try await store.startUpload(in: fixture.repository)
            for _ in 0..<5 {
                fixture.clock.advance(by: .seconds(80))
                try await store.append(StoreFixture.body([1]), to: slow, in: fixture.repository)
                #expect(try await store.collect().blobs == 0)
            }
            fixture.clock.advance(by: .seconds(200))
            #expect(try await store.collect().blobs == 1)
        }
    }

    @Test func aBlobOfAnotherRepositoryKeepsTheFile() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let other = try RepositoryName(parsing: "other")
            _ = try await pushed(fixture, store)
            #expect(try await store.mount(StoreFixture.digest(layer), from: fixture.repository, to: other))
            #expect(try await store.blobSize(StoreFixture.digest(layer), in: other) == 5000)
            #expect(await code { _ = try await store.blobSize(StoreFixture.digest(config), in: other) } == .unknownBlob)
            fixture.clock.advance(by: .seconds(100_000))
            #expect(try await store.collect().blobs == 0)  // the first repository's manifest still needs it
            #expect(await code { _ = try await store.blobSize(StoreFixture.digest(layer), in: other) } == .unknownBlob)
        }
    }

    private final class Tally: Sendable {
        let count = Mutex(0)
    }

    /// Four pushers share layers, delete what they pushed, and let the clock run: old layers are collected while others are
    /// counted on.
    @Test func aPushThatRacesCollectionsLosesNoBlob() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open { $0.grace = .seconds(30) }
            let tally = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    while !Task.isCancelled {
                        let found = try await store.collect().blobs
                        tally.count.withLock { $0 += found }
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { pushers in
                    for pusher in 0..<4 {
                        pushers.addTask { for round in 0..<20 { try await push(round, pusher, fixture, store) } }
                    }
                    try await pushers.waitForAll()
                }
                group.cancelAll()
            }
            #expect(tally.count.withLock { $0 } > 0)
        }
    }

    /// Pushes as clients do: what a HEAD finds is not brought again.
    private func push(_ round: Int, _ pusher: Int, _ fixture: StoreFixture, _ store: RegistryStore) async throws {
        let layers = ["all the time", "for a while \(round / 5)"].map { Array($0.utf8) }
        for layer in layers {
            let digest = StoreFixture.digest(layer)
            let isMissing = await code { _ = try await store.blobSize(digest, in: fixture.repository) }
            if isMissing != nil { try await fixture.upload(layer, to: store) }
        }
        let config = Array("{\"pusher\": \(pusher)}".utf8)
        try await fixture.upload(config, to: store)
        let stored = try await store.putManifest(
            StoreFixture.manifest(config: config, layers: layers), type: nil, as: .tag("p\(pusher)"),
            in: fixture.repository)
        for layer in layers {
            let blob = try await store.blob(StoreFixture.digest(layer), in: fixture.repository)
            #expect(blob.size == Int64(layer.count))
        }
        try await store.removeManifest(.digest(stored.digest), from: fixture.repository)
        fixture.clock.advance(by: .seconds(1))
    }

    @Test func blobsWithoutARecordStayWhenTheRecordWasLost() async throws {
        try await StoreFixture.run { fixture in
            let first = try fixture.open()
            _ = try await pushed(fixture, first)
            await first.close()
            for suffix in ["", "-wal", "-shm"] { try Files.remove(fixture.directory + "/registry.db" + suffix) }
            try Files.writeAtomically(Array("no database".utf8), to: fixture.directory + "/registry.db")
            let store = try fixture.open()
            fixture.clock.advance(by: .seconds(100_000))
            #expect(try await store.collect().kept == 3)
            #expect(fixture.hasFile(StoreFixture.digest(layer)))
            #expect(try await store.collect(strangers: true).blobs == 3)
            #expect(try await store.collect().kept == 0)
        }
    }

    @Test func aBlobWhoseFileIsDamagedIsAskedForAgain() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            try await fixture.upload(layer, to: store)
            truncate(fixture.directory + "/blobs/sha256/" + StoreFixture.digest(layer).hex, 10)
            #expect(
                await code { _ = try await store.blob(StoreFixture.digest(layer), in: fixture.repository) }
                    == .unknownBlob)
            try await fixture.upload(layer, to: store)
            #expect(try await store.blob(StoreFixture.digest(layer), in: fixture.repository).size == 5000)
        }
    }

    /// Copies of three images; the disk is full until the second, least recently used, is gone.
    @Test func copiesMakeRoomForOthersAndNothingElseDoes() async throws {
        try await StoreFixture.run { fixture in
            let layers = (0..<3).map { [UInt8](repeating: UInt8($0), count: 100) }
            let second = StoreFixture.digest(layers[1])
            // What is there was pushed or fetched while there was room.
            let roomy = try fixture.open()
            var manifests: [Digest] = []
            for (number, layer) in layers.enumerated() {
                let name = try RepositoryName(parsing: "up.test/image\(number)")
                try await fixture.upload(config, to: roomy, name)
                try await fixture.upload(layer, to: roomy, name)
                let manifest = StoreFixture.manifest(config: config, layers: [layer])
                manifests.append(
                    try await roomy.putManifest(manifest, type: nil, as: .tag("1"), in: name).digest)
            }
            let own = try await pushed(fixture, roomy)
            await roomy.close()
            let store = try fixture.open(freeBytes: { fixture.hasFile(second) ? 0 : 1 << 40 }) {
                $0.grace = .seconds(100)
            }
            for number in [1, 0, 2] {
                await store.noteUse(of: manifests[number], in: try RepositoryName(parsing: "up.test/image\(number)"))
                fixture.clock.advance(by: .seconds(10))
            }
            // All were asked for a moment ago.
            #expect(await code { try await store.makeRoom(for: 1, belowAny: ["up.test"]) } == .diskFull)
            fixture.clock.advance(by: .seconds(75))
            try await store.makeRoom(for: 1, belowAny: ["up.test"])
            #expect(!fixture.hasFile(second) && fixture.hasFile(StoreFixture.digest(layers[0])))
            #expect(fixture.hasFile(StoreFixture.digest(layers[2])) && fixture.hasFile(own))
            #expect(await code { try await store.makeRoom(for: 1 << 41, belowAny: ["up.test"]) } == .diskFull)
            #expect(fixture.hasFile(own) && fixture.hasFile(StoreFixture.digest(layer)))
        }
    }
}
