internal import JSON
internal import ResourceStore
internal import Resources

/// Deletes what lost its owners, and serves the finalizers of foreground and orphan deletion.
enum GarbageCollector {
    static let foreground = "foregroundDeletion"
    static let orphan = "orphan"

    /// Dependents of owners that do not exist: deleted, or freed of the reference while another owner is there.
    static func sweep(_ transaction: StoreTransaction) throws -> Outcome {
        for dependent in try transaction.danglingDependents() where !dependent.isMirror {
            let present = try dependent.ownerReferences.filter { try transaction.uidExists($0.uid) }
            if present.isEmpty {
                try transaction.delete(
                    dependent.key, DeleteOptions(propagation: .background, uid: dependent.uid))
            } else {
                try transaction.update(dependent.key) { $0.ownerReferences = present }
            }
        }
        return Outcome()
    }

    static func serveFinalizers(_ key: ResourceKey, _ transaction: StoreTransaction) throws -> Outcome {
        guard let owner = try transaction.find(key), owner.isTerminating, !owner.isMirror else { return Outcome() }
        if owner.finalizers.contains(orphan) {
            for dependent in try transaction.dependents(of: owner.uid) {
                try Adoption.release(dependent, by: owner, transaction)
            }
            try finish(owner, orphan, transaction)
        } else if owner.finalizers.contains(foreground), try deleteDependents(of: owner, transaction) {
            try finish(owner, foreground, transaction)
        }
        return Outcome()
    }

    /// True when no dependent is left that blocks the owner.
    private static func deleteDependents(of owner: Resource, _ transaction: StoreTransaction) throws -> Bool {
        var isFree = true
        for dependent in try transaction.dependents(of: owner.uid) {
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
