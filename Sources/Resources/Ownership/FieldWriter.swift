import JSON

/// Somebody who writes objects, and becomes the owner of what they write.
///
/// This is `managedFields` as kube-apiserver keeps it: whoever changes a field owns it alone, whoever applies one owns it
/// together with those who apply the same value. Objects without owners stay without until somebody applies them.
public struct FieldWriter: Sendable {
    /// As `kubectl-edit`.
    public let name: String
    public let subresource: Subresource
    /// RFC 3339: now.
    public let time: String

    public init(name: String, subresource: Subresource = .none, time: String) {
        self.name = name.isEmpty ? "unknown" : name
        self.subresource = subresource
        self.time = time
    }

    /// The new object with its owners after a create or update by this writer.
    ///
    /// - Parameters:
    ///   - new: with its defaults. Owners that it names are taken when they are well-formed; an empty list forgets all.
    ///   - old: nil when the object is new.
    public func update(_ new: Resource, old: Resource?) -> Resource {
        var owners = known(new, old)
        var result = new
        if !owners.isEmpty || old == nil {
            note(Self.comparison(old, new), in: &owners, of: new.type)
            owners.fold()
        }
        result.managedFields = owners.value
        return old.map { result.keepingTimes(of: $0) } ?? result
    }

    /// The same for an object that was written in one of its forms: owners know the fields of that form.
    public func update(_ new: Resource, old: Resource?, in form: ServedForm) -> Resource {
        guard !form.isStored else { return update(new, old: old) }
        var result = new
        result.managedFields = update(form.served(new), old: old.map(form.served)).managedFields
        return result
    }

    private func known(_ new: Resource, _ old: Resource?) -> ManagedFields {
        let present = ManagedFields(old?.managedFields) ?? ManagedFields()
        guard subresource == .none else { return present }
        guard !ManagedFields.isReset(new.managedFields) else { return ManagedFields() }
        guard let named = ManagedFields(new.managedFields), !named.isEmpty else { return present }
        return named
    }

    static func comparison(_ old: Resource?, _ new: Resource) -> FieldComparison {
        let schema = new.type.ownership
        let before = old?.value ?? ["apiVersion": .string(new.type.apiVersion), "kind": .string(new.type.kind)]
        return FieldComparison.of(schema.complete(before), schema.complete(new.value), schema)
    }

    /// Everything written becomes this writer's; what went is nobody's.
    func note(_ comparison: FieldComparison, in owners: inout ManagedFields, of type: ResourceType) {
        let written = owned(comparison.written, type)
        owners.take(part(comparison.written, type).union(part(comparison.removed, type)))
        guard !written.isEmpty else { return }
        let owner = ManagedFields.Owner(
            name, .update, apiVersion: type.apiVersion, subresource: subresource.rawValue)
        // What was this writer's and is still there was taken above only where it was written anew.
        let kept = owners.entries[owner]?.fields ?? FieldSet()
        owners.entries[owner] = ManagedFields.Entry(
            fields: kept.union(written), apiVersion: type.apiVersion, time: time)
    }

    // MARK: What can be owned

    /// Stated by everybody and owned by nobody.
    private static let identity = FieldSet(
        ["f:apiVersion"], ["f:kind"], ["f:metadata"], ["f:metadata", "f:name"], ["f:metadata", "f:namespace"],
        ["f:metadata", "f:creationTimestamp"], ["f:metadata", "f:selfLink"], ["f:metadata", "f:uid"],
        ["f:metadata", "f:clusterName"], ["f:metadata", "f:generation"], ["f:metadata", "f:managedFields"],
        ["f:metadata", "f:resourceVersion"])

    func owned(_ fields: FieldSet, _ type: ResourceType) -> FieldSet { part(fields, type).subtracting(Self.identity) }

    /// The fields that a write of this part can change.
    func part(_ fields: FieldSet, _ type: ResourceType) -> FieldSet {
        switch subresource {
        case .status: fields.restricted(to: ["f:status"])
        case .scale: fields.intersection(Scale.fields(of: type))
        default: type.hasStatus ? fields.restricted(to: ["f:status"], inverted: true) : fields
        }
    }
}
