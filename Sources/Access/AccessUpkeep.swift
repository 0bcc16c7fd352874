internal import JSON
public import Logging
public import ResourceStore
internal import Resources
public import ServiceLifecycle

/// Keeps what access control needs: the default roles, aggregated rules, and a service account `default` in each namespace.
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
        let feed = store.changes(of: [.clusterRole, .namespace, .serviceAccount]) { event -> Set<Task> in
            event.resource.type == .clusterRole ? [.roles] : [.accounts]
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
            case .accounts: try await store.transaction { try Self.ensureAccounts(in: $0) }
            }
        } catch {
            logger.warning(
                "access control is not up to date; the next change tries again",
                metadata: ["task": "\(task)", "error": "\(error)"])
        }
    }

    private static func ensureAccounts(in transaction: StoreTransaction) throws {
        for namespace in try transaction.list(.namespace) where !namespace.isTerminating {
            let account = Resource(
                value: ["metadata": ["name": "default", "namespace": .string(namespace.name)]], type: .serviceAccount)
            if try transaction.find(account.key) == nil { try transaction.create(account) }
        }
    }
}
