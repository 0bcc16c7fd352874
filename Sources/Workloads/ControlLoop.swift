internal import Logging
internal import ResourceStore
internal import Resources

/// Looks at what became dirty, and at what follows from it, in one transaction.
///
/// Level-triggered: a lost notice costs latency only, since everything is looked at again at the start and a plan
/// depends on the present state alone.
struct ControlLoop: Sendable {
    let store: Store
    let scope: Controllers.Scope
    let recorder: EventRecorder
    let clock: any Clock<Duration>
    let logger: Logger
    private let ages: AgeTracker

    init(
        store: Store, scope: Controllers.Scope, recorder: EventRecorder, clock: any Clock<Duration>, logger: Logger
    ) {
        self.store = store
        self.scope = scope
        self.recorder = recorder
        self.clock = clock
        self.logger = logger
        ages = AgeTracker(Stopwatch(clock))
    }

    /// Ends when the task is cancelled or the store closes.
    func run() async {
        let feed = store.changes(exceptOf: WorkItem.unwatched) { [store, scope] in
            WorkItem.items(for: $0, store.types, in: scope)
        }
        feed.mark([.resync])
        await withDiscardingTaskGroup { group in
            var queue = WorkQueue<WorkItem>()
            for await items in feed {
                for (item, delay) in await process(items, feed, &queue) {
                    guard queue.schedule(item, after: delay) else { continue }
                    group.addTask {
                        try? await clock.sleep(for: delay)
                        feed.mark([item])
                    }
                }
            }
            group.cancelAll()
        }
    }

    /// Works on all items in one commit, or on each of them alone when one fails: it must not hold up the others.
    ///
    /// - Returns: the delays after which to look again.
    private func process(
        _ items: Set<WorkItem>, _ feed: ChangeFeed<WorkItem>, _ queue: inout WorkQueue<WorkItem>
    ) async -> [WorkItem: Duration] {
        for item in items { queue.begun(item) }
        if let outcomes = try? await store.transaction({ try cascade(from: items, $0) }) {
            return await finish(outcomes, feed, &queue)
        }
        var delays: [WorkItem: Duration] = [:]
        for item in items {
            do {
                let outcome = try await store.transaction { try reconcile(item, $0) }
                delays.merge(await finish([item: outcome], feed, &queue)) { min($0, $1) }
            } catch {
                let delay = queue.failed(item)
                delays[item] = delay
                logger.warning(
                    "reconciling failed; it will be retried",
                    metadata: ["item": "\(item)", "error": "\(error)", "retry_after": "\(delay)"])
            }
        }
        return delays
    }

    private func finish(
        _ outcomes: [WorkItem: Outcome], _ feed: ChangeFeed<WorkItem>, _ queue: inout WorkQueue<WorkItem>
    ) async -> [WorkItem: Duration] {
        var delays: [WorkItem: Duration] = [:]
        for (item, outcome) in outcomes {
            for event in outcome.events {
                await recorder.named(event.component).record(
                    type: event.planned.type, reason: event.planned.reason, message: event.planned.message,
                    on: event.object)
            }
            feed.mark(outcome.followUp)
            if outcome.failure == nil { queue.succeeded(item) }
            delays[item] = outcome.failure == nil ? outcome.recheck : queue.failed(item)
        }
        return delays
    }

    /// Follows the changes that the work itself makes: from the Deployment to its pods it is one commit, not three.
    private func cascade(
        from items: Set<WorkItem>, _ transaction: StoreTransaction
    ) throws -> [WorkItem: Outcome] {
        var outcomes: [WorkItem: Outcome] = [:]
        var work = items
        var position = 0
        // What is left after these rounds comes back through the feed.
        for _ in 0..<4 where !work.isEmpty {
            var next: Set<WorkItem> = []
            for item in work {
                var outcome = try reconcile(item, transaction)
                next.formUnion(outcome.followUp)
                outcome.events = (outcomes[item]?.events ?? []) + outcome.events
                outcomes[item] = outcome
            }
            let (end, events) = transaction.changes(from: position)
            position = end
            for event in events { next.formUnion(WorkItem.items(for: event, transaction.types, in: scope)) }
            work = next
        }
        return outcomes
    }

    private func reconcile(_ item: WorkItem, _ transaction: StoreTransaction) throws -> Outcome {
        switch item {
        case .resync: try resync(transaction)
        case .deployment(let key): try DeploymentController(ages: ages).reconcile(key, transaction)
        case .replicaSet(let key): try ReplicaSetController(ages: ages).reconcile(key, transaction)
        case .orphan(let key): try Adoption.reconcile(key, transaction)
        case .quotas(let namespace): try QuotaController.reconcile(namespace, transaction)
        case .namespace(let name): try NamespaceController.reconcile(name, transaction)
        case .finalizer(let key): try GarbageCollector.serveFinalizers(key, transaction)
        case .dependent(let key): try GarbageCollector.collect(key, transaction)
        case .dependents(let uid): try collectDependents(of: uid, transaction)
        }
    }

    private func resync(_ transaction: StoreTransaction) throws -> Outcome {
        var outcome = Outcome()
        for type in transaction.types.all where !WorkItem.unwatched.contains(type) {
            for resource in try transaction.list(type) {
                let event = WatchEvent(
                    kind: .added, resource: resource, previous: nil, resourceVersion: resource.resourceVersion)
                outcome.followUp.formUnion(WorkItem.items(for: event, transaction.types, in: scope))
            }
        }
        return outcome
    }

    private func collectDependents(of uid: String, _ transaction: StoreTransaction) throws -> Outcome {
        ages.forget(uid)
        return try GarbageCollector.collectDependents(of: uid, transaction)
    }
}
