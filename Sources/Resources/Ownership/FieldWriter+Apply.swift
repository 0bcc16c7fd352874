public import JSON

extension FieldWriter {
    /// What an apply makes of an object.
    public struct Applied: Sendable {
        /// Without owners; not yet checked and without defaults.
        public let document: JSONValue
        public let owners: ManagedFields
    }

    /// Server-side apply: the object gets what is stated, and loses what this writer stated before, states no longer and nobody
    /// else owns.
    ///
    /// - Parameters:
    ///   - stated: the fields this writer wants; for ``Subresource/scale`` a `Scale`.
    ///   - live: nil when there is no object.
    /// - Throws: 409 with one cause for each field that somebody else owns with another value, unless `force` takes those over.
    public func apply(
        _ stated: JSONValue, to live: Resource?, key: ResourceKey, force: Bool
    ) throws(StatusError) -> Applied {
        let stated = try checked(stated, key)
        var owners = ManagedFields(live?.managedFields) ?? ManagedFields()
        if owners.isEmpty, let live {
            FieldWriter(name: "before-first-apply", subresource: subresource, time: time)
                .note(Self.comparison(nil, live), in: &owners, of: live.type)
            owners.fold()
        }
        let merge = ApplyMerge(writer: self, stated: stated, live: live?.withoutOwners, type: key.type, owners: owners)
        let conflicts = merge.conflicts
        if !conflicts.isEmpty, !force {
            let unexpected = conflicts.excluding(name == "kubectl" ? live?.lastAppliedFields : nil)
            guard unexpected.isEmpty else { throw unexpected.error }
        }
        var document = merge.document
        if name == "kubectl" { document.renewLastApplied(stated) }
        return Applied(document: document, owners: merge.ownersAfter)
    }

    /// The stated part of the object, once it fits the type.
    private func checked(_ stated: JSONValue, _ key: ResourceKey) throws(StatusError) -> JSONValue {
        let kind = subresource == .scale ? Scale.kind : key.type.kind
        let version = subresource == .scale ? Scale.apiVersion : key.type.apiVersion
        let (itsKind, itsVersion) = (stated["kind"]?.stringValue ?? "", stated["apiVersion"]?.stringValue ?? "")
        guard itsKind == kind, itsVersion == version else {
            throw .badRequest("invalid object type: \(Self.groupVersionKind(itsVersion, itsKind))")
        }
        guard stated[path: "metadata", "managedFields"].map(\.isNull) ?? true else {
            throw .badRequest("metadata.managedFields must be nil")
        }
        var collector = FieldCollector()
        _ = collector.collect(stated, subresource == .scale ? Scale.ownership : key.type.ownership)
        guard collector.faults.isEmpty else {
            let name = stated[path: "metadata", "name"]?.stringValue ?? ""
            let place = "\(stated[path: "metadata", "namespace"]?.stringValue ?? "")/\(name)"
            let faults = collector.faults
            let text = faults.count == 1 ? faults[0] : (["errors:"] + faults.map { "  \($0)" }).joined(separator: "\n")
            throw StatusError(
                code: 500, reason: StatusError.Reason(rawValue: ""),
                message:
                    "failed to create typed patch object (\(place); \(Self.groupVersionKind(version, kind))): \(text)")
        }
        return part(of: stated, key)
    }

    private func part(of stated: JSONValue, _ key: ResourceKey) -> JSONValue {
        var result = stated
        result["metadata"]?["managedFields"] = nil
        switch subresource {
        case .none, .ephemeralContainers:
            if key.type.hasStatus { result["status"] = nil }
        case .status:
            for field in result.objectValue?.keys.filter({ !["metadata", "status"].contains($0) }) ?? [] {
                result[field] = nil
            }
            result["metadata"] = Self.identity(of: stated)
        case .scale:
            result = ["metadata": Self.identity(of: stated)]
            if let replicas = stated[path: "spec", "replicas"] {
                CustomScale.set(replicas, at: Scale.path(in: key.type)[...], in: &result)
            }
        }
        return result
    }

    private static func identity(of stated: JSONValue) -> JSONValue {
        .object(
            (stated["metadata"]?.objectValue ?? [:]).filter {
                ["name", "namespace", "uid", "resourceVersion"].contains($0.key)
            })
    }

    /// As Go prints it: `apps/v1, Kind=Deployment`, and `/v1, Kind=Pod` in the core group.
    private static func groupVersionKind(_ apiVersion: String, _ kind: String) -> String {
        "\(apiVersion.contains("/") ? apiVersion : "/\(apiVersion)"), Kind=\(kind)"
    }
}

/// The parts of one apply, each computed from the same state.
private struct ApplyMerge {
    let document: JSONValue
    let conflicts: FieldConflicts
    /// With the conflicting fields taken over.
    let ownersAfter: ManagedFields

    init(writer: FieldWriter, stated: JSONValue, live: Resource?, type: ResourceType, owners: ManagedFields) {
        let schema = type.ownership
        let empty: JSONValue = ["apiVersion": .string(type.apiVersion), "kind": .string(type.kind)]
        let before = live?.value ?? empty
        let me = ManagedFields.Owner(
            writer.name, .apply, apiVersion: type.apiVersion, subresource: writer.subresource.rawValue)
        let previous = owners.entries[me]
        let fields = writer.part(FieldCollector.fields(of: stated, schema), type)
        var after = owners
        after.entries[me] = ManagedFields.Entry(fields: fields, apiVersion: type.apiVersion, time: writer.time)
        var merged = DocumentMerge.merge(stated, over: before, schema)
        if let former = previous?.fields {
            merged = Self.pruned(merged, of: former, unless: after.allFields, schema)
        }
        document = merged
        let comparison = FieldComparison.of(schema.complete(before), schema.complete(merged), schema)
        let written = writer.part(comparison.written, type)
        conflicts = FieldConflicts(
            owners: after.entries.filter { $0.key != me }.mapValues { $0.fields.intersection(written) },
            apiVersion: writer.subresource == .scale ? Scale.apiVersion : nil)
        after.take(written.union(writer.part(comparison.removed, type)), exceptFrom: me)
        let owned = writer.owned(fields, type)
        after.entries[me]?.fields = owned
        if owned.isEmpty { after.entries[me] = nil }
        if before == merged, let previous, previous.fields == owned { after.entries[me]?.time = previous.time }
        ownersAfter = after
    }

    /// A document without what only `former` had.
    private static func pruned(
        _ merged: JSONValue, of former: FieldSet, unless owned: FieldSet, _ schema: any OwnershipSchema
    ) -> JSONValue {
        func remove(_ fields: FieldSet) -> JSONValue { DocumentMerge.removing(fields, from: merged, schema) ?? [:] }
        func fields(_ value: JSONValue) -> FieldSet {
            FieldCollector.fields(of: value, schema).withDeclaredParents(schema)
        }
        let mine = former.withDeclaredParents(schema)
        let all = fields(merged)
        // First everything of the former set goes; then comes back what has an owner, with all on the way to it; last, what
        // never was in the former set.
        let kept = fields(remove(mine)).union(owned.withDeclaredParents(schema))
        let owner = fields(remove(all.subtracting(kept)))
        return remove(all.subtracting(owner).intersection(mine))
    }
}

extension Resource {
    fileprivate var withoutOwners: Resource {
        var result = self
        result.managedFields = nil
        return result
    }
}
