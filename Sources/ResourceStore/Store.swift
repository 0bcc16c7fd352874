internal import JSON
internal import Linux
public import Resources
public import SQLite
internal import Synchronization

/// The objects of one device or one hub: versions that only grow, optimistic locking, deletion rules and watches.
///
/// It runs on a thread of its own; a call is one hop. A write has been committed and synced when it returns. Nothing is
/// written when nothing changes, and Event objects are never written. All failures that a client may cause are
/// ``StatusError``s in Kubernetes' words; a full disk is a 507 and leaves the store as it was.
public actor Store {
    private nonisolated let executor: ThreadExecutor
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let state: StoreState
    private var waiting: [PendingWrite] = []
    nonisolated let broadcast: WatchBroadcast
    private nonisolated let catalog: Mutex<TypeCatalog>
    /// The types that are stored and served now; readable without waiting for the store's thread.
    public nonisolated var types: TypeCatalog { catalog.withLock { $0 } }
    /// What opening the database had to do.
    public nonisolated let recovery: Recovery
    /// The database file.
    public nonisolated let path: String

    /// Opens or creates the database. Blocking.
    ///
    /// - Parameters:
    ///   - migrations: tables of other modules in the same file; their ids are unique across modules.
    ///   - holdsMirrors: whether it is a hub's, with mirrors of devices' objects.
    ///   - cluster: what is added to objects; nil for a hub, which adds nothing.
    ///   - historyLimit: changes kept in memory for clients that list and then watch.
    /// - Throws: ``SQLiteError``, `.newerSchema` when a newer program wrote the database.
    public init(
        path: String, migrations extra: [Migration] = [], holdsMirrors: Bool = false,
        cluster: ClusterSettings? = nil, historyLimit: Int = 4096,
        environment: StoreEnvironment = .system
    ) throws {
        let database = Database(path: path, migrations: StoreSchema.migrations + extra)
        let state = try StoreState(
            database: database, environment: environment, holdsMirrors: holdsMirrors, cluster: cluster)
        self.path = path
        recovery = state.recovery
        broadcast = WatchBroadcast(historyLimit: historyLimit, version: state.versions.current)
        catalog = Mutex(state.types)
        executor = ThreadExecutor(name: "store")
        self.state = state
    }

    /// Ends all watches and closes the database, so that the next start need not check it.
    public func close() {
        broadcast.finish()
        state.close()
    }

    /// The version of the latest change.
    public nonisolated var latestVersion: String { String(broadcast.latest) }

    // MARK: Damage

    /// Whether committed objects were lost to damage, and nobody has looked yet for what can be found again elsewhere.
    public func missesObjects() throws -> Bool { try state.missesObjects }

    /// Says that what could be found again was written.
    public func foundLostObjects() throws { try state.foundLostObjects() }

    // MARK: Reading

    /// The object, or 404.
    public func get(_ key: ResourceKey) throws -> Resource { try state.read { try $0.get(key) } }

    /// The object, nil when there is none.
    public func find(_ key: ResourceKey) throws -> Resource? { try state.read { try $0.find(key) } }

    /// Objects of a type in one namespace, or in all; watching since the list's version misses nothing.
    public func list(
        _ type: ResourceType, namespace: String? = nil, labels: LabelSelectorQuery? = nil,
        fields: FieldSelectorQuery? = nil
    ) throws -> ResourceList {
        if type == .event { try removeSurplusEvents() }
        let items = try state.read { transaction in
            if let name = fields?.requiredName, let namespace = namespace ?? (type.namespaced ? nil : "") {
                let key = ResourceKey(type: type, namespace: namespace, name: name)
                return try transaction.find(key).map { [$0] }?.filter {
                    (labels?.matches($0) ?? true) && (fields?.matches($0) ?? true)
                } ?? []
            }
            return try transaction.list(type, namespace: namespace, labels: labels, fields: fields)
        }
        return ResourceList(items: items, resourceVersion: String(state.versions.current))
    }

    /// The version of the state that a list of a type shows now.
    func presentVersion(of type: ResourceType) throws -> Int64 {
        if type == .event { try removeSurplusEvents() }
        return state.versions.current
    }

    func read<T>(_ body: (StoreTransaction) throws -> T) throws -> T { try state.read(body) }

    /// Objects that name `uid` among their owners.
    public func dependents(of uid: String) throws -> [Resource] { try state.read { try $0.dependents(of: uid) } }

    // MARK: Writing

    /// Stores a new object and returns it with uid (kept when set), creation time, version and generation.
    ///
    /// An empty name with `generateName` gets one. Throws 409 when it exists, 404 without its namespace, 403 when the
    /// namespace is being deleted.
    public func create(_ resource: Resource, dryRun: Bool = false) async throws -> Resource {
        try await write(resource.type, dryRun: dryRun) { try $0.create(resource) }
    }

    /// Replaces an object.
    ///
    /// An empty `resourceVersion` is unconditional, another one than the present is 409. `.status` touches only the
    /// status, everything else keeps it. A replacement that changes nothing returns the old object and writes nothing.
    /// A marked object whose last finalizer goes is removed.
    ///
    /// - Parameter takesOwners: `managedFields` are taken with a status, too. For conditional writes: they belong to one state.
    public func replace(
        _ resource: Resource, subresource: Subresource = .none, takesOwners: Bool = false, dryRun: Bool = false
    ) async throws -> Resource {
        try await write(resource.type, dryRun: dryRun) {
            try $0.replace(resource, subresource: subresource, takesOwners: takesOwners)
        }
    }

    /// Changes the present object in one step; `change` sees its latest state, so there is no conflict.
    @discardableResult
    public func update(
        _ key: ResourceKey, subresource: Subresource = .none,
        _ change: @escaping @Sendable (inout Resource) throws -> Void
    ) async throws -> Resource {
        try await write(key.type, dryRun: false) { try $0.update(key, subresource: subresource, change) }
    }

    /// Deletes an object, or marks it when something has to happen first.
    ///
    /// A pod that is bound to a node and has not ended is marked: its agent stops it and deletes it with a grace period
    /// of 0. Finalizers hold any object. Foreground and orphan propagation work through finalizers that the garbage
    /// collector (Workloads) serves.
    @discardableResult
    public func delete(_ key: ResourceKey, _ options: DeleteOptions = DeleteOptions()) async throws -> DeleteOutcome {
        do {
            return try await write(key.type, dryRun: options.dryRun) { try $0.delete(key, options) }
        } catch let error as StatusError where error.code == 507 {
            // What frees space gets a second try with the reserve given back.
            let (outcome, changes) = try state.freeingTransaction(commit: !options.dryRun) {
                try $0.delete(key, options)
            }
            publish(changes)
            return outcome
        }
    }

    /// Several changes in one database transaction; watchers see them after the commit, in order.
    ///
    /// - Parameter dryRun: Everything is checked and nothing kept.
    @discardableResult
    public func transaction<T: Sendable>(
        dryRun: Bool = false, _ body: @Sendable (StoreTransaction) throws -> T
    ) throws -> T {
        let (result, changes) = try state.transaction(commit: !dryRun) { try body($0) }
        publish(changes)
        return result
    }

    /// For a module's own tables: blocking work on the store's thread.
    @discardableResult
    public func withDatabase<T: Sendable>(_ body: @Sendable (Connection) throws -> T) throws -> T {
        do { return try body(try state.connection()) } catch { throw StoreState.translated(error) }
    }

    private func write<T: Sendable>(
        _ type: ResourceType, dryRun: Bool, _ body: @escaping @Sendable (StoreTransaction) throws -> T
    ) async throws -> T {
        guard type == .event || dryRun else { return try await grouped(body) }
        let (result, changes) = try dryRun ? state.transaction(commit: false, body) : state.volatile(body)
        publish(changes)
        return result
    }

    /// - Returns: whether it is the first one that waits.
    func enqueue(_ write: PendingWrite) -> Bool {
        waiting.append(write)
        return waiting.count == 1
    }

    func takeWaiting(upTo limit: Int) -> [PendingWrite] {
        let batch = Array(waiting.prefix(limit))
        waiting.removeFirst(batch.count)
        return batch
    }

    func transactionOfParts<T>(
        _ parts: [(StoreTransaction) throws -> T]
    ) throws -> ([Result<T, any Error>], [Change]) {
        try state.transaction { transaction in
            // One change needs no part of its own: what it throws takes back the whole.
            guard parts.count > 1 else { return [.success(try parts[0](transaction))] }
            return try parts.map { try transaction.part($0) }
        }
    }

    /// Who hears of a change finds the types that go with it.
    func publish(_ changes: [Change]) {
        let definitions = changes.filter { $0.resource.type == .customResourceDefinition }
        if !definitions.isEmpty {
            let types = state.types
            catalog.withLock { $0 = types }
        }
        broadcast.publish(changes)
        // Watches serve objects by the definition that they began with: their clients begin anew.
        for change in definitions
        where change.previous?.value["spec"] != change.resource.value["spec"] || change.kind == .deleted {
            broadcast.endWatches(of: change.resource.name)
        }
    }

    // MARK: Events

    /// Notes that something happened to an object; a repetition counts up the event that is there.
    func record(_ occurrence: Occurrence) throws {
        let (_, changes) = try state.volatile { try $0.record(occurrence) }
        broadcast.publish(changes)
        try removeSurplusEvents()
    }

    private func removeSurplusEvents() throws {
        let surplus = state.events.surplus(at: state.environment.uptime())
        guard !surplus.isEmpty else { return }
        let (_, changes) = try state.volatile { transaction in
            for key in surplus {
                if let event = try transaction.find(key) { _ = try transaction.remove(event, row: nil) }
            }
        }
        broadcast.publish(changes)
    }

    // MARK: Upkeep

    /// Takes a verified snapshot when the newest one is older than `interval` and something changed; true when it did.
    ///
    /// To be called now and then (hourly is fine): it looks at the present state only.
    @discardableResult
    public func snapshotIfDue(interval: Duration = .seconds(86_400)) throws -> Bool {
        do { return try state.snapshotIfDue(interval: interval.components.seconds) } catch {
            throw StoreState.translated(error)
        }
    }
}
