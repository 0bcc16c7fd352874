internal import DeviceLink
internal import FleetProtocol
internal import JSON
internal import Linux
internal import Logging
internal import ResourceStore
internal import Resources
internal import SQLite

/// From the commit to the verdict.
extension BundleInstaller {
    private static let interval: Duration = .milliseconds(300)

    // MARK: Without a hub

    /// Commits objects and number, waits for the workloads, and confirms or goes back.
    func tryOut(_ prepared: Prepared, _ job: Job) async throws -> Verdict {
        let revision = try await commit(prepared)
        let judgement = await judge(revision, prepared.document, job.patience, tell: job.tell)
        do { return try await conclude(revision, prepared.document, judgement) } catch {
            return Verdict(result: .unhealthy, error: BundleError(wrapping: error), document: prepared.document)
        }
    }

    /// Objects and number in one transaction. A bundle that is installed and judged already stays as it is.
    private func commit(_ prepared: Prepared) async throws -> BundleRevision {
        let nodeName = nodeName
        let revision = try await store.transaction { transaction in
            let name = prepared.manifest.name
            let installed = try BundleRevision.find(name, transaction.connection)
            let standing = try Self.standing(prepared.manifest, prepared.digest, over: installed)
            if standing == .current, let installed { return installed }
            try Self.demand(
                try DocumentApplier.apply(
                    prepared.document, from: .bundle(name), nodeName: nodeName, in: transaction))
            let revision = BundleRevision(
                name: name,
                current: .init(
                    sequence: prepared.manifest.sequence, digest: prepared.digest, document: prepared.documentBytes),
                state: .trial, previous: installed?.floor)
            try revision.save(transaction.connection)
            return revision
        }
        logger.notice(
            "bundle committed",
            metadata: [
                "bundle": "\(revision.name)", "sequence": "\(revision.current.sequence)",
                "state": "\(revision.state.rawValue)",
            ])
        return revision
    }

    /// What came of waiting.
    enum Judgement: Sendable, Hashable {
        case healthy
        case failed(String)
        /// Another installation took its place, or the agent stops.
        case overtaken
    }

    /// Waits until the workloads are ready and stay so for a while, one of them says that it will not be, or the time is over.
    ///
    /// A program that ends at once is ready for a moment, too: only what lasts counts.
    func judge(
        _ revision: BundleRevision, _ document: Document, _ patience: Patience, tell: @Sendable (String) -> Void
    ) async -> Judgement {
        let deadline = MonotonicInstant.now().advanced(by: patience.wait)
        var readySince: MonotonicInstant?
        var last = ""
        var isSettled = false
        while !Task.isCancelled {
            do {
                guard try await isCurrent(revision) else { return .overtaken }
                if !isSettled { isSettled = try await settle(document, of: revision) }
                let states = try await DocumentHealth.states(of: document, in: store)
                switch DocumentHealth.first(of: states.map(\.state)) {
                case .healthy where isSettled:
                    let since = readySince ?? .now()
                    readySince = since
                    guard !states.isEmpty, since.duration(to: .now()) < patience.soak else { return .healthy }
                    tell("Ready; watching for \(patience.soak.components.seconds) s whether it stays so")
                    try await clock.sleep(for: Self.interval)
                    continue
                case .failed(let object, let message): return .failed("\(object): \(message)")
                case .waiting(let object, let message): last = "\(object): \(message)"
                case .healthy: last = "objects of before are still being deleted"
                }
            } catch {
                last = "\(error)"
            }
            readySince = nil
            guard MonotonicInstant.now() < deadline else {
                return .failed("\(last) after \(patience.wait.components.seconds) s")
            }
            tell("Waiting: \(last)")
            try? await clock.sleep(for: Self.interval)
        }
        return .overtaken
    }

    private func isCurrent(_ revision: BundleRevision) async throws -> Bool {
        try await store.withDatabase { try BundleRevision.find(revision.name, $0) }?.current == revision.current
    }

    /// Applies the document again while something of it had to wait. True when all is there.
    private func settle(_ document: Document, of revision: BundleRevision) async throws -> Bool {
        let nodeName = nodeName
        return try await store.transaction { transaction in
            guard try BundleRevision.find(revision.name, transaction.connection)?.current == revision.current else {
                return false
            }
            return try DocumentApplier.apply(
                document, from: .bundle(revision.name), nodeName: nodeName, in: transaction
            ).pending.isEmpty
        }
    }

    private func conclude(
        _ revision: BundleRevision, _ document: Document, _ judgement: Judgement
    ) async throws -> Verdict {
        switch judgement {
        case .healthy:
            try await confirm(revision)
            return Verdict(result: .healthy, document: document)
        case .overtaken:
            throw BundleError(
                .interrupted, "it was not judged: the agent stops or another bundle of that name came; install it again"
            )
        case .failed(let why) where revision.state == .healthy:
            // It was ready before and is what is installed: there is nothing to go back to.
            let error = BundleError(
                .unhealthy, "it is installed since long, and its workloads are not ready now: \(why)")
            return Verdict(result: .unhealthy, error: error, document: document)
        case .failed(let why):
            let restored = try await restore(revision)
            let error = BundleError(
                .unhealthy,
                "its workloads did not become ready (\(why)); "
                    + (revision.previous.map { "sequence \($0.sequence) is back" } ?? "its objects were removed"))
            return Verdict(result: .rolledBack, error: error, document: restored)
        }
    }

    /// From now on this is the floor. What came before is forgotten.
    private func confirm(_ revision: BundleRevision) async throws {
        guard revision.state != .healthy else { return }
        try await store.withDatabase { connection in
            try connection.transaction {
                guard var found = try BundleRevision.find(revision.name, connection), found.current == revision.current
                else { return }
                found.state = .healthy
                found.previous = nil
                try found.save(connection)
            }
        }
        logger.notice(
            "bundle healthy", metadata: ["bundle": "\(revision.name)", "sequence": "\(revision.current.sequence)"])
    }

    /// Puts the objects of the revision before back, or takes all away when there was none.
    private func restore(_ revision: BundleRevision) async throws -> Document {
        let nodeName = nodeName
        let document = try revision.previous.map { try Document(parsing: $0.document) } ?? Document(objects: [])
        try await store.transaction { transaction in
            let connection = transaction.connection
            guard try BundleRevision.find(revision.name, connection)?.current == revision.current else { return }
            let outcome = try DocumentApplier.apply(
                document, from: .bundle(revision.name), nodeName: nodeName, in: transaction)
            if let previous = revision.previous {
                let isWhole = outcome.pending.isEmpty
                try BundleRevision(name: revision.name, current: previous, state: isWhole ? .healthy : .restoring)
                    .save(connection)
            } else {
                try revision.remove(connection)
            }
        }
        logger.warning(
            "bundle taken back", metadata: ["bundle": "\(revision.name)", "sequence": "\(revision.current.sequence)"])
        try await finishRestoring(revision.name)
        return document
    }

    /// Objects that had to wait for the end of others come back, too.
    private func finishRestoring(_ name: String) async throws {
        while !Task.isCancelled {
            guard let found = try await store.withDatabase({ try BundleRevision.find(name, $0) }),
                found.state == .restoring
            else { return }
            if try await settle(try Document(parsing: found.current.document), of: found) {
                return try await confirm(found)
            }
            try? await clock.sleep(for: Self.interval)
        }
    }

    /// What an agent before this one did not come to an end with.
    func judgeWhatIsLeft() async {
        do {
            let left = try await store.withDatabase { try BundleRevision.all($0) }.filter { $0.state != .healthy }
            await withDiscardingTaskGroup { group in
                for revision in left { group.addTask { await self.resume(revision) } }
            }
        } catch {
            logger.error("cannot look at the installed bundles", metadata: ["error": "\(error)"])
        }
    }

    private func resume(_ revision: BundleRevision) async {
        do {
            if revision.state == .restoring { return try await finishRestoring(revision.name) }
            let document = try Document(parsing: revision.current.document)
            let judgement = await judge(revision, document, Patience()) { _ in }
            guard judgement != .overtaken else { return }
            if let error = try await conclude(revision, document, judgement).error {
                logger.warning("bundle not installed", metadata: ["bundle": "\(revision.name)", "error": "\(error)"])
            }
        } catch {
            logger.error("cannot judge a bundle", metadata: ["bundle": "\(revision.name)", "error": "\(error)"])
        }
    }

    // MARK: From the hub

    /// Hands head and document to the device link, which does what it does with every update, and waits for its word.
    func deliver(_ delivery: SignedDelivery, _ job: Job) async throws -> Verdict {
        _ = try await link.deliver(head: delivery.head, document: delivery.document)
        do { return try await follow(delivery, job) } catch {
            return Verdict(
                result: .unhealthy, error: BundleError(wrapping: error), revision: delivery.revision,
                document: delivery.parsed)
        }
    }

    private func follow(_ delivery: SignedDelivery, _ job: Job) async throws -> Verdict {
        let deadline = MonotonicInstant.now().advanced(by: job.patience.wait)
        var last = "no word of it yet"
        while !Task.isCancelled {
            if let ack = await link.progress(of: delivery.revision) {
                if ack.level == .healthy {
                    return Verdict(result: .healthy, revision: delivery.revision, document: delivery.parsed)
                }
                if ack.level == .failed { return unhealthy(delivery, ack.code, ack.object, ack.message ?? "it failed") }
                last = "it is \(ack.level.rawValue)"
            }
            if case .waiting(let object, let message) = try await DocumentHealth.of(delivery.parsed, in: store) {
                last = "\(object): \(message)"
            }
            guard MonotonicInstant.now() < deadline else {
                return unhealthy(delivery, nil, nil, "\(last) after \(job.patience.wait.components.seconds) s")
            }
            job.tell("Waiting: \(last)")
            try? await clock.sleep(for: Self.interval)
        }
        throw CancellationError()
    }

    private func unhealthy(
        _ delivery: SignedDelivery, _ code: String?, _ object: String?, _ message: String
    ) -> Verdict {
        let error = BundleError(
            code.map { BundleError.Code(rawValue: $0) } ?? .unhealthy,
            "revision \(delivery.revision) is committed, and its workloads are not ready: "
                + (object.map { "\($0): " } ?? "") + message)
        return Verdict(result: .unhealthy, error: error, revision: delivery.revision, document: delivery.parsed)
    }

    // MARK: For the receipt

    func states(of document: Document) async throws -> [BundleReceipt.ObjectState] {
        let judged = Dictionary(
            try await DocumentHealth.states(of: document, in: store).map { ($0.object, $0.state) }
        ) { first, _ in first }
        var states: [BundleReceipt.ObjectState] = []
        for object in document.objects {
            guard let reference = FleetProtocol.ObjectReference(of: object) else { continue }
            switch judged[reference] {
            case .healthy: states.append(.init(object: reference, state: "ready"))
            case .waiting(_, let message): states.append(.init(object: reference, state: "waiting", message: message))
            case .failed(_, let message): states.append(.init(object: reference, state: "failed", message: message))
            case nil: states.append(.init(object: reference, state: try await isHere(reference) ? "stored" : "absent"))
            }
        }
        return states
    }

    private func isHere(_ reference: FleetProtocol.ObjectReference) async throws -> Bool {
        guard let type = store.types.storing(apiVersion: reference.apiVersion, kind: reference.kind) else {
            return false
        }
        let namespace = type.namespaced ? reference.namespace ?? "default" : nil
        return try await store.find(ResourceKey(type: type, namespace: namespace, name: reference.name)) != nil
    }
}
