internal import JSON
internal import OCI
internal import SQLite

/// The index of the registry in `registry.db`: which repository has which blobs, manifests and tags.
///
/// A blob's file is shared; whether a repository has it is recorded per repository, so that knowing a digest gives no
/// access to what another team pushed.
struct RegistryDatabase {
    static let migrations = [
        Migration(
            id: 190,
            sql: """
                CREATE TABLE manifests (
                    repository TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL,
                    subject TEXT, artifact_type TEXT, annotations TEXT,
                    PRIMARY KEY (repository, digest)) WITHOUT ROWID;
                CREATE INDEX manifests_digest ON manifests (digest);
                CREATE INDEX manifests_subject ON manifests (repository, subject, digest) WHERE subject IS NOT NULL;
                CREATE TABLE content (
                    repository TEXT NOT NULL, manifest TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
                    PRIMARY KEY (repository, manifest, digest),
                    FOREIGN KEY (repository, manifest) REFERENCES manifests ON DELETE CASCADE) WITHOUT ROWID;
                CREATE INDEX content_digest ON content (repository, digest);
                CREATE TABLE tags (
                    repository TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
                    PRIMARY KEY (repository, name),
                    FOREIGN KEY (repository, digest) REFERENCES manifests ON DELETE CASCADE) WITHOUT ROWID;
                CREATE INDEX tags_digest ON tags (repository, digest);
                CREATE TABLE blobs (
                    repository TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
                    PRIMARY KEY (repository, digest)) WITHOUT ROWID;
                CREATE INDEX blobs_digest ON blobs (digest);
                CREATE TABLE uploads (id TEXT PRIMARY KEY, repository TEXT NOT NULL) WITHOUT ROWID;
                CREATE TABLE accounts (
                    name TEXT PRIMARY KEY, salt BLOB NOT NULL, hash BLOB NOT NULL, may_push INTEGER NOT NULL) WITHOUT ROWID;
                CREATE TABLE account_repositories (
                    account TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE, pattern TEXT NOT NULL,
                    PRIMARY KEY (account, pattern)) WITHOUT ROWID;
                CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
                """)
    ]

    let connection: Connection

    // MARK: Blobs

    func blobSize(_ blob: Digest, in repository: RepositoryName) throws -> Int64? {
        try connection.first(
            "SELECT size FROM blobs WHERE repository = ? AND digest = ?", [.key(repository), .key(blob)]
        ) { $0.integer(0) }
    }

    func addBlob(_ blob: Digest, size: Int64, to repository: RepositoryName) throws {
        try connection.execute(
            "INSERT OR REPLACE INTO blobs (repository, digest, size) VALUES (?, ?, ?)",
            [.key(repository), .key(blob), .integer(size)])
    }

    func removeBlob(_ blob: Digest, from repository: RepositoryName) throws {
        try connection.execute(
            "DELETE FROM blobs WHERE repository = ? AND digest = ?", [.key(repository), .key(blob)])
    }

    /// The blobs of all repositories that no manifest of the same repository points at.
    func unreferencedBlobs() throws -> [ContentKey] {
        try connection.query(
            """
            SELECT repository, digest FROM blobs b WHERE NOT EXISTS (
                SELECT 1 FROM content c WHERE c.repository = b.repository AND c.digest = b.digest)
            """
        ) { ContentKey(repository: try RepositoryName(parsing: $0.text(0)), digest: try Digest(parsing: $0.text(1))) }
    }

    /// Whether any repository has this content, as a blob or as a manifest.
    func isRecorded(_ digest: Digest) throws -> Bool {
        try connection.first(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM blobs WHERE digest = ?1) OR EXISTS "
                + "(SELECT 1 FROM manifests WHERE digest = ?1)", [.key(digest)]
        ) { _ in true } ?? false
    }

    /// A manifest of the repository that points at this content.
    func holder(of digest: Digest, in repository: RepositoryName) throws -> Digest? {
        try connection.first(
            "SELECT manifest FROM content WHERE repository = ? AND digest = ? LIMIT 1",
            [.key(repository), .key(digest)]
        ) { try Digest(parsing: $0.text(0)) }
    }

    /// The size of content by the manifests that point at it.
    func announcedSize(of digest: Digest, in repository: RepositoryName) throws -> Int64? {
        try connection.first(
            "SELECT size FROM content WHERE repository = ? AND digest = ? LIMIT 1", [.key(repository), .key(digest)]
        ) { $0.integer(0) }
    }

    // MARK: Manifests

    func manifestType(_ manifest: Digest, in repository: RepositoryName) throws -> String? {
        try connection.first(
            "SELECT media_type FROM manifests WHERE repository = ? AND digest = ?", [.key(repository), .key(manifest)]
        ) { $0.text(0) }
    }

    func saveManifest(
        _ manifest: RegistryManifest, digest: Digest, size: Int, in repository: RepositoryName
    ) throws {
        try connection.execute(
            """
            INSERT INTO manifests (repository, digest, media_type, size, subject, artifact_type, annotations)
            VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (repository, digest) DO UPDATE SET media_type = excluded.media_type
            """,
            [
                .key(repository), .key(digest), .text(manifest.mediaType), .integer(Int64(size)),
                manifest.subject.map { .key($0) } ?? .null, manifest.artifactType.map { .text($0) } ?? .null,
                manifest.annotations.map { .utf8($0.serialized()) } ?? .null,
            ])
        for part in Set(manifest.parts) {
            try connection.execute(
                "INSERT OR IGNORE INTO content (repository, manifest, digest, size) VALUES (?, ?, ?, ?)",
                [.key(repository), .key(digest), .key(part.digest), .integer(part.size)])
        }
    }

    /// The manifests of all repositories below a prefix.
    func manifests(below prefix: String) throws -> [ContentKey] {
        // 0 follows / among the bytes of names.
        try connection.query(
            "SELECT repository, digest FROM manifests WHERE repository > ? AND repository < ?",
            [.text(prefix + "/"), .text(prefix + "0")]
        ) { ContentKey(repository: try RepositoryName(parsing: $0.text(0)), digest: try Digest(parsing: $0.text(1))) }
    }

    func content(of manifest: Digest, in repository: RepositoryName) throws -> [Digest] {
        try connection.query(
            "SELECT digest FROM content WHERE repository = ? AND manifest = ?", [.key(repository), .key(manifest)]
        ) { try Digest(parsing: $0.text(0)) }
    }

    /// Removes a manifest with the tags that point at it; false when there is none.
    func removeManifest(_ manifest: Digest, from repository: RepositoryName) throws -> Bool {
        try connection.execute(
            "DELETE FROM manifests WHERE repository = ? AND digest = ?", [.key(repository), .key(manifest)])
        return connection.changes > 0
    }

    struct Referrer {
        let descriptor: JSONValue
        let digest: Digest
    }

    /// Descriptors of the manifests about `subject`, after `last`, in the order of their digests.
    func referrers(
        of subject: Digest, in repository: RepositoryName, type: String?, after last: String, limit: Int
    ) throws -> [Referrer] {
        try connection.query(
            """
            SELECT digest, media_type, size, artifact_type, annotations FROM manifests
            WHERE repository = ?1 AND subject = ?2 AND digest > ?3 AND (?4 IS NULL OR artifact_type = ?4)
            ORDER BY digest LIMIT ?5
            """,
            [
                .key(repository), .key(subject), .text(last), type.map { .text($0) } ?? .null, .integer(Int64(limit)),
            ]
        ) {
            var descriptor: JSONValue = [
                "mediaType": .string($0.text(1)), "digest": .string($0.text(0)), "size": .integer($0.integer(2)),
            ]
            if let type = $0.optionalText(3) { descriptor["artifactType"] = .string(type) }
            if let annotations = $0.optionalText(4) { descriptor["annotations"] = try JSONValue(parsing: annotations) }
            return Referrer(descriptor: descriptor, digest: try Digest(parsing: $0.text(0)))
        }
    }

    // MARK: Tags and repositories

    func tag(_ name: String, in repository: RepositoryName) throws -> Digest? {
        try connection.first(
            "SELECT digest FROM tags WHERE repository = ? AND name = ?", [.key(repository), .text(name)]
        ) { try Digest(parsing: $0.text(0)) }
    }

    func setTag(_ name: String, to manifest: Digest, in repository: RepositoryName) throws {
        try connection.execute(
            "INSERT INTO tags (repository, name, digest) VALUES (?, ?, ?) "
                + "ON CONFLICT (repository, name) DO UPDATE SET digest = excluded.digest",
            [.key(repository), .text(name), .key(manifest)])
    }

    func removeTag(_ name: String, from repository: RepositoryName) throws -> Bool {
        try connection.execute(
            "DELETE FROM tags WHERE repository = ? AND name = ?", [.key(repository), .text(name)])
        return connection.changes > 0
    }

    func tags(in repository: RepositoryName, after last: String, limit: Int) throws -> [String] {
        try connection.query(
            "SELECT name FROM tags WHERE repository = ? AND name > ? ORDER BY name LIMIT ?",
            [.key(repository), .text(last), .integer(Int64(limit))]
        ) { $0.text(0) }
    }

    func exists(_ repository: RepositoryName) throws -> Bool {
        try connection.first(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM manifests WHERE repository = ?1) OR EXISTS "
                + "(SELECT 1 FROM blobs WHERE repository = ?1)", [.key(repository)]
        ) { _ in true } ?? false
    }

    func repositories(after last: String, limit: Int) throws -> [String] {
        try connection.query(
            """
            SELECT repository FROM (SELECT DISTINCT repository FROM manifests UNION SELECT DISTINCT repository FROM blobs)
            WHERE repository > ? ORDER BY repository LIMIT ?
            """, [.text(last), .integer(Int64(limit))]
        ) { $0.text(0) }
    }

    // MARK: Uploads and settings

    func addUpload(_ id: String, in repository: RepositoryName) throws {
        try connection.execute("INSERT INTO uploads (id, repository) VALUES (?, ?)", [.text(id), .key(repository)])
    }

    func removeUpload(_ id: String) throws {
        try connection.execute("DELETE FROM uploads WHERE id = ?", [.text(id)])
    }

    func uploads() throws -> [(id: String, repository: RepositoryName)] {
        try connection.query("SELECT id, repository FROM uploads") {
            (id: $0.text(0), repository: try RepositoryName(parsing: $0.text(1)))
        }
    }

    func setting(_ key: String) throws -> [UInt8]? {
        try connection.first("SELECT value FROM settings WHERE key = ?", [.text(key)]) { $0.bytes(0) }
    }

    func set(_ key: String, _ value: [UInt8]?) throws {
        if let value {
            try connection.execute(
                "INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", [.text(key), .blob(value)])
        } else {
            try connection.execute("DELETE FROM settings WHERE key = ?", [.text(key)])
        }
    }
}

/// Content as one repository has it.
struct ContentKey: Hashable, Sendable {
    let repository: RepositoryName
    let digest: Digest
}

extension DatabaseValue {
    static func key(_ repository: RepositoryName) -> DatabaseValue { .text(repository.description) }
    static func key(_ digest: Digest) -> DatabaseValue { .text(digest.description) }
}
