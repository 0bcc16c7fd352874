/// One step of a schema: its number never changes meaning, its SQL never changes once shipped.
public struct Migration: Sendable, Hashable {
    /// Unique in the database; ranges belong to modules (store 1–99, images 100–199, link 200–299, hub 300–399).
    public let id: Int
    /// One or more statements, run in one transaction with the record that they ran.
    public let sql: String

    public init(id: Int, sql: String) {
        self.id = id
        self.sql = sql
    }
}

/// Brings a database to the schema this program knows, and refuses one that a newer program wrote.
public struct Migrator: Sendable {
    /// Format of the record itself, in `user_version`.
    private static let format: Int64 = 1
    private let migrations: [Migration]

    public init(_ migrations: [Migration]) {
        self.migrations = migrations.sorted { $0.id < $1.id }
        precondition(Set(migrations.map(\.id)).count == migrations.count, "two migrations have the same id")
    }

    /// Applies what is missing, in the order of the ids and in one transaction; writes nothing when nothing is missing.
    ///
    /// Throws `.newerSchema` when the database holds a step that this program does not know.
    public func run(on connection: Connection) throws {
        let plan = try plan(for: connection)
        guard plan.isNew || !plan.missing.isEmpty else { return }
        try connection.transaction {
            if plan.isNew {
                try connection.execute("CREATE TABLE migrations (id INTEGER PRIMARY KEY)")
                try connection.execute("PRAGMA user_version=\(Self.format)")
            }
            for migration in plan.missing {
                try connection.execute(script: migration.sql)
                try connection.execute("INSERT INTO migrations (id) VALUES (?)", [.integer(Int64(migration.id))])
            }
        }
    }

    struct Plan {
        /// Nothing was ever made in it.
        let isNew: Bool
        let missing: [Migration]
    }

    /// What ``run(on:)`` would do. Throws `.newerSchema` as it does.
    func plan(for connection: Connection) throws -> Plan {
        let found = try connection.first("PRAGMA user_version") { $0.integer(0) } ?? 0
        guard found <= Self.format else { throw newer(connection.path, "format \(found)") }
        let applied = found == 0 ? [] : try connection.query("SELECT id FROM migrations") { Int($0.integer(0)) }
        let known = Set(migrations.map(\.id))
        if let unknown = applied.filter({ !known.contains($0) }).min() {
            throw newer(connection.path, "schema step \(unknown)")
        }
        return Plan(isNew: found == 0, missing: migrations.filter { !applied.contains($0.id) })
    }

    private func newer(_ path: String, _ what: String) -> SQLiteError {
        SQLiteError(
            code: .newerSchema,
            message:
                "data directory was written by a newer Wherry: \(path) has \(what), which this version does not know; "
                + "install that newer version again, or use another --data-dir")
    }
}
