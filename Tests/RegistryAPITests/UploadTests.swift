import Linux
import NIOCore
import OCI
import Testing

@testable import Images

struct UploadTests {
    private let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    @Test func anUploadGoesOnAfterARestart() async throws {
        try await StoreFixture.run { fixture in
            let first = try fixture.open()
            let id = try await first.startUpload(in: fixture.repository)
            let half = StoreFixture.body(Array(bytes[..<40_000]))
            #expect(try await first.append(half, to: id, in: fixture.repository) == 40_000)
            await first.close()

            let second = try fixture.open()
            #expect(try await second.uploadOffset(id, in: fixture.repository) == 40_000)
            let digest = StoreFixture.digest(bytes)
            try await second.finishUpload(
                id, in: fixture.repository, digest: digest, body: StoreFixture.body(Array(bytes[40_000...])), at: 40_000
            )
            let blob = try await second.blob(digest, in: fixture.repository)
            #expect(blob.size == 100_000)
            #expect(Array(buffer: try await blob.read(at: 99_990, atMost: 100)) == Array(bytes[99_990...]))
            await second.close()
        }
    }

    @Test func aChunkOutOfOrderChangesNothing() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let id = try await store.startUpload(in: fixture.repository)
            try await store.append(StoreFixture.body(Array(bytes[..<10])), to: id, in: fixture.repository, at: 0)
            for start: Int64 in [0, 9, 11, 1000] {
                let failure = await code {
                    try await store.append(StoreFixture.body([1]), to: id, in: fixture.repository, at: start)
                }
                #expect(failure == .chunkOutOfOrder)
            }
            try await store.finishUpload(
                id, in: fixture.repository, digest: StoreFixture.digest(bytes),
                body: StoreFixture.body(Array(bytes[10...])), at: 10)
        }
    }

    @Test func aBodyThatBreaksOffLeavesWhatCame() async throws {
        struct Cut: Error {}
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let id = try await store.startUpload(in: fixture.repository)
            let part = Array(bytes[..<5000])
            let broken = AsyncThrowingStream<ByteBuffer, any Error> { continuation in
                continuation.yield(ByteBuffer(bytes: part))
                continuation.finish(throwing: Cut())
            }
            #expect(await code { try await store.append(broken, to: id, in: fixture.repository) } == .sizeMismatch)
            #expect(try await store.uploadOffset(id, in: fixture.repository) == 5000)
            // A body that ends early without an error is known by its announced length.
            let short = await code {
                try await store.append(StoreFixture.body([1]), to: id, in: fixture.repository, length: 2)
            }
            #expect(short == .sizeMismatch)
        }
    }

    @Test func theNewestRequestOfAnUploadWins() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let id = try await store.startUpload(in: fixture.repository)
            let (stale, sender) = AsyncStream<ByteBuffer>.makeStream()
            async let first = code { try await store.append(stale, to: id, in: fixture.repository, at: 0) }
            // The first request waits for its body; another comes, as after a connection that broke unseen.
            while await store.uploadUsers[id] == nil { await Task.yield() }
            while try await store.upload(id, in: fixture.repository).turns == 0 { await Task.yield() }
            try await store.append(StoreFixture.body(bytes), to: id, in: fixture.repository, at: 0)
            sender.yield(ByteBuffer(bytes: [9, 9, 9]))
            sender.finish()
            #expect(await first == .invalidUpload)
            #expect(try await store.uploadOffset(id, in: fixture.repository) == 100_000)
        }
    }

    @Test func aWrongDigestDropsTheUpload() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let id = try await store.startUpload(in: fixture.repository)
            let failure = await code {
                try await store.finishUpload(
                    id, in: fixture.repository, digest: StoreFixture.digest([1]), body: StoreFixture.body(bytes))
            }
            #expect(failure == .invalidDigest)
            #expect(await code { _ = try await store.uploadOffset(id, in: fixture.repository) } == .unknownUpload)
            #expect(try Files.listDirectory(fixture.directory + "/uploads") == [])
        }
    }

    @Test func anUploadThatNobodyGoesOnWithExpires() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open { $0.uploadLifetime = .seconds(100) }
            let old = try await store.startUpload(in: fixture.repository)
            fixture.clock.advance(by: .seconds(90))
            let young = try await store.startUpload(in: fixture.repository)
            fixture.clock.advance(by: .seconds(20))
            #expect(try await store.collect().uploads == 1)
            #expect(await code { _ = try await store.uploadOffset(old, in: fixture.repository) } == .unknownUpload)
            #expect(try await store.uploadOffset(young, in: fixture.repository) == 0)
            #expect(try Files.listDirectory(fixture.directory + "/uploads") == [young])
        }
    }

    @Test func aFullDiskRefusesAndFreesWhatCame() async throws {
        try await StoreFixture.run { fixture in
            let roomy = try fixture.open()
            let id = try await roomy.startUpload(in: fixture.repository)
            await roomy.close()
            let full = try fixture.open { $0.diskReserve = 1 << 60 }
            let failure = await code {
                try await full.append(StoreFixture.body(bytes), to: id, in: fixture.repository)
            }
            #expect(failure == .diskFull)
            #expect(try Files.listDirectory(fixture.directory + "/uploads") == [])
            #expect(await code { _ = try await full.startUpload(in: fixture.repository) } == .diskFull)
        }
    }

    @Test func uploadsAreBounded() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open { $0.uploads = 2 }
            let first = try await store.startUpload(in: fixture.repository)
            _ = try await store.startUpload(in: fixture.repository)
            #expect(await code { _ = try await store.startUpload(in: fixture.repository) } == .tooManyRequests)
            try await store.cancelUpload(first, in: fixture.repository)
            _ = try await store.startUpload(in: fixture.repository)
        }
    }

    @Test func anUploadBelongsToItsRepository() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let id = try await store.startUpload(in: fixture.repository)
            let other = try RepositoryName(parsing: "other/app")
            #expect(await code { _ = try await store.uploadOffset(id, in: other) } == .unknownUpload)
            #expect(await code { try await store.cancelUpload(id, in: other) } == .unknownUpload)
        }
    }
}
