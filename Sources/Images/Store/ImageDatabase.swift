internal import OCI
internal import SQLite

/// The index of images in `images.db`; blobs and layer directories are on disk, and what is committed stands here.
struct ImageDatabase {
    /// An image as it is recorded.
    struct Record {
        let id: Digest
        let manifest: Digest
        let layers: [Layer]
        let size: Int64
    }

    struct Layer: Sendable {
        let blob: Digest
        let diffID: Digest
        let chainID: Digest
    }

    static let migrations = [
        Migration(
            id: 100,
            sql: """
                CREATE TABLE images (id TEXT PRIMARY KEY, manifest TEXT NOT NULL) WITHOUT ROWID;
                CREATE TABLE image_layers (
                    image TEXT NOT NULL REFERENCES images ON DELETE CASCADE, position INTEGER NOT NULL,
                    blob TEXT NOT NULL, diff_id TEXT NOT NULL, chain_id TEXT NOT NULL,
                    PRIMARY KEY (image, position)) WITHOUT ROWID;
                CREATE TABLE names (
                    name TEXT PRIMARY KEY, image TEXT NOT NULL REFERENCES images ON DELETE CASCADE) WITHOUT ROWID;
                CREATE INDEX names_image ON names (image);
                CREATE TABLE repository_digests (
                    name TEXT PRIMARY KEY, image TEXT NOT NULL REFERENCES images ON DELETE CASCADE) WITHOUT ROWID;
                CREATE INDEX repository_digests_image ON repository_digests (image);
                CREATE TABLE pins (
                    owner TEXT NOT NULL, image TEXT NOT NULL REFERENCES images ON DELETE CASCADE,
                    PRIMARY KEY (owner, image)) WITHOUT ROWID;
                CREATE TABLE layers (
                    chain_id TEXT PRIMARY KEY, diff_id TEXT NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID;
                """),
        // Layers with an index beside them (ADR 16); a layer of an older version has none.
        Migration(
            id: 110,
            sql: """
                ALTER TABLE layers ADD COLUMN index_digest TEXT;
                ALTER TABLE layers ADD COLUMN index_size INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE layers ADD COLUMN is_rebuildable INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE layers ADD COLUMN checked_round INTEGER NOT NULL DEFAULT 0;
                CREATE INDEX layers_diff ON layers (diff_id);
                CREATE INDEX image_layers_chain ON image_layers (chain_id);
                ALTER TABLE images ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
                CREATE TABLE damage (
                    kind TEXT NOT NULL, digest TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (kind, digest))
                    WITHOUT ROWID;
                CREATE TABLE check_rounds (
                    id INTEGER PRIMARY KEY CHECK (id = 1), round INTEGER NOT NULL, finished_at INTEGER NOT NULL);
                -- What comes now is verified as it comes: the first round is due a period from here.
                INSERT INTO check_rounds (id, round, finished_at)
                    VALUES (1, 0, max(1, CAST(strftime('%s', 'now') AS INTEGER)));
                """),
        trustMigration,
    ]

    let connection: Connection

    init(_ connection: Connection) throws {
        self.connection = connection
        try Migrator(Self.migrations).run(on: connection)
    }

    // MARK: Images

    func ids() throws -> [Digest] {
        try connection.query("SELECT id FROM images ORDER BY id") { try Digest(parsing: $0.text(0)) }
    }

    func record(_ id: Digest) throws -> Record? {
        guard
            let manifest = try connection.first(
                "SELECT manifest FROM images WHERE id = ?", [.text(id.description)], { try Digest(parsing: $0.text(0)) }
            )
        else { return nil }
        let layers = try connection.query(
            "SELECT blob, diff_id, chain_id FROM image_layers WHERE image = ? ORDER BY position",
            [.text(id.description)]
        ) {
            Layer(
                blob: try Digest(parsing: $0.text(0)), diffID: try Digest(parsing: $0.text(1)),
                chainID: try Digest(parsing: $0.text(2)))
        }
        let size = try layers.reduce(into: Int64(0)) { $0 += try layerSize($1.chainID) ?? 0 }
        return Record(id: id, manifest: manifest, layers: layers, size: size)
    }

    /// Records an image whose blobs and layers are in place, together with its names.
    func save(id: Digest, manifest: Digest, layers: [Layer], names: [ImageReference], origins: [String]) throws {
        try connection.transaction {
            try connection.execute(
                "INSERT INTO images (id, manifest) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET manifest = excluded.manifest",
                [.text(id.description), .text(manifest.description)])
            try connection.execute("DELETE FROM image_layers WHERE image = ?", [.text(id.description)])
            for (position, layer) in layers.enumerated() {
                try connection.execute(
                    "INSERT INTO image_layers (image, position, blob, diff_id, chain_id) VALUES (?, ?, ?, ?, ?)",
                    [
                        .text(id.description), .integer(Int64(position)), .text(layer.blob.description),
                        .text(layer.diffID.description), .text(layer.chainID.description),
                    ])
            }
            for name in names { try setName(name, to: id) }
            for origin in origins {
                try connection.execute(
                    "INSERT INTO repository_digests (name, image) VALUES (?, ?) "
                        + "ON CONFLICT (name) DO UPDATE SET image = excluded.image",
                    [.text(origin), .text(id.description)])
            }
        }
    }

    func delete(_ id: Digest) throws {
        try connection.execute("DELETE FROM images WHERE id = ?", [.text(id.description)])
    }

    /// Ids that begin with these hexadecimal digits, at most `limit`.
    func ids(startingWith prefix: String, limit: Int = 10) throws -> [Digest] {
        try connection.query(
            "SELECT id FROM images WHERE substr(id, 8, ?) = ? LIMIT ?",
            [.integer(Int64(prefix.utf8.count)), .text(prefix), .integer(Int64(limit))]
        ) { try Digest(parsing: $0.text(0)) }
    }

    func id(ofManifest manifest: Digest) throws -> Digest? {
        try firstID("SELECT id FROM images WHERE manifest = ?", manifest.description)
    }

    // MARK: Names

    func setName(_ name: ImageReference, to id: Digest) throws {
        try connection.execute(
            "INSERT INTO names (name, image) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET image = excluded.image",
            [.text(name.description), .text(id.description)])
    }

    @discardableResult
    func removeName(_ name: ImageReference) throws -> Bool {
        try connection.execute("DELETE FROM names WHERE name = ?", [.text(name.description)])
        return connection.changes > 0
    }

    func id(named name: ImageReference) throws -> Digest? {
        try firstID("SELECT image FROM names WHERE name = ?", name.description)
    }

    func id(ofRepositoryDigest name: String) throws -> Digest? {
        try firstID("SELECT image FROM repository_digests WHERE name = ?", name)
    }

    func names(of id: Digest) throws -> [ImageReference] {
        try connection.query("SELECT name FROM names WHERE image = ? ORDER BY name", [.text(id.description)]) {
            try ImageReference(parsing: $0.text(0))
        }
    }

    func repositoryDigests(of id: Digest) throws -> [String] {
        try connection.query(
            "SELECT name FROM repository_digests WHERE image = ? ORDER BY name", [.text(id.description)]
        ) { try ImageReference(parsing: $0.text(0)).familiar }
    }

    // MARK: Pins

    func pin(_ id: Digest, owner: String) throws {
        try connection.execute(
            "INSERT OR IGNORE INTO pins (owner, image) VALUES (?, ?)", [.text(owner), .text(id.description)])
    }

    func unpin(_ id: Digest?, owner: String) throws {
        if let id {
            try connection.execute(
                "DELETE FROM pins WHERE owner = ? AND image = ?", [.text(owner), .text(id.description)])
        } else {
            try connection.execute("DELETE FROM pins WHERE owner = ?", [.text(owner)])
        }
    }

    func owners(ofPinsOf id: Digest) throws -> [String] {
        try connection.query("SELECT owner FROM pins WHERE image = ? ORDER BY owner", [.text(id.description)]) {
            $0.text(0)
        }
    }

    private func firstID(_ sql: String, _ argument: String) throws -> Digest? {
        try connection.first(sql, [.text(argument)]) { try Digest(parsing: $0.text(0)) }
    }
}
