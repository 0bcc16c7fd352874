internal import JSON
public import Resources

/// A CustomResourceDefinition changes which types there are, in the transaction that writes it.
extension StoreTransaction {
    /// Settles the names of a definition among the others.
    func settle(_ definition: inout Resource) throws {
        let name = definition.name
        let others = try list(.customResourceDefinition).filter { $0.name != name }.map(\.value)
        DefinitionStatus.settle(&definition.value, among: others, now: state.environment.timestamp)
    }

    /// Names that were taken are free: who waits for them gets them.
    func settleOthers(than gone: Resource) throws {
        let group = gone.value[path: "spec", "group"]
        for waiting in try list(.customResourceDefinition) where waiting.value[path: "spec", "group"] == group {
            let (old, row) = try row(waiting.key)
            var new = old
            try settle(&new)
            if new.value != old.value { _ = try write(new, previous: old, row: row) }
        }
    }

    /// The objects of a definition go first; the finalizer holds it until then.
    func terminate(_ definition: inout Resource) {
        if !definition.finalizers.contains(DefinitionStatus.cleanupFinalizer) {
            definition.finalizers.append(DefinitionStatus.cleanupFinalizer)
        }
        DefinitionStatus.terminate(&definition.value, now: state.environment.timestamp)
    }

    /// The objects of a definition, of all namespaces.
    public func objects(of definition: Resource) throws -> [Resource] {
        guard let type = CustomKind(definition.value)?.storedType else { return [] }
        return try list(type)
    }
}
