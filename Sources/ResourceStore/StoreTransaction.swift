internal import JSON
public import Resources
public import SQLite

/// Several changes that become visible together or not at all; valid only inside the closure that receives it.
public final class StoreTransaction {
    let state: StoreState
    /// The types of this moment: those of definitions that this transaction wrote are among them.
    public var types: TypeCatalog { state.types }
    var table: ObjectTable { ObjectTable(connection: connection, types: state.types) }
    var changes: [Change] = []
    /// For a module's own tables in the same database and transaction.
    public let connection: Connection

    init(state: StoreState, connection: Connection) {
        self.state = state
        self.connection = connection
    }

    /// A part that fails alone: what it did is taken back, and the rest of the transaction stands.
    func part<T>(_ body: (StoreTransaction) throws -> T) throws -> Result<T, any Error> {
        let saved = (state.versions, state.namespaces, state.events, changes.count)
        let types = state.types
        do {
            return .success(try connection.transaction { try body(self) })
        } catch let error as SQLiteError {
            // The database itself: the whole has failed.
            throw error
        } catch {
            (state.versions, state.namespaces, state.events) = (saved.0, saved.1, saved.2)
            state.types = types
            changes.removeSubrange(saved.3...)
            return .failure(error)
        }
    }

    /// The object, nil when there is none.
    public func find(_ key: ResourceKey) throws -> Resource? {
        key.type == .event ? state.events.find(key) : try table.find(key)?.resource
    }

    /// The object, or 404.
    public func get(_ key: ResourceKey) throws -> Resource {
        guard let found = try find(key) else { throw StatusError.notFound(key) }
        return found
    }

    /// Objects of a type, ordered by namespace and name.
    public func list(
        _ type: ResourceType, namespace: String? = nil, labels: LabelSelectorQuery? = nil,
        fields: FieldSelectorQuery? = nil
    ) throws -> [Resource] {
        let isWanted = { (resource: Resource) in
            (labels?.matches(resource) ?? true) && (fields?.matches(resource) ?? true)
        }
        guard type == .event else { return try table.list(type, namespace: namespace, isWanted) }
        return state.events.list(namespace: namespace, isWanted)
    }

    /// Objects that name `uid` among their owners.
    public func dependents(of uid: String) throws -> [Resource] { try table.dependents(of: uid) }

    /// Whether any object has this uid.
    public func uidExists(_ uid: String) throws -> Bool { try table.uidExists(uid) }

    /// Everything in a namespace, Events included.
    public func content(ofNamespace namespace: String) throws -> [Resource] {
        try table.content(ofNamespace: namespace) + list(.event, namespace: namespace)
    }

    /// Changes made so far in this transaction, for work that follows from them; the number to go on from, and the events.
    public func changes(from start: Int) -> (next: Int, events: [WatchEvent]) {
        (changes.count, changes[min(start, changes.count)...].map(\.event))
    }

    /// The date, for timestamps in objects.
    public var now: Timestamp { Timestamp(seconds: state.environment.now()) }

    /// Stores a new object; see ``Store/create(_:dryRun:)``.
    ///
    /// - Parameter asItWas: whether it was stored before and is to be the same again, so that nothing is added to it.
    @discardableResult
    public func create(_ resource: Resource, asItWas: Bool = false) throws -> Resource {
        var new = resource
        try checkKind(new)
        try checkNamespace(new)
        try nameIfGenerated(&new)
        try takeOver(new)
        guard try !exists(new.key) else { throw StatusError.alreadyExists(new.key) }
        if new.uid.isEmpty { new.setMetadata("uid", .string(state.environment.makeUID())) }
        if (new.metadata("creationTimestamp")?.stringValue ?? "").isEmpty {
            new.setMetadata("creationTimestamp", .string(state.environment.timestamp))
        }
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds"] { new.setMetadata(field, nil) }
        if new.countsGenerations { new.setMetadata("generation", 1) }
        if new.type == .namespace { prepareNamespace(&new) }
        new = try NamespacePolicies(transaction: self).admit(new, asItWas: asItWas)
        if new.type == .customResourceDefinition { try settle(&new) }
        new = try allocate(new, previous: nil)
        let created = try write(new, previous: nil, row: nil)
        if created.type == .namespace, state.cluster != nil { try furnish(namespace: created.name) }
        return created
    }

    private func exists(_ key: ResourceKey) throws -> Bool {
        key.type == .event ? state.events.find(key) != nil : try table.exists(key)
    }

    private func checkNamespace(_ resource: Resource) throws {
        guard resource.type.namespaced else { return }
        let namespace = resource.namespace ?? ""
        guard let isTerminating = state.namespaces[namespace] else {
            throw StatusError.notFound(ResourceKey(type: .namespace, namespace: nil, name: namespace))
        }
        // What is there on a device is there, whatever becomes of the namespace.
        if isTerminating, resource.type != .event, !isMirror(resource) {
            throw StatusError.namespaceTerminating(resource.key, namespace)
        }
    }

    /// A namespace that only devices have does not keep the hub from making it.
    private func takeOver(_ new: Resource) throws {
        guard new.type == .namespace, state.holdsMirrors, let found = try table.find(new.key), isImplied(found.resource)
        else { return }
        _ = try remove(found.resource, row: found.id)
    }

    /// Kubernetes' rule: the prefix is cut to 58 characters and five random ones follow.
    private func nameIfGenerated(_ resource: inout Resource) throws {
        guard resource.name.isEmpty else { return }
        let prefix = resource.metadata("generateName")?.stringValue ?? ""
        guard !prefix.isEmpty else { throw StatusError.nameRequired(resource.type) }
        for _ in 0..<8 {
            resource.setMetadata("name", .string(prefix.prefix(58) + state.environment.makeSuffix()))
            if try !exists(resource.key) { return }
        }
    }

    private func prepareNamespace(_ resource: inout Resource) {
        if resource.value[path: "spec", "finalizers"] == nil {
            resource.value[path: "spec", "finalizers"] = ["kubernetes"]
        }
        resource.value[path: "status", "phase"] = "Active"
        resource.labels[WherryLabels.namespaceName] = resource.name
    }

    /// Gives the object its version, stores it and notes the change.
    func write(_ resource: Resource, previous: Resource?, row: Int64?) throws -> Resource {
        var new = resource
        let version = try state.nextVersion()
        new.setMetadata("resourceVersion", .string(String(version)))
        var text: [UInt8]?
        if new.type == .event {
            state.events.put(new, at: state.environment.uptime())
        } else {
            let stored = new.value.serialized()
            try checkReadable(new, stored, was: previous)
            text = stored
            if let row, let previous {
                try table.update(row, new, was: previous, version: version, text: stored)
            } else {
                try table.insert(new, version: version, text: stored)
            }
        }
        if new.type == .namespace { state.namespaces[new.name] = new.isTerminating }
        if new.type == .customResourceDefinition { state.types = state.types.replacing(new.name, with: new.value) }
        changes.append(
            Change(
                kind: previous == nil ? .added : .modified, version: version, resource: new, previous: previous,
                stored: text))
        return new
    }

    /// An object that could not be read again could not even be deleted. Owners of fields repeat an object's members, deeper than
    /// they are.
    private func checkReadable(_ resource: Resource, _ text: [UInt8], was old: Resource?) throws {
        if text.count > Self.longestObject, text.count > (old?.value.serialized().count ?? 0) + Self.additions {
            throw StatusError.tooLarge(limit: Self.longestObject)
        }
        guard resource.value.nests(within: JSONLimits.default.maxDepth) else {
            throw StatusError(
                code: 413, reason: .requestEntityTooLarge,
                message: "Request entity too large: \(resource.key) is nested too deeply; its owners of fields "
                    + "included, at most \(JSONLimits.default.maxDepth) levels are kept")
        }
    }

    /// Twice a request's longest body: owners of fields take room.
    private static let longestObject = 6 << 20
    /// What a long object of an older program may take on, so that it can be marked and deleted.
    private static let additions = 64 << 10

    /// Removes the object; the returned last state carries the version of the deletion.
    func remove(_ resource: Resource, row: Int64?) throws -> Resource {
        var last = resource
        let version = try state.nextVersion()
        last.setMetadata("resourceVersion", .string(String(version)))
        if let row { try table.delete(row) } else { state.events.remove(resource.key) }
        if resource.type == .namespace { state.namespaces[resource.name] = nil }
        changes.append(
            Change(
                kind: .deleted, version: version, resource: last, previous: resource,
                stored: row == nil ? nil : last.value.serialized()))
        if resource.type == .customResourceDefinition {
            state.types = state.types.replacing(resource.name, with: nil)
            try settleOthers(than: resource)
        }
        return last
    }

    func row(_ key: ResourceKey) throws -> (resource: Resource, row: Int64?) {
        if key.type == .event, let found = state.events.find(key) { return (found, nil) }
        guard key.type != .event, let found = try table.find(key) else { throw StatusError.notFound(key) }
        return (found.resource, found.id)
    }
}
