internal import OCI
internal import SQLite

/// What is kept of signatures: with it a container starts without any network.
extension ImageDatabase {
    static let trustMigration = Migration(
        id: 150,
        sql: """
            CREATE TABLE image_subjects (
                image TEXT NOT NULL REFERENCES images ON DELETE CASCADE, digest TEXT NOT NULL, document BLOB NOT NULL,
                PRIMARY KEY (image, digest)) WITHOUT ROWID;
            CREATE TABLE image_signatures (
                image TEXT NOT NULL REFERENCES images ON DELETE CASCADE, digest TEXT NOT NULL, form TEXT NOT NULL,
                payload BLOB NOT NULL, signature BLOB NOT NULL);
            CREATE INDEX image_signatures_image ON image_signatures (image, digest);
            CREATE TABLE image_verdicts (
                image TEXT NOT NULL REFERENCES images ON DELETE CASCADE, name TEXT NOT NULL, policy TEXT NOT NULL,
                PRIMARY KEY (image, name)) WITHOUT ROWID;
            CREATE TABLE image_admissions (
                image TEXT NOT NULL REFERENCES images ON DELETE CASCADE, key TEXT NOT NULL,
                PRIMARY KEY (image, key)) WITHOUT ROWID;
            CREATE TABLE image_policy (only INTEGER PRIMARY KEY CHECK (only = 1), fingerprint TEXT NOT NULL) WITHOUT ROWID;
            """)

    /// Replaces the signatures of one subject of an image by what was found last.
    func saveSignatures(_ signatures: [ImageSignature], of subject: SignatureVerifier.Subject, image: Digest) throws {
        let owner: [DatabaseValue] = [.text(image.description), .text(subject.digest.description)]
        try connection.transaction {
            try connection.execute(
                "INSERT OR REPLACE INTO image_subjects (image, digest, document) VALUES (?, ?, ?)",
                owner + [.blob(subject.document)])
            try connection.execute("DELETE FROM image_signatures WHERE image = ? AND digest = ?", owner)
            for signature in signatures {
                try connection.execute(
                    "INSERT INTO image_signatures (image, digest, form, payload, signature) VALUES (?, ?, ?, ?, ?)",
                    owner + [.text(signature.form.rawValue), .blob(signature.payload), .blob(signature.signature)])
            }
        }
    }

    /// The documents that an image was signed as, with their signatures.
    func signedSubjects(of image: Digest) throws -> [(subject: SignatureVerifier.Subject, signatures: [ImageSignature])]
    {
        let subjects = try connection.query(
            "SELECT digest, document FROM image_subjects WHERE image = ? ORDER BY digest", [.text(image.description)]
        ) { SignatureVerifier.Subject(digest: try Digest(parsing: $0.text(0)), document: $0.bytes(1)) }
        return try subjects.map { subject in
            let signatures = try connection.query(
                "SELECT form, payload, signature FROM image_signatures WHERE image = ? AND digest = ?",
                [.text(image.description), .text(subject.digest.description)]
            ) { row in
                ImageSignature.Form(rawValue: row.text(0)).map {
                    ImageSignature(form: $0, payload: row.bytes(1), signature: row.bytes(2))
                }
            }
            return (subject, signatures.compactMap { $0 })
        }
    }

    /// The policy under which an image was accepted by this name, if it was.
    func acceptingPolicy(image: Digest, name: String) throws -> String? {
        try connection.first(
            "SELECT policy FROM image_verdicts WHERE image = ? AND name = ?", [.text(image.description), .text(name)]
        ) { $0.text(0) }
    }

    func saveVerdict(image: Digest, name: String, policy: Digest, keys: Set<Digest>) throws {
        try connection.transaction {
            try connection.execute(
                "INSERT OR REPLACE INTO image_verdicts (image, name, policy) VALUES (?, ?, ?)",
                [.text(image.description), .text(name), .text(policy.hex)])
            for key in keys {
                try connection.execute(
                    "INSERT OR IGNORE INTO image_admissions (image, key) VALUES (?, ?)",
                    [.text(image.description), .text(key.hex)])
            }
        }
    }

    /// Fingerprints of the keys whose signature admitted an image.
    func admittingKeys(of image: Digest) throws -> Set<Digest> {
        Set(
            try connection.query("SELECT key FROM image_admissions WHERE image = ?", [.text(image.description)]) {
                try Digest(hex: $0.text(0))
            })
    }

    // MARK: The policy in force

    /// Fingerprint of the last policy file that was read; nil while there never was one.
    func policyInForce() throws -> String? {
        try connection.first("SELECT fingerprint FROM image_policy") { $0.text(0) }
    }

    func setPolicyInForce(_ fingerprint: Digest) throws {
        guard try policyInForce() != fingerprint.hex else { return }
        try connection.execute(
            "INSERT OR REPLACE INTO image_policy (only, fingerprint) VALUES (1, ?)", [.text(fingerprint.hex)])
    }
}
