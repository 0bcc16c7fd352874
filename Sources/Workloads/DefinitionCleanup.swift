internal import JSON
internal import Logging
internal import ResourceStore
internal import Resources

/// Empties a CustomResourceDefinition that is being deleted, and lets it go when none of its objects is left.
struct DefinitionCleanup {
    private let store: Store
    private let clock: any Clock<Duration>
    private let logger: Logger
    /// What is done for a definition.
    var attempt: @Sendable (String, StoreTransaction) throws -> Void = { try reconcile($0, $1) }

    /// - Parameter clock: a monotonic clock for the delays after which it tries again.
    init(store: Store, clock: any Clock<Duration> = ContinuousClock(), logger: Logger) {
        self.store = store
        self.clock = clock
        self.logger = logger
    }

    /// Those that were marked while nobody looked.
    private func terminating() async -> Set<String> {
        while !Task.isCancelled {
            do {
                return Set(try await store.list(.customResourceDefinition).items.filter(\.isTerminating).map(\.name))
            } catch {
                logger.error("definitions cannot be listed: trying again", metadata: ["error": "\(error)"])
                try? await clock.sleep(for: .seconds(10))
            }
        }
        return []
    }

    /// Ends when the task is cancelled or the store closes.
    func cleanUp() async {
        let feed = store.changes(exceptOf: [.event]) { event -> Set<String> in
            let resource = event.resource
            // An object that held its definition is gone.
            if event.kind == .deleted, let custom = resource.type.custom { return [custom.name] }
            return resource.type == .customResourceDefinition && resource.isTerminating ? [resource.name] : []
        }
        feed.mark(await terminating())
        await withDiscardingTaskGroup { group in
            var queue = WorkQueue<String>()
            for await names in feed {
                for name in names {
                    // Nothing changes after a failure, so that no notice would come.
                    guard let delay = await cleanUp(name, &queue), queue.schedule(name, after: delay) else { continue }
                    group.addTask { [clock] in
                        try? await clock.sleep(for: delay)
                        feed.mark([name])
                    }
                }
            }
            group.cancelAll()
        }
    }

    /// - Returns: the delay after which to try again; nil when all went well.
    private func cleanUp(_ name: String, _ queue: inout WorkQueue<String>) async -> Duration? {
        queue.begun(name)
        do {
            try await store.transaction { [attempt] in try attempt(name, $0) }
            queue.succeeded(name)
            return nil
        } catch {
            let delay = queue.failed(name)
            logger.warning(
                "the objects of a definition cannot be deleted; it will be retried",
                metadata: ["definition": "\(name)", "error": "\(error)", "retry_after": "\(delay)"])
            return delay
        }
    }

    static func reconcile(_ name: String, _ transaction: StoreTransaction) throws {
        let key = ResourceKey(type: .customResourceDefinition, namespace: nil, name: name)
        guard let definition = try transaction.find(key), definition.isTerminating,
            definition.finalizers.contains(DefinitionStatus.cleanupFinalizer)
        else { return }
        var left = 0
        for object in try transaction.objects(of: definition) {
            if object.isTerminating {
                left += 1
            } else if case .marked = try transaction.delete(object.key, DeleteOptions(propagation: .background)) {
                left += 1
            }
        }
        let now = transaction.now.description
        try transaction.update(key, subresource: .status) {
            DefinitionStatus.noteCleanup(&$0.value, left: left, now: now)
        }
        guard left == 0 else { return }
        try transaction.update(key) { $0.finalizers.removeAll { $0 == DefinitionStatus.cleanupFinalizer } }
    }
}
