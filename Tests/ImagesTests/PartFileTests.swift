import CArchive
import Linux
import Logging
import OCI
import Synchronization
import Testing

@testable import Images

/// A blob's file while it grows.
struct PartFileTests {
    let scratch: Scratch
    var path: String { scratch.path + "/x.part" }

    init() throws { scratch = try Scratch() }

    func append(_ bytes: [UInt8], to part: PartFile) throws { try bytes.withUnsafeBytes { try part.append($0) } }

    let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }

    @Test func aKillLosesNothingThatWasWritten() throws {
        let part = try PartFile(path: path, size: 200_000)
        try append(Array(content[..<150_001]), to: part)  // and no checkpoint
        let again = try PartFile(path: path, size: 200_000)
        #expect(again.resumedAt == 150_001)
        #expect(again.digest == ContentHasher.digest(of: Array(content[..<150_001])))
    }

    /// What a power cut may leave: the journal is of another boot, and after its length stands anything.
    @Test(arguments: [Int64(0), 1, 4096, 100_000]) func afterAPowerCutOnlyTheCheckpointCounts(_ durable: Int64) throws {
        let part = try PartFile(path: path, size: 200_000)
        try append(content, to: part)
        let sum = ContentHasher.digest(of: Array(content[..<Int(durable)]))
        // The newest record is the longest: these stand for a boot that wrote nothing later.
        try Files.remove(path + PartJournal.suffix)
        try PartJournal(path: path).write(.init(length: durable, digest: sum, boot: "another"), durably: true)
        let again = try PartFile(path: path, size: 200_000)
        #expect(again.resumedAt == durable && again.digest == sum)
        #expect(status(path)?.st_size == off_t(durable))
    }

    /// However many blobs come at once, a power cut costs no more than the one bound.
    @Test func allPartsOfAPullShareOneBoundOfWhatMayBeLost() async throws {
        let syncer = PartSyncer(PartSyncer.Bounds(bytes: 100_000, bytesAfterCut: 10_000, most: 250_000))
        let parts = try (0..<3).map { try PartFile(path: path + "\($0)", size: 200_000) }
        for part in parts { syncer.begin(part) }
        for part in parts.dropLast() { try append(Array(content[..<40_000]), to: part) }
        #expect(syncer.need == .nothing)
        try append(Array(content[..<40_000]), to: parts[2])
        #expect(syncer.need == .checkpoint)
        for part in parts { try append(Array(content[40_000..<90_000]), to: part) }
        #expect(syncer.need == .pause)
        await syncer.checkpointWhatIsDue()
        #expect(parts.allSatisfy { $0.bytesAtRisk == 0 } && syncer.need == .nothing)
        for number in 0..<3 { #expect(try PartJournal(path: path + "\(number)").latest?.length == 90_000) }
        // What is no longer coming does not count.
        try append(Array(content[90_000...]), to: parts[0])
        #expect(syncer.need == .checkpoint)
        syncer.end(parts[0])
        #expect(syncer.need == .nothing)
    }

    @Test func whereThePowerFailedLessIsPutAtRisk() async throws {
        let sum = ContentHasher.digest(of: Array(content[..<1000]))
        try Files.writeAtomically(Array(content[..<1000]), to: path)
        try PartJournal(path: path).write(.init(length: 1000, digest: sum, boot: "another"), durably: true)
        let part = try PartFile(path: path, size: 200_000)
        #expect(part.survivedPowerCut && part.bytesAtRisk == 0)
        let syncer = PartSyncer(PartSyncer.Bounds(bytes: 100_000, bytesAfterCut: 10_000))
        syncer.begin(part)
        try append(Array(content[1000..<12_000]), to: part)
        #expect(syncer.need == .checkpoint)
    }

    @Test func aByteDoesNotStayAtRiskForLong() async throws {
        let syncer = PartSyncer(PartSyncer.Bounds(age: .milliseconds(50)))
        let part = try PartFile(path: path, size: 10)
        syncer.begin(part)
        try append([1], to: part)
        try await eventually { syncer.need == .checkpoint }
        await syncer.checkpointWhatIsDue()
        #expect(part.bytesAtRisk == 0)
    }

    @Test func aRecordThatWasTornLeavesTheOneBefore() throws {
        let part = try PartFile(path: path, size: 200_000)
        try append(Array(content[..<1000]), to: part)
        part.checkpoint()
        try append(Array(content[1000..<2000]), to: part)
        part.checkpoint()
        var journal = try Files.read(path + PartJournal.suffix)
        let latest = try #require(try PartJournal(path: path).latest)
        #expect(latest.length == 2000)
        // Cut the newest in the middle, wherever it stands.
        let needle = Array("wherry-part 1 2000".utf8)
        let slot = [0, 4096].first { Array(journal[$0..<($0 + needle.count)]) == needle }
        let start = try #require(slot)
        for index in (start + 40)..<min(start + 512, journal.count) { journal[index] = 0 }
        try Files.writeAtomically(journal, to: path + PartJournal.suffix)
        #expect(try PartJournal(path: path).latest?.length == 1000)
    }

    @Test func aPartWithoutAJournalOrShorterThanItBeginsAnew() throws {
        try Files.writeAtomically(content, to: path)
        #expect(try PartFile(path: path, size: 200_000).resumedAt == 0)
        let part = try PartFile(path: path, size: 200_000)
        try append(content, to: part)
        part.checkpoint()
        truncate(path, 100)
        #expect(try PartFile(path: path, size: 200_000).resumedAt == 0)
    }

    @Test func aReaderFollowsTheWriterAndEndsWhenTheBlobIsVerified() async throws {
        let part = try PartFile(path: path, size: 200_000)
        let read = Mutex<[UInt8]>([])
        let ended = Mutex(false)
        Thread.start(name: "reader") {
            var buffer = [UInt8](repeating: 0, count: 7000)
            while let count = try? buffer.withUnsafeMutableBytes({ bytes in
                try part.read(at: Int64(read.withLock { $0.count }), into: bytes)
            }), count > 0 {
                read.withLock { $0 += buffer[..<count] }
            }
            ended.withLock { $0 = true }
        }
        for start in stride(from: 0, to: 200_000, by: 40_000) {
            try append(Array(content[start..<(start + 40_000)]), to: part)
            try await eventually { read.withLock { $0.count } == start + 40_000 }
        }
        #expect(!ended.withLock { $0 }, "it ended before the digest was known")
        part.verified()
        try await eventually { ended.withLock { $0 } }
        #expect(read.withLock { $0 } == content)
    }

    @Test func aReaderLearnsOfAFailure() async throws {
        let part = try PartFile(path: path, size: 10)
        let failure = Mutex<ImageError?>(nil)
        Thread.start(name: "reader") {
            var byte: UInt8 = 0
            do {
                _ = try withUnsafeMutableBytes(of: &byte) { try part.read(at: 0, into: $0) }
            } catch {
                failure.withLock { $0 = error as? ImageError }
            }
        }
        part.fail(ImageError(.registryUnreachable, "gone"))
        try await eventually { failure.withLock { $0?.code } == .registryUnreachable }
        #expect(throws: ImageError.self) { try append([1], to: part) }
    }

    /// A layer's first file is there before its last byte has come.
    @Test(.enabled(if: geteuid() == 0, "unpacking sets owners")) func aLayerIsUnpackedWhileItComes() async throws {
        let image = try SampleImage(bulk: 400_000)
        let part = try PartFile(path: path, size: Int64(image.layer.count))
        let staging = scratch.path + "/staging"
        async let unpacked = LayerUnpacker().unpack(
            LayerUnpacker.Job(
                blob: "", staging: staging, lower: [], limits: UnpackLimits(reservedBytes: 0), diffID: nil, part: part))
        // Whatever fails here, the unpacker does not wait for ever.
        defer { part.fail(ImageError(.cancelled, "the test is over")) }
        try append(Array(image.layer[..<300_000]), to: part)
        try await eventually { status(staging + "/etc/hello") != nil }
        try append(Array(image.layer[300_000...]), to: part)
        part.verified()
        #expect(try await unpacked.bytes == 400_005)
    }

    private func eventually(_ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !condition() {
            try #require(ContinuousClock.now < deadline, "not within 60 s")
            try await Task.sleep(for: .milliseconds(1))  // poll
        }
    }
}
