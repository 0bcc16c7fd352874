internal import JSON
internal import ResourceStore
internal import Resources

/// Deletes what lost its owners, and serves the finalizers of foreground and orphan deletion.
///
/// Mirrors at a hub are left out on both sides: what they show is owned and ended on a device.
enum GarbageCollector {
    static let foreground = "foregroundDeletion"
    static let orphan = "orphan"

    static func collect(_ key: ResourceKey, _ transaction: StoreTransaction) throws -> Outcome {
        if let dependent = try transaction.find(key) { try collect(dependent, transaction) }
        return Outcome()
    }

    static func collectDependents(of uid: String, _ transaction: StoreTransaction) throws -> Outcome {
        for dependent in try transaction.dependents(of: uid) { try collect(dependent, transaction) }
        return Outcome()
    }

    /// A dependent of owners that do not exist: deleted, or freed of the references while another owner is there.
    private static func collect(_ dependent: Resource, _ transaction: StoreTransaction) throws {
        guard !dependent.isTerminating, !transaction.isMirror(dependent) else { return }
        let owners = dependent.ownerReferences
        let present = try owners.filter { try isThere($0, for: dependent, transaction) }
        guard present.count < owners.count else { return }
        if present.isEmpty {
            try transaction.delete(dependent.key, DeleteOptions(propagation: .background))
        } else {
            try transaction.update(dependent.key) { $0.ownerReferences = present }
        }
    }

    /// By its name and its uid: at a hub, devices' copies of a pod have the uid of the hub's own. A kind that is not known any more,
    /// or an owner in some namespace of an object without one, leaves the uid alone to go by.
    private static func isThere(
        _ owner: OwnerReference, for dependent: Resource, _ transaction: StoreTransaction
    ) throws -> Bool {
        guard let key = owner.key(in: dependent.namespace, transaction.types),
            dependent.type.namespaced || !key.type.namespaced
        else { return try transaction.uidExists(owner.uid) }
        return try transaction.find(key)?.uid == owner.uid
    }

    static func serveFinalizers(_ key: ResourceKey, _ transaction: StoreTransaction) throws -> Outcome {
        guard let owner = try transaction.find(key), owner.isTerminating, !transaction.isMirror(owner) else {
            return Outcome()
        }
        if owner.finalizers.contains(orphan) {
            for dependent in try dependents(of: owner, transaction) {
                try Adoption.release(dependent, by: owner, transaction)
            }
            try finish(owner, orphan, transaction)
        } else if owner.finalizers.contains(foreground), try deleteDependents(of: owner, transaction) {
            try finish(owner, foreground, transaction)
        }
        return Outcome()
    }

    private static func dependents(of owner: Resource, _ transaction: StoreTransaction) throws -> [Resource] {
        try transaction.dependents(of: owner.uid).filter { !transaction.isMirror($0) }
    }

    /// True when no dependent is left that blocks the owner.
    private static func deleteDependents(of owner: Resource, _ transaction: StoreTransaction) throws -> Bool {
        var isFree = true
        for dependent in try dependents(of: owner, transaction) {
            let canOwn =
                dependent.type == .deployment || dependent.type == .replicaSet || dependent.type.custom != nil
            let outcome =
                dependent.isTerminating
                ? .marked(dependent)
                : try transaction.delete(
                    dependent.key, DeleteOptions(propagation: canOwn ? .foreground : .background))
            let blocks = dependent.ownerReferences.contains { $0.uid == owner.uid && $0.blockOwnerDeletion == true }
            if case .marked = outcome, blocks { isFree = false }
        }
        return isFree
    }

    private static func finish(_ owner: Resource, _ finalizer: String, _ transaction: StoreTransaction) throws {
        try transaction.update(owner.key) { $0.finalizers.removeAll { $0 == finalizer } }
    }
}
