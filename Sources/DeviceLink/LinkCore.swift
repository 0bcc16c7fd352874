internal import FleetProtocol
import JSON
internal import Linux
internal import Logging
import ResourceStore
import Resources
import SQLite

/// What the device knows and does about its desired state, with or without a connection.
///
/// Messages come one at a time from the session; `reconcile` may run beside them. The store's transaction is what
/// serialises: each checks there again that it still works on the committed revision.
actor LinkCore {
    /// Something to tell the hub. Lost without harm: it is said again at the next connection.
    enum Output: Sendable, Hashable {
        case ack(Ack)
        case request(UpRequest)
    }

    static let buildTime = TrustedTime.buildTime

    let identity: DeviceIdentity
    let store: Store
    let nodeName: String
    let recorder: EventRecorder
    let logger: Logger
    let healthDeadline: Duration
    let floorFile: FloorFile

    private(set) var stored: StoredRevision?
    private var fileFloor: RevisionFloor?
    private var pending: (head: Head, bytes: [UInt8], since: MonotonicInstant)?
    private var assembly = DocumentAssembly()
    private var unclaimed: (digest: ContentDigest, bytes: [UInt8])?
    private var epoch: Int64 = 0
    private var epochUsed = true
    private var persistedTime: Int64 = 0
    private var server: (milliseconds: Int64, at: MonotonicInstant)?
    private var outcome = DocumentApplier.Outcome()
    private var progress: Ack?
    private var isLatched = false
    private var committedAt = MonotonicInstant.now()
    private var sink: (@Sendable (Output) -> Void)?
    private(set) var lastError: String?

    init(
        identity: DeviceIdentity, store: Store, nodeName: String, healthDeadline: Duration, logger: Logger
    ) {
        self.identity = identity
        self.store = store
        self.nodeName = nodeName
        self.healthDeadline = healthDeadline
        self.logger = logger
        recorder = EventRecorder(store: store, component: "device-link", host: nodeName)
        floorFile = FloorFile(path: identity.paths.floor, keyID: identity.keyID)
    }

    func load() async throws {
        let keyID = identity.keyID
        let loaded = try await store.withDatabase { connection in
            (
                try StoredRevision.load(connection, keyID: keyID), try LinkCounter.read(connection, "epoch"),
                try LinkCounter.read(connection, "time")
            )
        }
        (stored, epoch, persistedTime) = loaded
        fileFloor = floorFile.read()
        if let expiry = stored?.head.expiresAt, expiry < time.seconds { becomeStale() }
    }

    func setSink(_ sink: (@Sendable (Output) -> Void)?) { self.sink = sink }

    // MARK: Facts

    /// The higher of the two copies.
    var floor: RevisionFloor? {
        guard let file = fileFloor else { return stored?.floor }
        guard let mine = stored?.floor else { return file }
        return mine.revision >= file.revision ? mine : file
    }

    var currentAck: Ack? { progress }

    var time: TrustedTime {
        let known = max(LinkCore.buildTime, persistedTime, identity.enrolledAt, stored?.head.issuedAt ?? 0)
        guard let server else {
            return TrustedTime(seconds: known, quality: known > LinkCore.buildTime ? .floor : .none)
        }
        let elapsed = server.at.duration(to: .now()) / .milliseconds(1)
        return TrustedTime(seconds: max(known, (server.milliseconds + Int64(elapsed)) / 1000), quality: .sync)
    }

    func noteServerTime(_ milliseconds: Int64) { server = (milliseconds, .now()) }

    /// The epoch for the next connection: persisted before use, and used again only when no connection came about.
    func epochForConnect() async throws -> Int64 {
        guard epochUsed else { return epoch }
        let next = epoch + 1
        let time = stored.map { max($0.head.issuedAt, persistedTime) } ?? persistedTime
        try await store.withDatabase { connection in
            try connection.transaction {
                try LinkCounter.write(connection, "epoch", next)
                try LinkCounter.write(connection, "time", time)
            }
        }
        epoch = next
        epochUsed = false
        return next
    }

    func markEpochUsed() { epochUsed = true }

    // MARK: Head and document

    func receive(head bytes: [UInt8]) async {
        do throws(FleetError) {
            let verified = try HeadVerifier.verify(
                bytes, trust: identity.trust, floor: floor, device: identity.device, time: time)
            let head = verified.head
            if verified.standing == .current, stored?.floor == head.floor {
                pending = nil
                if let progress { emit(.ack(progress)) }
                return
            }
            pending = (head, bytes, .now())
            if let unclaimed, unclaimed.digest == head.digest {
                self.unclaimed = nil
                try await take(document: unclaimed.bytes)
            } else if let stored, stored.head.digest == head.digest {
                try await take(document: stored.documentBytes)
            }
        } catch {
            refuse(error, head: bytes)
        }
    }

    func receive(documentMessage bytes: [UInt8]) async {
        do throws(FleetError) {
            guard let whole = assembly.add(try DocumentPart(parsing: bytes)) else { return }
            if let pending, pending.head.digest == whole.digest {
                try await take(document: whole.bytes)
            } else if stored?.head.digest != whole.digest {
                // Topics have no order among each other: its head may still come.
                unclaimed = whole
            }
        } catch {
            refuse(error, head: pending?.bytes)
            if let pending {
                emit(.request(.getFull(why: error.code.rawValue)))
                self.pending = (pending.head, pending.bytes, .now())
            }
        }
    }

    /// Asks again for a document that did not come.
    func checkOverdue(after limit: Duration) {
        guard let pending, pending.since.duration(to: .now()) > limit else { return }
        self.pending = (pending.head, pending.bytes, .now())
        emit(.request(.getFull(why: "documentMissing")))
    }

    var isWaitingForDocument: Bool { pending != nil }

    private func take(document bytes: [UInt8]) async throws(FleetError) {
        guard let (head, headBytes, _) = pending else { return }
        let document = try HeadVerifier.verify(document: bytes, head: head)
        pending = nil
        await commit(StoredRevision(head: head, headBytes: headBytes, document: document, documentBytes: bytes))
    }

    /// Check 13: document, head, floor and objects in one transaction; acknowledged only after it.
    /// - Returns: Why nothing was changed; nil when it was.
    @discardableResult
    func commit(_ revision: StoredRevision) async -> (any Error)? {
        let keyID = identity.keyID
        let nodeName = nodeName
        do {
            let result = try await store.transaction { transaction -> DocumentApplier.Outcome? in
                let floor = try StoredRevision.loadFloor(transaction.connection, keyID: keyID)
                if let floor, floor.revision > revision.head.revision { return nil }
                try revision.save(transaction.connection, keyID: keyID)
                return try DocumentApplier.apply(revision.document, nodeName: nodeName, in: transaction)
            }
            guard let result else {
                return FleetError(.olderRevision, "revision \(revision.head.revision) was overtaken by a newer one")
            }
            stored = revision
            outcome = result
            lastError = nil
            isLatched = false
            committedAt = .now()
            do { try floorFile.write(revision.floor) } catch {
                logger.error("cannot write the second copy of the floor", metadata: ["error": "\(error)"])
            }
            fileFloor = revision.floor
        } catch {
            // Nothing changed; the hub sends it again.
            logger.error(
                "cannot store the hub's document",
                metadata: ["revision": "\(revision.head.revision)", "error": "\(error)"])
            lastError = "storage"
            emit(
                .ack(
                    Ack(
                        revision: revision.head.revision, level: .failed, code: "storage",
                        message: "\(error)")))
            return error
        }
        logger.info(
            "committed the hub's document",
            metadata: ["revision": "\(revision.head.revision)", "objects": "\(revision.document.objects.count)"])
        progress = nil
        publish(Ack(revision: revision.head.revision, level: .stored))
        publish(ackOfOutcome(revision.head.revision))
        await tellOutcome(revision)
        await judgeHealth()
        return nil
    }

    /// Applies the committed document again: for objects that had to wait, and to see local changes. Writes nothing when all is right.
    func reconcile() async {
        guard let stored else { return }
        let keyID = identity.keyID
        let nodeName = nodeName
        do {
            let result = try await store.transaction { transaction -> DocumentApplier.Outcome? in
                let floor = try StoredRevision.loadFloor(transaction.connection, keyID: keyID)
                guard floor == stored.floor else { return nil }
                return try DocumentApplier.apply(stored.document, nodeName: nodeName, in: transaction)
            }
            guard let result, self.stored?.floor == stored.floor else { return }
            let hadFailures = !outcome.failures.isEmpty
            outcome = result
            let ack = ackOfOutcome(stored.head.revision)
            if isLatched, ack.level == .applied {
                publish(Ack(revision: ack.revision, level: .healthy, locallyModified: ack.locallyModified))
            } else if !(progress?.code == "unavailable" && ack.level == .applied) {
                publish(ack)
            }
            if !hadFailures { await tellOutcome(stored) }
        } catch {
            logger.error("cannot apply the hub's document", metadata: ["error": "\(error)"])
        }
        await judgeHealth()
    }

    /// True while something is unfinished, so that changes of the store are worth another round.
    var isUnsettled: Bool { !outcome.failures.isEmpty || !outcome.pending.isEmpty }
    /// True until the verdict `healthy` of the committed revision.
    var awaitsHealth: Bool { stored != nil && !isLatched && !isUnsettled }

    func judgeHealth() async {
        guard let stored, awaitsHealth, let health = try? await DocumentHealth.of(stored.document, in: store),
            self.stored?.floor == stored.floor, awaitsHealth
        else { return }
        let revision = stored.head.revision
        let modified = progress?.locallyModified
        switch health {
        case .healthy:
            isLatched = true
            publish(Ack(revision: revision, level: .healthy, locallyModified: modified))
        case .failed(let object, let message):
            publish(
                Ack(
                    revision: revision, level: .failed, code: "unavailable", object: object, message: message,
                    locallyModified: modified))
        case .waiting(let object, let message):
            guard committedAt.duration(to: .now()) > healthDeadline else { return }
            publish(
                Ack(
                    revision: revision, level: .failed, code: "unavailable", object: object,
                    message: "\(message) after \(healthDeadline.components.seconds) s", locallyModified: modified))
        }
    }

    // MARK: What is said

    private func ackOfOutcome(_ revision: Revision) -> Ack {
        let modified = outcome.locallyModified.isEmpty ? nil : Array(outcome.locallyModified.sorted().prefix(50))
        if let failure = outcome.failures.first {
            return Ack(
                revision: revision, level: .failed, code: failure.code, object: failure.key.description,
                message: failure.message, locallyModified: modified)
        }
        return Ack(
            revision: revision, level: outcome.pending.isEmpty ? .applied : .stored, locallyModified: modified)
    }

    private func publish(_ ack: Ack) {
        guard ack != progress else { return }
        progress = ack
        emit(.ack(ack))
    }

    private func emit(_ output: Output) { sink?(output) }

    private func refuse(_ error: FleetError, head bytes: [UInt8]?) {
        logger.warning("refused the hub's desired state", metadata: ["code": "\(error.code)", "error": "\(error)"])
        lastError = error.code.rawValue
        // What the refused head calls itself is only for the hub to recognise it.
        let claimed = bytes.flatMap { try? Head(payload: SignedEnvelope(parsing: $0).payload).revision }
        emit(
            .ack(
                Ack(
                    revision: claimed ?? Revision(generation: 0, number: 0), level: .failed,
                    code: error.code.rawValue, message: error.message)))
    }

    private func becomeStale() {
        lastError = "stale"
        logger.warning("the committed revision has expired; what runs goes on running")
    }

    private func tellOutcome(_ revision: StoredRevision) async {
        guard let node = try? await store.find(ResourceKey(type: .node, namespace: nil, name: nodeName)) else { return }
        if let failure = outcome.failures.first {
            await recorder.record(
                type: "Warning", reason: failure.code == "conflict" ? "FleetConflict" : "FleetObjectInvalid",
                message: "revision \(revision.head.revision): \(failure.message)", on: node)
        } else if outcome.written + outcome.deleted > 0 {
            await recorder.record(
                reason: "FleetRevisionApplied",
                message:
                    "revision \(revision.head.revision): \(outcome.written) written, \(outcome.deleted) deleted",
                on: node)
        }
    }
}
