internal import SQLite

/// The hub's tables in `state.db`. Shipped steps are never edited; new ones take the next id up to 399.
enum FleetSchema {
    static let migrations = [
        Migration(
            id: 300,
            sql: """
                CREATE TABLE fleet_settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
                CREATE TABLE fleet_tokens (
                    hash TEXT PRIMARY KEY,
                    hub TEXT NOT NULL,
                    expires INTEGER NOT NULL,
                    device TEXT,
                    request TEXT
                ) WITHOUT ROWID;
                CREATE TABLE fleet_devices (
                    device TEXT PRIMARY KEY,
                    generation INTEGER NOT NULL DEFAULT 1,
                    revision INTEGER NOT NULL DEFAULT 0,
                    digest TEXT,
                    document BLOB,
                    head BLOB,
                    acked_generation INTEGER NOT NULL DEFAULT 0,
                    acked_revision INTEGER NOT NULL DEFAULT 0,
                    acked_level TEXT,
                    ack_code TEXT,
                    ack_message TEXT,
                    epoch INTEGER NOT NULL DEFAULT 0,
                    events INTEGER NOT NULL DEFAULT 0,
                    serial TEXT NOT NULL,
                    public_key TEXT NOT NULL,
                    certificate TEXT NOT NULL,
                    enrolled INTEGER NOT NULL
                );
                CREATE TABLE fleet_revoked (
                    serial TEXT PRIMARY KEY,
                    device TEXT NOT NULL,
                    revoked INTEGER NOT NULL
                ) WITHOUT ROWID;
                CREATE TABLE fleet_reported (
                    device TEXT NOT NULL,
                    kind TEXT NOT NULL,
                    namespace TEXT NOT NULL,
                    name TEXT NOT NULL,
                    json TEXT NOT NULL,
                    PRIMARY KEY (device, kind, namespace, name)
                ) WITHOUT ROWID;
                CREATE INDEX fleet_reported_object ON fleet_reported (kind, namespace, name);
                """),
        // The registry asks with each pull who shows a certificate.
        Migration(id: 310, sql: "CREATE INDEX fleet_devices_serial ON fleet_devices (serial)"),
    ]
}
