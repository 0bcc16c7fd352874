internal import JSON
public import ResourceStore
internal import Resources

/// Empties a namespace that is being deleted, and lets it go when nothing is left.
///
/// At a hub mirrors do not hold it: a device that is away must not. What devices still have is shown in a namespace that is theirs,
/// until they have ended it.
enum NamespaceController {
    static func reconcile(_ name: String, _ transaction: StoreTransaction) throws -> Outcome {
        let key = ResourceKey(type: .namespace, namespace: nil, name: name)
        if let namespace = try transaction.find(key) {
            if namespace.isTerminating {
                try empty(key, transaction)
            } else if transaction.isImplied(namespace), try transaction.isVacant(namespace: name) {
                try transaction.delete(key)
            }
        } else {
            try transaction.keepMirrors(ofNamespace: name)
        }
        return Outcome()
    }

    private static func empty(_ key: ResourceKey, _ transaction: StoreTransaction) throws {
        var isEmpty = true
        for resource in try transaction.content(ofNamespace: key.name) where !transaction.isMirror(resource) {
            if resource.isTerminating {
                isEmpty = false
            } else if case .marked = try transaction.delete(
                resource.key, DeleteOptions(propagation: .background))
            {
                isEmpty = false
            }
        }
        if isEmpty { try transaction.update(key) { $0.value[path: "spec", "finalizers"] = nil } }
    }
}

/// The namespaces that every Kubernetes cluster has.
public enum DefaultNamespaces {
    public static let names = ["default", "kube-system", "kube-public", "kube-node-lease"]

    /// Makes the missing ones; writes nothing when all are there.
    public static func ensure(in store: Store) async throws {
        try await store.transaction { transaction in
            for name in names {
                let namespace = Resource(value: ["metadata": ["name": .string(name)]], type: .namespace)
                if try transaction.find(namespace.key) == nil { try transaction.create(namespace) }
            }
        }
    }
}
