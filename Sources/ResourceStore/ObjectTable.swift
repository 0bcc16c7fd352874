internal import JSON
internal import Resources
internal import SQLite

/// The rows of the objects that are kept on disk.
struct ObjectTable {
    struct Row {
        let id: Int64
        let resource: Resource
    }

    let connection: Connection
    /// What the types of rows are found in.
    var types: TypeCatalog

    func find(_ key: ResourceKey) throws -> Row? {
        let sql = "SELECT id, json FROM objects WHERE type = ? AND namespace = ? AND name = ?"
        let row = try connection.first(sql, Self.bindings(key)) { ($0.integer(0), $0.bytes(1)) }
        return try row.map { Row(id: $0.0, resource: try Self.decode($0.1, key)) }
    }

    func exists(_ key: ResourceKey) throws -> Bool {
        let sql = "SELECT 1 FROM objects WHERE type = ? AND namespace = ? AND name = ?"
        return try connection.first(sql, Self.bindings(key)) { _ in true } ?? false
    }

    /// Ordered by namespace and name; objects that `isWanted` refuses are left out.
    func list(_ type: ResourceType, namespace: String?, _ isWanted: (Resource) -> Bool) throws -> [Resource] {
        let sql = "SELECT json, name FROM objects WHERE type = ?"
        let scope = namespace == nil ? " ORDER BY namespace, name" : " AND namespace = ? ORDER BY name"
        let bindings: [DatabaseValue] = [.text(type.qualifiedName)] + (namespace.map { [.text($0)] } ?? [])
        var found: [Resource] = []
        try connection.forEach(sql + scope, bindings) { row in
            let key = ResourceKey(type: type, namespace: namespace, name: row.text(1))
            let resource = try Self.decode(row.bytes(0), key)
            if isWanted(resource) { found.append(resource) }
        }
        return found
    }

    /// At most `limit` objects after a position, in order.
    func list(
        _ type: ResourceType, namespace: String?, after position: ListPosition?, limit: Int
    ) throws -> [Resource] {
        let (sql, bindings) = Self.after(position, type, namespace)
        var found: [Resource] = []
        try connection.forEach(
            "SELECT json, namespace, name FROM objects \(sql) ORDER BY namespace, name LIMIT ?",
            bindings + [.integer(Int64(limit))]
        ) { row in
            let key = ResourceKey(type: type, namespace: row.text(1), name: row.text(2))
            found.append(try Self.decode(row.bytes(0), key))
        }
        return found
    }

    func count(_ type: ResourceType, namespace: String?, after position: ListPosition) throws -> Int {
        let (sql, bindings) = Self.after(position, type, namespace)
        return try connection.first("SELECT count(*) FROM objects \(sql)", bindings) { Int($0.integer(0)) } ?? 0
    }

    private static func after(
        _ position: ListPosition?, _ type: ResourceType, _ namespace: String?
    ) -> (sql: String, bindings: [DatabaseValue]) {
        var sql = "WHERE type = ?"
        var bindings: [DatabaseValue] = [.text(type.qualifiedName)]
        if let namespace {
            sql += " AND namespace = ?"
            bindings.append(.text(namespace))
        }
        if let position {
            sql += " AND (namespace, name) > (?, ?)"
            bindings += [.text(position.namespace), .text(position.name)]
        }
        return (sql, bindings)
    }

    func insert(_ resource: Resource, version: Int64, text: [UInt8]) throws {
        try connection.execute(
            "INSERT INTO objects (type, namespace, name, uid, version, json) VALUES (?, ?, ?, ?, ?, ?)",
            Self.bindings(resource.key) + [.text(resource.uid), .integer(version), .utf8(text)])
        try setOwners(resource.ownerUIDs, of: connection.lastInsertedRow)
    }

    func update(_ id: Int64, _ resource: Resource, was old: Resource, version: Int64, text: [UInt8]) throws {
        try connection.execute(
            "UPDATE objects SET version = ?, json = ? WHERE id = ?", [.integer(version), .utf8(text), .integer(id)])
        guard resource.ownerUIDs != old.ownerUIDs else { return }
        try connection.execute("DELETE FROM owners WHERE object = ?", [.integer(id)])
        try setOwners(resource.ownerUIDs, of: id)
    }

    func delete(_ id: Int64) throws { try connection.execute("DELETE FROM objects WHERE id = ?", [.integer(id)]) }

    private func setOwners(_ owners: [String], of id: Int64) throws {
        for owner in Set(owners) {
            try connection.execute("INSERT INTO owners (owner, object) VALUES (?, ?)", [.text(owner), .integer(id)])
        }
    }

    /// Objects that name `uid` among their owners.
    func dependents(of uid: String) throws -> [Resource] {
        try resources(
            "SELECT o.type, o.namespace, o.name, o.json FROM owners w JOIN objects o ON o.id = w.object WHERE w.owner = ?",
            [.text(uid)])
    }

    func content(ofNamespace namespace: String) throws -> [Resource] {
        try resources("SELECT type, namespace, name, json FROM objects WHERE namespace = ?", [.text(namespace)])
    }

    /// Whether a namespace has an object beside one that is not counted.
    func hasContent(ofNamespace namespace: String, beside key: ResourceKey) throws -> Bool {
        try connection.first(
            "SELECT 1 FROM objects WHERE namespace = ? AND NOT (type = ? AND name = ?) LIMIT 1",
            [.text(namespace), .text(key.type.qualifiedName), .text(key.name)]
        ) { _ in true } ?? false
    }

    func uidExists(_ uid: String) throws -> Bool {
        try connection.first("SELECT 1 FROM objects WHERE uid = ?", [.text(uid)]) { _ in true } ?? false
    }

    /// Rows of types that this version does not know are passed over.
    private func resources(_ sql: String, _ bindings: [DatabaseValue]) throws -> [Resource] {
        var found: [Resource] = []
        try connection.forEach(sql, bindings) { row in
            guard let type = types.stored(row.text(0)) else { return }
            let key = ResourceKey(type: type, namespace: row.text(1), name: row.text(2))
            found.append(try Self.decode(row.bytes(3), key))
        }
        return found
    }

    private static func bindings(_ key: ResourceKey) -> [DatabaseValue] {
        [.text(key.type.qualifiedName), .text(key.namespace ?? ""), .text(key.name)]
    }

    private static func decode(_ bytes: [UInt8], _ key: ResourceKey) throws -> Resource {
        do { return Resource(value: try JSONValue(parsing: bytes), type: key.type) } catch {
            throw StatusError.undecodable(key, error)
        }
    }
}
