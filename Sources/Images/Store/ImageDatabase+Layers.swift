internal import OCI
internal import SQLite

extension ImageDatabase {
    /// A layer that is unpacked and recorded.
    struct StoredLayer: Sendable {
        let chainID: Digest
        let diffID: Digest
        /// Bytes of its files.
        let size: Int64
        /// Nil for a layer that an older version unpacked.
        let index: LayerIndexWriter.File?
        let isRebuildable: Bool
        /// The last round of the store's check in which it was found sound.
        let checkedRound: Int64
    }

    private static let layerColumns = "chain_id, diff_id, size, index_digest, index_size, is_rebuildable, checked_round"

    private static func layer(_ row: Row) throws -> StoredLayer {
        let index: LayerIndexWriter.File? =
            row.isNull(3) ? nil : .init(digest: try Digest(parsing: row.text(3)), size: row.integer(4))
        return StoredLayer(
            chainID: try Digest(parsing: row.text(0)), diffID: try Digest(parsing: row.text(1)), size: row.integer(2),
            index: index, isRebuildable: row.integer(5) != 0, checkedRound: row.integer(6))
    }

    func layer(_ chainID: Digest) throws -> StoredLayer? {
        try connection.first(
            "SELECT \(Self.layerColumns) FROM layers WHERE chain_id = ?", [.text(chainID.description)], Self.layer)
    }

    func layers() throws -> [StoredLayer] {
        try connection.query("SELECT \(Self.layerColumns) FROM layers ORDER BY chain_id", [], Self.layer)
    }

    /// Layers that no image has: those of pulls that did not get to their end.
    func orphans() throws -> [Digest] {
        try connection.query("SELECT chain_id FROM layers WHERE chain_id NOT IN (SELECT chain_id FROM image_layers)") {
            try Digest(parsing: $0.text(0))
        }
    }

    /// Layers with this content, whatever lies below them.
    func layers(withDiffID diffID: Digest) throws -> [StoredLayer] {
        try connection.query(
            "SELECT \(Self.layerColumns) FROM layers WHERE diff_id = ? ORDER BY chain_id",
            [.text(diffID.description)], Self.layer)
    }

    func layerSize(_ chainID: Digest) throws -> Int64? { try layer(chainID)?.size }

    /// Records a layer that is in its place; what was known of damage to it is over.
    func saveLayer(_ chainID: Digest, diffID: Digest, _ unpacked: UnpackedLayer) throws {
        try connection.transaction {
            try connection.execute(
                "INSERT OR REPLACE INTO layers (chain_id, diff_id, size, index_digest, index_size, is_rebuildable) "
                    + "VALUES (?, ?, ?, ?, ?, ?)",
                [
                    .text(chainID.description), .text(diffID.description), .integer(unpacked.bytes),
                    .text(unpacked.index.digest.description), .integer(unpacked.index.size),
                    .integer(unpacked.isRebuildable ? 1 : 0),
                ])
            try clearDamage(.layer, chainID)
        }
    }

    func deleteLayer(_ chainID: Digest) throws {
        try connection.transaction {
            try connection.execute("DELETE FROM layers WHERE chain_id = ?", [.text(chainID.description)])
            try clearDamage(.layer, chainID)
        }
    }

    /// Blobs that hold a layer, as the images say that have it.
    func blobs(ofLayer chainID: Digest) throws -> [Digest] {
        try connection.query(
            "SELECT DISTINCT blob FROM image_layers WHERE chain_id = ?", [.text(chainID.description)]
        ) { try Digest(parsing: $0.text(0)) }
    }

    /// Layers of images that came from a blob.
    func chains(ofBlob blob: Digest) throws -> [Digest] {
        try connection.query("SELECT DISTINCT chain_id FROM image_layers WHERE blob = ?", [.text(blob.description)]) {
            try Digest(parsing: $0.text(0))
        }
    }

    func images(withBlob blob: Digest) throws -> [Digest] {
        try connection.query(
            "SELECT DISTINCT image FROM image_layers WHERE blob = ? ORDER BY image", [.text(blob.description)]
        ) { try Digest(parsing: $0.text(0)) }
    }

    /// Images that have a layer.
    func images(withLayer chainID: Digest) throws -> [Digest] {
        try connection.query(
            "SELECT DISTINCT image FROM image_layers WHERE chain_id = ? ORDER BY image", [.text(chainID.description)]
        ) { try Digest(parsing: $0.text(0)) }
    }

    // MARK: Damage

    /// What can be damaged.
    enum Part: String, Sendable {
        case layer, blob
    }

    func markDamage(_ part: Part, _ digest: Digest, _ reason: String) throws {
        try connection.execute(
            "INSERT OR REPLACE INTO damage (kind, digest, reason) VALUES (?, ?, ?)",
            [.text(part.rawValue), .text(digest.description), .text(reason)])
    }

    func clearDamage(_ part: Part, _ digest: Digest) throws {
        try connection.execute(
            "DELETE FROM damage WHERE kind = ? AND digest = ?", [.text(part.rawValue), .text(digest.description)])
    }

    func damage(_ part: Part, _ digest: Digest) throws -> String? {
        try connection.first(
            "SELECT reason FROM damage WHERE kind = ? AND digest = ?",
            [.text(part.rawValue), .text(digest.description)]
        ) { $0.text(0) }
    }

    func damaged(_ part: Part) throws -> [Digest: String] {
        var damaged: [Digest: String] = [:]
        try connection.forEach("SELECT digest, reason FROM damage WHERE kind = ?", [.text(part.rawValue)]) {
            damaged[try Digest(parsing: $0.text(0))] = $0.text(1)
        }
        return damaged
    }

    // MARK: Rounds of the check

    struct Round {
        let number: Int64
        /// Wall-clock seconds; 0 while it is under way.
        let finishedAt: Int64
    }

    func round() throws -> Round {
        try connection.first("SELECT round, finished_at FROM check_rounds WHERE id = 1") {
            Round(number: $0.integer(0), finishedAt: $0.integer(1))
        } ?? Round(number: 0, finishedAt: 0)
    }

    func beginRound(_ number: Int64) throws {
        try connection.execute("UPDATE check_rounds SET round = ?, finished_at = 0 WHERE id = 1", [.integer(number)])
    }

    func finishRound(at seconds: Int64) throws {
        try connection.execute("UPDATE check_rounds SET finished_at = ? WHERE id = 1", [.integer(max(seconds, 1))])
    }

    func markChecked(_ chainID: Digest, round: Int64) throws {
        try connection.execute(
            "UPDATE layers SET checked_round = ? WHERE chain_id = ?", [.integer(round), .text(chainID.description)])
    }

    // MARK: Use

    /// When an image was last used, in wall-clock seconds; 0 when that is not known.
    func usedAt(_ id: Digest) throws -> Int64 {
        try connection.first("SELECT used_at FROM images WHERE id = ?", [.text(id.description)]) { $0.integer(0) } ?? 0
    }

    func setUsed(_ id: Digest, at seconds: Int64) throws {
        try connection.execute(
            "UPDATE images SET used_at = ? WHERE id = ?", [.integer(seconds), .text(id.description)])
    }
}
