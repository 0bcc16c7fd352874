internal import JSON
public import Logging
public import ResourceStore
internal import Resources
public import ServiceLifecycle

/// Keeps what access control needs: the default roles, aggregated rules, and in each namespace the account `default` and the
/// certificates of the API.
public struct AccessUpkeep: Service {
    private enum Task: Hashable {
        case roles, accounts
    }

    private let store: Store
    private let logger: Logger

    public init(store: Store, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    public func run() async throws {
        let types: Set<ResourceType> = [.clusterRole, .namespace, .serviceAccount, .configMap, .service]
        let feed = store.changes(of: types) { event -> Set<Task> in
            switch event.resource.type {
            case .clusterRole: [.roles]
            // An address may have become free, and `kubernetes` itself comes back.
            case .service: event.kind == .deleted ? [.accounts] : []
            case .configMap: event.resource.name == PodIdentity.rootCertificates ? [.accounts] : []
            default: [.accounts]
            }
        }
        feed.mark([.roles, .accounts])
        await cancelWhenGracefulShutdown {
            for await tasks in feed {
                for task in tasks { await perform(task) }
            }
        }
    }

    private func perform(_ task: Task) async {
        do {
            switch task {
            case .roles: try await store.transaction { try RoleAggregator.aggregate(in: $0) }
            case .accounts: try await Self.furnishNamespaces(of: store)
            }
        } catch {
            logger.warning(
                "access control is not up to date; the next change tries again",
                metadata: ["task": "\(task)", "error": "\(error)"])
        }
    }

    /// Makes in each namespace what it has to have.
    public static func furnishNamespaces(of store: Store) async throws {
        try await store.transaction { transaction in
            for namespace in try transaction.list(.namespace) where !namespace.isTerminating {
                do {
                    try transaction.furnish(namespace: namespace.name)
                } catch let error as StatusError where error.code == 403 {
                    // A quota there is used up: the others have nothing to do with that.
                }
            }
        }
        try await store.transaction { try $0.furnishServices() }
    }
}
