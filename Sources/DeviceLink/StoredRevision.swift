internal import FleetProtocol
import JSON
internal import Linux
internal import ResourceStore
import SQLite

/// The committed revision: head, document and floor, in one row.
struct StoredRevision: Sendable {
    let head: Head
    let headBytes: [UInt8]
    let document: Document
    let documentBytes: [UInt8]

    var floor: RevisionFloor { head.floor }

    /// The row, when it was signed by `keyID`: a floor of another fleet says nothing here.
    static func load(_ connection: Connection, keyID: String) throws -> StoredRevision? {
        let row = try connection.first(
            "SELECT head, document FROM link_revision WHERE id = 1 AND key = ?", [.text(keyID)]
        ) {
            ($0.bytes(0), $0.bytes(1))
        }
        guard let (headBytes, documentBytes) = row else { return nil }
        let head = try Head(payload: SignedEnvelope(parsing: headBytes).payload)
        return StoredRevision(
            head: head, headBytes: headBytes, document: try Document(parsing: documentBytes),
            documentBytes: documentBytes)
    }

    /// Only the row's floor, without parsing its document.
    static func loadFloor(_ connection: Connection, keyID: String) throws -> RevisionFloor? {
        try connection.first(
            "SELECT generation, number, digest FROM link_revision WHERE id = 1 AND key = ?", [.text(keyID)]
        ) { row in
            ContentDigest(row.text(2)).map {
                RevisionFloor(
                    revision: Revision(generation: row.integer(0), number: row.integer(1)), digest: $0)
            }
        } ?? nil
    }

    func save(_ connection: Connection, keyID: String) throws {
        try connection.execute(
            """
            INSERT INTO link_revision (id, key, generation, number, digest, head, document) VALUES (1, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET key = excluded.key, generation = excluded.generation,
                number = excluded.number, digest = excluded.digest, head = excluded.head, document = excluded.document
            """,
            [
                .text(keyID), .integer(head.revision.generation), .integer(head.revision.number),
                .text(head.digest.text), .blob(headBytes), .blob(documentBytes),
            ])
    }
}

/// Numbers that outlive the process: the connection epoch and the trusted time.
enum LinkCounter {
    static func read(_ connection: Connection, _ name: String) throws -> Int64 {
        try connection.first("SELECT value FROM link_counter WHERE name = ?", [.text(name)]) { $0.integer(0) } ?? 0
    }

    static func write(_ connection: Connection, _ name: String, _ value: Int64) throws {
        try connection.execute(
            "INSERT INTO link_counter (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [.text(name), .integer(value)])
    }
}

/// The rollback floor's second copy, outside the database: a database restored from its snapshot must not lower the floor.
struct FloorFile: Sendable {
    let path: String
    let keyID: String

    /// Nil when there is none, or one of another fleet. A damaged copy counts as none: the database's floor still stands.
    func read() -> RevisionFloor? {
        guard let bytes = try? Files.read(path, limit: 4096), let value = try? JSONValue(parsing: bytes),
            value["key"]?.stringValue == keyID
        else { return nil }
        return try? value["floor"]?.decode()
    }

    func write(_ floor: RevisionFloor) throws {
        let value: JSONValue = ["key": .string(keyID), "floor": try JSONValue(encoding: floor)]
        try Files.writeAtomically(value.serialized(), to: path)
    }
}
