internal import JSON
public import Logging
public import ResourceStore
internal import Resources
public import ServiceLifecycle

/// Empties a CustomResourceDefinition that is being deleted, and lets it go when none of its objects is left.
public struct DefinitionCleanup: Service {
    private let store: Store
    private let logger: Logger

    public init(store: Store, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown { await cleanUp() }
    }

    /// Ends when the task is cancelled or the store closes.
    func cleanUp() async {
        let feed = store.changes(exceptOf: [.event]) { event -> Set<String> in
            let resource = event.resource
            // An object that held its definition is gone.
            if event.kind == .deleted, let custom = resource.type.custom { return [custom.name] }
            return resource.type == .customResourceDefinition && resource.isTerminating ? [resource.name] : []
        }
        if let present = try? await store.list(.customResourceDefinition).items {
            feed.mark(Set(present.filter(\.isTerminating).map(\.name)))
        }
        for await names in feed {
            for name in names {
                do { try await store.transaction { try Self.reconcile(name, $0) } } catch {
                    logger.warning(
                        "the objects of a definition cannot be deleted; its next change tries again",
                        metadata: ["definition": "\(name)", "error": "\(error)"])
                }
            }
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
