internal import FleetProtocol
internal import SQLite

/// What is installed of a bundle, in `state.db`: committed in one transaction with its objects.
struct BundleRevision: Sendable, Hashable {
    /// What objects a bundle had, by its number.
    struct Content: Sendable, Hashable {
        let sequence: Int64
        let digest: String
        let document: [UInt8]
    }

    enum State: String, Sendable {
        /// Committed; its workloads are not judged yet.
        case trial
        /// Its workloads were ready, or there is nothing to judge.
        case healthy
        /// Put back after a later one failed; some objects still have to come.
        case restoring
    }

    let name: String
    var current: Content
    var state: State
    /// What comes back when `current` fails; nil when there was nothing.
    var previous: Content?

    /// The last that was ready: nothing older is taken. What failed does not raise it.
    var floor: Content? { state == .trial ? previous : current }

    /// How a bundle stands to what is here.
    enum Standing: Hashable {
        case newer, current, older, equivocation
    }

    static func standing(sequence: Int64, digest: String, over installed: BundleRevision?) -> Standing {
        guard let installed else { return .newer }
        if sequence == installed.current.sequence {
            return digest == installed.current.digest ? .current : .equivocation
        }
        // A trial that was overtaken by an older bundle than itself is judged by what was ready before.
        guard let floor = installed.floor else { return .newer }
        if sequence == floor.sequence { return digest == floor.digest ? .newer : .equivocation }
        return sequence > floor.sequence ? .newer : .older
    }
}

extension BundleRevision {
    /// The tables of this module in `state.db`; range 400–499.
    static let migrations = [
        Migration(
            id: 400,
            sql: """
                CREATE TABLE bundle_revision (
                    name TEXT PRIMARY KEY,
                    sequence INTEGER NOT NULL,
                    digest TEXT NOT NULL,
                    document BLOB NOT NULL,
                    state TEXT NOT NULL,
                    previous_sequence INTEGER,
                    previous_digest TEXT,
                    previous_document BLOB
                ) WITHOUT ROWID;
                """)
    ]

    private static let columns =
        "name, sequence, digest, document, state, previous_sequence, previous_digest, previous_document"

    static func find(_ name: String, _ connection: Connection) throws -> BundleRevision? {
        try connection.first("SELECT \(columns) FROM bundle_revision WHERE name = ?", [.text(name)]) {
            try BundleRevision($0)
        }
    }

    static func all(_ connection: Connection) throws -> [BundleRevision] {
        try connection.query("SELECT \(columns) FROM bundle_revision ORDER BY name", []) { try BundleRevision($0) }
    }

    private init(_ row: Row) throws {
        name = row.text(0)
        current = Content(sequence: row.integer(1), digest: row.text(2), document: row.bytes(3))
        guard let state = State(rawValue: row.text(4)) else {
            throw BundleError(
                .storage, "bundle \(row.text(0)) has a state that this version does not know: update Wherry here")
        }
        self.state = state
        previous = row.optionalText(6).map {
            Content(sequence: row.integer(5), digest: $0, document: row.bytes(7))
        }
    }

    func save(_ connection: Connection) throws {
        try connection.execute(
            """
            INSERT INTO bundle_revision (\(Self.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET sequence = excluded.sequence, digest = excluded.digest,
                document = excluded.document, state = excluded.state, previous_sequence = excluded.previous_sequence,
                previous_digest = excluded.previous_digest, previous_document = excluded.previous_document
            """,
            [
                .text(name), .integer(current.sequence), .text(current.digest), .blob(current.document),
                .text(state.rawValue), .integer(orNull: previous?.sequence), .text(orNull: previous?.digest),
                previous.map { .blob($0.document) } ?? .null,
            ])
    }

    func remove(_ connection: Connection) throws {
        try connection.execute("DELETE FROM bundle_revision WHERE name = ?", [.text(name)])
    }
}
