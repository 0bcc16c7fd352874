internal import JSON
internal import ResourceStore
internal import Resources

/// Keeps the status of a ResourceQuota: what is allowed, and what is used of it. Admission counts by itself.
enum QuotaController {
    static func reconcile(_ namespace: String, _ transaction: StoreTransaction) throws -> Outcome {
        for quota in try transaction.list(.resourceQuota, namespace: namespace) {
            let used = try transaction.usage(of: quota).amounts
            let hard = QuotaUsage.hard(quota)
            let status: JSONValue = [
                "hard": .object(hard.mapValues { .string($0.description) }),
                "used": .object(
                    Dictionary(
                        uniqueKeysWithValues: hard.keys.map {
                            ($0, .string((used[$0] ?? Quantity(0)).description))
                        })),
            ]
            try transaction.update(quota.key, subresource: .status) { $0.value["status"] = status }
        }
        return Outcome(followUp: try refusedSets(in: namespace, transaction))
    }

    /// ReplicaSets that were refused a pod: there may be room for it now.
    private static func refusedSets(in namespace: String, _ transaction: StoreTransaction) throws -> Set<WorkItem> {
        let sets = try transaction.list(.replicaSet, namespace: namespace).filter { set in
            set.value[path: "status", "conditions"]?.arrayValue?.contains { $0["type"] == "ReplicaFailure" } ?? false
        }
        return Set(sets.map { .replicaSet($0.key) })
    }
}
