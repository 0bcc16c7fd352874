internal import JSON
internal import ResourceStore
internal import Resources

/// Objects without manager find one whose selector chooses them; a manager lets go of what it no longer chooses.
enum Adoption {
    static func selector(of owner: Resource) -> LabelSelectorQuery? {
        guard let selector = try? owner.value[path: "spec", "selector"]?.decode(as: LabelSelector.self) else {
            return nil
        }
        // An empty selector would take everything.
        let isEmpty = (selector.matchLabels ?? [:]).isEmpty && (selector.matchExpressions ?? []).isEmpty
        return isEmpty ? nil : try? LabelSelectorQuery(selector)
    }

    static func suits(_ resource: Resource, _ owner: Resource) -> Bool {
        resource.controllerOwner == nil && !resource.isTerminating
            && !owner.isTerminating && resource.namespace == owner.namespace
            && selector(of: owner)?.matches(resource) == true
    }

    static func adopt(_ resource: Resource, by owner: Resource, _ transaction: StoreTransaction) throws {
        try transaction.update(resource.key) { $0.ownerReferences.append(owner.asControllerOwner) }
    }

    static func release(_ resource: Resource, by owner: Resource, _ transaction: StoreTransaction) throws {
        try transaction.update(resource.key) { $0.ownerReferences.removeAll { $0.uid == owner.uid } }
    }

    /// Gives one orphan to the first manager that suits.
    static func reconcile(_ key: ResourceKey, _ transaction: StoreTransaction) throws -> Outcome {
        guard let orphan = try transaction.find(key), orphan.controllerOwner == nil else { return Outcome() }
        let type: ResourceType = orphan.type == .pod ? .replicaSet : .deployment
        for owner in try transaction.list(type, namespace: orphan.namespace) where suits(orphan, owner) {
            try adopt(orphan, by: owner, transaction)
            break
        }
        return Outcome()
    }
}
