internal import FleetProtocol
internal import ResourceStore
internal import Resources
internal import SQLite

/// Where objects of the device come from, other than from the device itself: what marks them, and the record of what was
/// sent, by which changes and removals are told from what was changed here.
public enum ObjectOrigin: Hashable, Sendable {
    case hub
    /// A bundle that needs no hub, by its name.
    case bundle(String)

    /// The value of `wherry.dev/owner`.
    var owner: String {
        switch self {
        case .hub: WherryLabels.ownerHub
        case .bundle(let name): WherryLabels.ownerBundlePrefix + name
        }
    }

    /// Who its writes are by, among the owners of fields.
    var fieldManager: String {
        switch self {
        case .hub: "wherry-hub"
        case .bundle: "wherry-bundle"
        }
    }

    /// The annotation that says which version of the object was sent.
    var hashAnnotation: String {
        switch self {
        case .hub: WherryLabels.hubHash
        case .bundle: WherryLabels.bundleHash
        }
    }

    private var table: String {
        switch self {
        case .hub: "link_object"
        case .bundle: "bundle_object"
        }
    }

    /// The column that tells bundles apart.
    private var scope: (columns: [String], values: [DatabaseValue]) {
        switch self {
        case .hub: ([], [])
        case .bundle(let name): (["bundle"], [.text(name)])
        }
    }

    private func matching(_ columns: [String]) -> String {
        let all = scope.columns + columns
        return all.isEmpty ? "" : " WHERE " + all.map { "\($0) = ?" }.joined(separator: " AND ")
    }

    private static let key = ["api_version", "kind", "namespace", "name"]

    // MARK: The record of what was sent

    func known(_ transaction: StoreTransaction) throws -> [ResourceKey: String] {
        var known: [ResourceKey: String] = [:]
        let sql = "SELECT api_version, kind, namespace, name, hash FROM \(table)" + matching([])
        let types = transaction.types
        try transaction.connection.forEach(sql, scope.values) { row in
            guard let type = types.storing(apiVersion: row.text(0), kind: row.text(1)) else { return }
            let key = ResourceKey(type: type, namespace: type.namespaced ? row.text(2) : nil, name: row.text(3))
            known[key] = row.text(4)
        }
        return known
    }

    func remember(_ key: ResourceKey, _ hash: String, _ connection: Connection) throws {
        // Its row may stand under another version of its kind.
        if key.type.custom != nil { try forget(key, connection) }
        let columns = scope.columns + Self.key
        let marks = repeatElement("?", count: columns.count + 1).joined(separator: ", ")
        try connection.execute(
            """
            INSERT INTO \(table) (\(columns.joined(separator: ", ")), hash) VALUES (\(marks))
            ON CONFLICT (\(columns.joined(separator: ", "))) DO UPDATE SET hash = excluded.hash
            """, scope.values + key.columns + [.text(hash)])
    }

    /// Of a custom kind the rows of all versions go: the stored one may have changed since.
    func forget(_ key: ResourceKey, _ connection: Connection) throws {
        guard key.type.custom != nil else {
            try connection.execute("DELETE FROM \(table)" + matching(Self.key), scope.values + key.columns)
            return
        }
        let group = key.type.group + "/"
        let columns = ["substr(api_version, 1, \(group.utf8.count))"] + Self.key.dropFirst()
        try connection.execute(
            "DELETE FROM \(table)" + matching(columns), scope.values + [.text(group)] + key.columns.dropFirst())
    }
}
