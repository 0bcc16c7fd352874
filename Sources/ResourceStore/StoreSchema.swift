internal import SQLite

/// The store's own tables. Steps are never edited once shipped; new ones are added with the next id below 100.
enum StoreSchema {
    static let migrations = [
        Migration(
            id: 1,
            sql: """
                CREATE TABLE objects (
                    id INTEGER PRIMARY KEY,
                    type TEXT NOT NULL,
                    namespace TEXT NOT NULL,
                    name TEXT NOT NULL,
                    uid TEXT NOT NULL,
                    version INTEGER NOT NULL,
                    json TEXT NOT NULL,
                    UNIQUE (type, namespace, name)
                );
                CREATE INDEX objects_namespace ON objects (namespace);
                CREATE INDEX objects_uid ON objects (uid);
                CREATE TABLE owners (
                    owner TEXT NOT NULL,
                    object INTEGER NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
                    PRIMARY KEY (owner, object)
                ) WITHOUT ROWID;
                CREATE INDEX owners_object ON owners (object);
                CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
                INSERT INTO meta (key, value) VALUES ('reserved', 0);
                """)
    ]
}
