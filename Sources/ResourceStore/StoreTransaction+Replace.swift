internal import JSON
public import Resources

extension StoreTransaction {
    /// Stores a changed object; see ``Store/replace(_:subresource:takesOwners:dryRun:)``.
    @discardableResult
    public func replace(
        _ resource: Resource, subresource: Subresource = .none, takesOwners: Bool = false
    ) throws -> Resource {
        let (old, row) = try row(resource.key)
        if !resource.uid.isEmpty, resource.uid != old.uid {
            throw StatusError.precondition(resource.key, "UID", wanted: resource.uid, found: old.uid)
        }
        let version = resource.resourceVersion
        guard version.isEmpty || version == "0" || version == old.resourceVersion else {
            throw StatusError.conflict(resource.key)
        }
        var new = merged(resource, old: old, subresource)
        if new.type == .customResourceDefinition { try settle(&new) }
        if subresource != .status, !new.isReadyToRemove { new = try allocate(new, previous: old) }
        if takesOwners { new.managedFields = resource.managedFields }
        if new.isReadyToRemove { return try remove(new, row: row) }
        guard new.value != old.value else { return old }
        if subresource == .none { try NamespacePolicies(transaction: self).checkGrowth(from: old, to: new) }
        if subresource == .ephemeralContainers { try NamespacePolicies(transaction: self).checkAddition(to: new) }
        return try write(new, previous: old, row: row)
    }

    /// Changes the present object in place: no conflict is possible.
    @discardableResult
    public func update(
        _ key: ResourceKey, subresource: Subresource = .none, _ change: (inout Resource) throws -> Void
    ) throws -> Resource {
        var resource = try get(key)
        try change(&resource)
        resource.setMetadata("resourceVersion", nil)
        return try replace(resource, subresource: subresource)
    }

    /// The new object with the fields that this kind of write must not touch taken from the old one.
    private func merged(_ resource: Resource, old: Resource, _ subresource: Subresource) -> Resource {
        guard subresource != .status else {
            var new = old
            new.value["status"] = resource.value["status"]
            return new
        }
        var new = resource
        for field in Self.serverFields { new.setMetadata(field, old.metadata(field)) }
        if old.type.hasStatus { new.value["status"] = old.value["status"] }
        if new.countsGenerations && new.content != old.content {
            new.setMetadata("generation", .integer(Int64(old.generation + 1)))
        }
        return new
    }

    private static let serverFields = [
        "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion",
        "selfLink",
    ]
}
