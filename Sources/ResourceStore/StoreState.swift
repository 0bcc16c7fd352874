internal import JSON
internal import Linux
internal import Resources
internal import SQLite

/// Everything behind the actor: the connection and the little that is kept in memory.
final class StoreState {
    /// Versions are reserved on disk in blocks, so that those given to objects in memory never come again after a crash.
    struct Versions {
        static let block: Int64 = 1_000
        var current: Int64
        var reserved: Int64
    }

    private let database: Database
    private var openConnection: Connection
    let environment: StoreEnvironment
    let holdsMirrors: Bool
    let cluster: ClusterSettings?
    var versions: Versions
    /// Known namespaces; true for one that is being deleted.
    var namespaces: [String: Bool] = [:]
    var events = VolatileEvents()
    /// What is stored here: built-in types, and those of the definitions among the objects.
    var types = TypeCatalog.builtIn
    private var snapshotBase: Int64 = -1
    private var snapshotUptime: Int64
    let recovery: Recovery
    private let reserve: DiskReserve
    private var reserveIsFilled: Bool

    init(
        database: Database, environment: StoreEnvironment, holdsMirrors: Bool, cluster: ClusterSettings?
    ) throws {
        self.database = database
        self.environment = environment
        self.holdsMirrors = holdsMirrors
        self.cluster = cluster
        let (connection, recovery) = try database.open()
        openConnection = connection
        self.recovery = recovery
        versions = Versions(current: 0, reserved: 0)
        reserve = DiskReserve(path: database.path + ".reserve")
        reserveIsFilled = reserve.fill()
        snapshotUptime = environment.uptime()
        if try connection.unsettledLoss() & Loss.versions != 0 { try skipLostVersions() }
        try load()
    }

    /// The connection; a dead one (failed sync) is replaced by opening and checking the file anew.
    func connection() throws -> Connection {
        if openConnection.isDead {
            openConnection.close()
            openConnection = try database.open().connection
            try load()
        }
        return openConnection
    }

    var path: String { database.path }

    private func load() throws {
        let reserved = try openConnection.first("SELECT value FROM meta WHERE key = 'reserved'") { $0.integer(0) } ?? 0
        versions.reserved = reserved
        versions.current = max(versions.current, reserved)
        namespaces = [:]
        let table = ObjectTable(connection: openConnection, types: .builtIn)
        types = TypeCatalog(try table.list(.customResourceDefinition, namespace: nil) { _ in true }.lazy.map(\.value))
        for namespace in try table.list(.namespace, namespace: nil, { _ in true }) {
            namespaces[namespace.name] = namespace.isTerminating
        }
    }

    /// What a loss of content asks for.
    private enum Loss {
        static let versions: Int64 = 1
        static let objects: Int64 = 2
    }

    /// After a restore the versions given out since the snapshot are unknown: jump far past them.
    private func skipLostVersions() throws {
        let now = max(environment.now(), 0)
        try openConnection.transaction {
            try openConnection.execute(
                "UPDATE meta SET value = max(value, ?) + 1000000000 WHERE key = 'reserved'", [.integer(now)])
            try openConnection.settleLoss(Loss.versions)
        }
    }

    /// Whether content was lost, and ``foundLostObjects()`` was not called since.
    var missesObjects: Bool { get throws { try connection().unsettledLoss() & Loss.objects != 0 } }

    func foundLostObjects() throws { try connection().settleLoss(Loss.objects) }

    func nextVersion() throws -> Int64 {
        let next = versions.current + 1
        if next > versions.reserved {
            let reserved = next + Versions.block
            try connection().execute("UPDATE meta SET value = ? WHERE key = 'reserved'", [.integer(reserved)])
            versions.reserved = reserved
        }
        versions.current = next
        return next
    }

    /// A transaction that frees space: on a full disk it gets a second try with the reserve given back.
    func freeingTransaction<T>(
        commit: Bool, _ body: (StoreTransaction) throws -> T
    ) throws -> (T, [Change]) {
        do { return try transaction(commit: commit, body) } catch let error as StatusError where error.code == 507 {
            guard reserve.release() else { throw error }
            reserveIsFilled = false
            return try transaction(commit: commit, body)
        }
    }

    /// One SQLite transaction; what memory holds is put back when it fails. `commit: false` is a dry run.
    func transaction<T>(commit: Bool = true, _ body: (StoreTransaction) throws -> T) throws -> (T, [Change]) {
        let connection = try connection()
        let saved = (versions, namespaces, events)
        let savedTypes = types
        let transaction = StoreTransaction(state: self, connection: connection)
        var dryResult: T?
        do {
            let result = try connection.transaction {
                let result = try body(transaction)
                guard commit else {
                    dryResult = result
                    throw DryRun()
                }
                return result
            }
            return (result, transaction.changes)
        } catch {
            (versions, namespaces, events) = saved
            types = savedTypes
            if error is DryRun, let dryResult { return (dryResult, []) }
            throw Self.translated(error)
        }
    }

    private struct DryRun: Error {}

    /// A change of objects that live in memory only: no SQLite transaction, nothing to put back.
    func volatile<T>(_ body: (StoreTransaction) throws -> T) throws -> (T, [Change]) {
        let transaction = StoreTransaction(state: self, connection: try connection())
        do { return (try body(transaction), transaction.changes) } catch { throw Self.translated(error) }
    }

    func read<T>(_ body: (StoreTransaction) throws -> T) throws -> T {
        do { return try body(StoreTransaction(state: self, connection: try connection())) } catch {
            throw Self.translated(error)
        }
    }

    static func translated(_ error: any Error) -> any Error {
        (error as? SQLiteError).map { StatusError.storage($0) } ?? error
    }

    /// See ``Store/snapshotIfDue(interval:)``; takes the reserve back as well.
    func snapshotIfDue(interval: Int64) throws -> Bool {
        if !reserveIsFilled { reserveIsFilled = reserve.fill() }
        let connection = try connection()
        let snapshots = Snapshots(of: database.path)
        guard connection.totalChanges != snapshotBase else { return false }
        let age = snapshots.newestTime.map { abs(environment.now() - $0) } ?? interval
        guard age >= interval || environment.uptime() - snapshotUptime >= interval else { return false }
        _ = try snapshots.take(from: connection)
        snapshotBase = connection.totalChanges
        snapshotUptime = environment.uptime()
        return true
    }

    func close() { openConnection.close() }
}
