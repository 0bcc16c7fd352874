public import SQLite

extension HubLink {
    /// The link's tables in state.db; range 200–299.
    public static let migrations: [Migration] = [
        Migration(
            id: 200,
            sql: """
                CREATE TABLE link_revision (
                    id INTEGER PRIMARY KEY CHECK (id = 1),
                    key TEXT NOT NULL,
                    generation INTEGER NOT NULL,
                    number INTEGER NOT NULL,
                    digest TEXT NOT NULL,
                    head BLOB NOT NULL,
                    document BLOB NOT NULL
                );
                CREATE TABLE link_object (
                    api_version TEXT NOT NULL,
                    kind TEXT NOT NULL,
                    namespace TEXT NOT NULL,
                    name TEXT NOT NULL,
                    hash TEXT NOT NULL,
                    PRIMARY KEY (api_version, kind, namespace, name)
                ) WITHOUT ROWID;
                CREATE TABLE link_counter (
                    name TEXT PRIMARY KEY,
                    value INTEGER NOT NULL
                ) WITHOUT ROWID;
                """),
        Migration(
            id: 201,
            sql: """
                CREATE TABLE bundle_object (
                    bundle TEXT NOT NULL,
                    api_version TEXT NOT NULL,
                    kind TEXT NOT NULL,
                    namespace TEXT NOT NULL,
                    name TEXT NOT NULL,
                    hash TEXT NOT NULL,
                    PRIMARY KEY (bundle, api_version, kind, namespace, name)
                ) WITHOUT ROWID;
                """),
    ]
}
