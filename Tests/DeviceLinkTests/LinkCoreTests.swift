import FleetProtocol
import JSON
import Linux
import Logging
import ResourceStore
import Resources
import SQLite
import Synchronization
import Testing

@testable import DeviceLink

/// Collects what the core says to the hub.
final class Outputs: Sendable {
    private let list = Mutex<[LinkCore.Output]>([])
    func add(_ output: LinkCore.Output) { list.withLock { $0.append(output) } }
    func take() -> [LinkCore.Output] {
        list.withLock { list in
            defer { list = [] }
            return list
        }
    }
    func acks() -> [Ack] {
        take().compactMap { if case .ack(let ack) = $0 { ack } else { nil } }
    }
}

struct LinkCoreTests {
    let scratch: Scratch
    let store: Store
    let signer: Signer
    let core: LinkCore
    let outputs = Outputs()

    init() async throws {
        scratch = try Scratch()
        store = try await scratch.store()
        signer = try Signer()
        try Files.makeDirectories(scratch.path + "/identity")
        core = try Self.makeCore(signer, scratch, store)
        try await core.load()
        let outputs = outputs
        await core.setSink { outputs.add($0) }
    }

    static func makeCore(_ signer: Signer, _ scratch: Scratch, _ store: Store) throws -> LinkCore {
        let identity = try DeviceIdentity(signer.response(), DeviceIdentity.Paths(dataDirectory: scratch.path))
        return LinkCore(
            identity: identity, store: store, nodeName: "dev-1", healthDeadline: .seconds(600), logger: .silent)
    }

    private func send(_ document: Document, _ number: Int64) async throws {
        await core.receive(head: try signer.head(document, number))
        for part in try signer.parts(document) { await core.receive(documentMessage: part) }
    }

    private let one = Document(objects: [Objects.configMap("a", ["k": "1"])])
    private let two = Document(objects: [Objects.configMap("a", ["k": "2"])])

    @Test func documentIsCommittedThenAcknowledgedStoredAppliedHealthy() async throws {
        try await send(one, 1)
        #expect(outputs.acks().map(\.level) == [.stored, .applied, .healthy])
        #expect(await core.floor?.revision == Revision(generation: 1, number: 1))
        #expect(try await store.find(Objects.key(.configMap, "a")) != nil)
    }

    @Test func documentBeforeItsHeadIsTakenToo() async throws {
        for part in try signer.parts(one) { await core.receive(documentMessage: part) }
        #expect(await core.floor == nil)
        await core.receive(head: try signer.head(one, 1))
        #expect(await core.floor?.revision.number == 1)
    }

    @Test func sameHeadAgainIsOnlyAcknowledgedAgain() async throws {
        try await send(one, 1)
        let version = store.latestVersion
        _ = outputs.take()
        await core.receive(head: try signer.head(one, 1))
        #expect(outputs.acks().map(\.level) == [.healthy])
        #expect(store.latestVersion == version)
    }

    @Test func newRevisionWithTheSameContentNeedsNoDocument() async throws {
        try await send(one, 1)
        await core.receive(head: try signer.head(one, 2))
        #expect(await core.floor?.revision.number == 2)
    }

    @Test func refusedHeadsHaveTheirCodeAndChangeNothing() async throws {
        try await send(one, 5)
        let version = store.latestVersion
        let floor = await core.floor
        let stranger = try Signer()
        let head = try signer.head(two, 6)
        var tampered = head
        tampered[tampered.count / 2] ^= 1
        let cases: [(String, [UInt8])] = [
            ("unknownKey", try stranger.head(two, 6)),
            ("olderRevision", try signer.head(two, 4)),
            ("equivocation", try signer.head(two, 5)),
            ("wrongDevice", try signer.head(two, 6, device: DeviceID("dev-2"))),
            ("oversized", [UInt8](repeating: 32, count: FleetLimits.head + 1)),
        ]
        _ = outputs.take()
        for (code, bytes) in cases {
            await core.receive(head: bytes)
            let acks = outputs.acks()
            #expect(acks.map(\.level) == [.failed], "\(code)")
            #expect(acks.first?.code == code)
        }
        await core.receive(head: tampered)
        #expect(["signature", "malformed", "unknownKey"].contains(outputs.acks().first?.code ?? ""))
        // None of those heads lets their document in.
        for part in try signer.parts(two) { await core.receive(documentMessage: part) }
        #expect(await core.floor == floor)
        #expect(store.latestVersion == version)
    }

    @Test func tamperedDocumentIsRefusedAndAskedForAgain() async throws {
        await core.receive(head: try signer.head(one, 1))
        var part = try #require(try signer.parts(one).first)
        part[part.count - 10] ^= 1
        await core.receive(documentMessage: part)
        let said = outputs.take()
        #expect(said.contains(.request(.getFull(why: "digestMismatch"))))
        #expect(await core.floor == nil)
        #expect(try await store.find(Objects.key(.configMap, "a")) == nil)
        for part in try signer.parts(one) { await core.receive(documentMessage: part) }
        #expect(await core.floor?.revision.number == 1)
    }

    @Test func conflictIsReportedAsFailedUntilItIsGone() async throws {
        var local = Objects.configMap("a", ["k": "mine"])
        local["metadata"]?["uid"] = nil
        _ = try await store.create(Resource(value: local))
        try await send(one, 1)
        let ack = try #require(outputs.acks().last)
        #expect(ack.level == .failed)
        #expect(ack.code == "conflict")
        #expect(ack.object == "configmaps default/a")
        _ = try await store.delete(Objects.key(.configMap, "a"))
        await core.reconcile()
        #expect(outputs.acks().last?.level == .healthy)
    }

    @Test func workloadsMakeTheRevisionHealthyOrFailed() async throws {
        try await send(Document(objects: [Objects.deployment("web", replicas: 2)]), 1)
        #expect(outputs.acks().map(\.level) == [.stored, .applied])
        let key = Objects.key(.deployment, "web")
        _ = try await store.update(key, subresource: .status) {
            $0.value["status"] = [
                "observedGeneration": 1,
                "conditions": [
                    [
                        "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                        "message": "stuck",
                    ]
                ],
            ]
        }
        await core.judgeHealth()
        let failed = try #require(outputs.acks().last)
        #expect(failed.code == "unavailable")
        #expect(failed.message == "stuck")
        _ = try await store.update(key, subresource: .status) {
            $0.value["status"] = [
                "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2,
            ]
        }
        await core.judgeHealth()
        #expect(outputs.acks().last?.level == .healthy)
    }

    @Test func restartKnowsTheRevisionAndTheFloor() async throws {
        try await send(one, 3)
        let again = try Self.makeCore(signer, scratch, store)
        try await again.load()
        await again.reconcile()
        #expect(await again.floor == core.floor)
        #expect(await again.currentAck?.level == .healthy)
    }

    @Test func databaseSetBackDoesNotLowerTheFloor() async throws {
        try await send(two, 7)
        try await store.withDatabase { try $0.execute("DELETE FROM link_revision") }
        let again = try Self.makeCore(signer, scratch, store)
        try await again.load()
        let outputs = outputs
        _ = outputs.take()
        await again.setSink { outputs.add($0) }
        await again.receive(head: try signer.head(one, 6))
        #expect(outputs.acks().first?.code == "olderRevision")
        // The revision itself is fetched again.
        await again.receive(head: try signer.head(two, 7))
        for part in try signer.parts(two) { await again.receive(documentMessage: part) }
        #expect(await again.stored?.head.revision.number == 7)
    }

    @Test func floorOfAnotherFleetDoesNotCount() async throws {
        try await send(one, 9)
        let other = try Signer()
        let again = try Self.makeCore(other, scratch, store)
        try await again.load()
        #expect(await again.floor == nil)
    }

    @Test func epochGrowsWithEachConnectionAndOutlivesARestart() async throws {
        #expect(try await core.epochForConnect() == 1)
        #expect(try await core.epochForConnect() == 1)
        await core.markEpochUsed()
        #expect(try await core.epochForConnect() == 2)
        let again = try Self.makeCore(signer, scratch, store)
        try await again.load()
        #expect(try await again.epochForConnect() == 3)
    }

    @Test func timeNeverFallsBelowWhatIsKnown() async throws {
        #expect(await core.time.quality == .none)
        await core.noteServerTime(0)
        #expect(await core.time.seconds >= LinkCore.buildTime)
        await core.noteServerTime(2_000_000_000_000)
        #expect(await core.time.seconds >= 2_000_000_000)
        #expect(await core.time.quality == .sync)
    }
}
