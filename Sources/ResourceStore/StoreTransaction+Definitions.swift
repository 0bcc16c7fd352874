internal import JSON
public import Resources

/// A CustomResourceDefinition changes which types there are, in the transaction that writes it.
extension StoreTransaction {
    /// What a client named may be gone, or be going, by the time its object is there.
    func checkKind(_ resource: Resource) throws {
        guard resource.type.custom != nil else { return }
        guard let kind = types.stored(resource.type.qualifiedName)?.custom else {
            throw StatusError.notFound(resource.key)
        }
        guard !kind.isTerminating else {
            throw StatusError.methodNotAllowed("create not allowed while custom resource definition is terminating")
        }
    }

    /// Settles the names of a definition among the others.
    func settle(_ definition: inout Resource) throws {
        let name = definition.name
        let others = try list(.customResourceDefinition).filter { $0.name != name }.map(\.value)
        DefinitionStatus.settle(&definition.value, among: others, now: state.environment.timestamp)
    }

    /// Names that were taken are free: who waits for them gets them.
    func settleOthers(than gone: Resource) throws {
        let group = gone.value[path: "spec", "group"]
        var definitions = try list(.customResourceDefinition).filter { $0.value[path: "spec", "group"] == group }
        for index in definitions.indices where !DefinitionStatus.hasItsNames(definitions[index].value) {
            let old = definitions[index]
            var new = old
            let others = definitions[..<index] + definitions[(index + 1)...]
            DefinitionStatus.settle(&new.value, among: others.map(\.value), now: state.environment.timestamp)
            if new.value != old.value { definitions[index] = try write(new, previous: old, row: try row(old.key).row) }
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
