internal import JSON
public import ResourceStore
internal import Resources

/// Empties a namespace that is being deleted, and lets it go when nothing is left.
enum NamespaceController {
    static func reconcile(_ name: String, _ transaction: StoreTransaction) throws -> Outcome {
        let key = ResourceKey(type: .namespace, namespace: nil, name: name)
        guard let namespace = try transaction.find(key), namespace.isTerminating, !namespace.isMirror else {
            return Outcome()
        }
        var isEmpty = true
        for resource in try transaction.content(ofNamespace: name) {
            if resource.isTerminating {
                isEmpty = false
            } else if case .marked = try transaction.delete(
                resource.key, DeleteOptions(propagation: .background))
            {
                isEmpty = false
            }
        }
        if isEmpty { try transaction.update(key) { $0.value[path: "spec", "finalizers"] = nil } }
        return Outcome()
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
