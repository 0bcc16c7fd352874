/// Verified copies beside a database: `<path>.snapshot-<number>-<checksum>`, the newest two kept.
public struct Snapshots: Sendable {
    public struct Snapshot: Sendable, Hashable {
        public let path: String
        public let number: Int
        let checksum: String
    }

    public static let kept = 2
    private let path: String

    public init(of path: String) { self.path = path }

    /// The snapshots, oldest first; unverified.
    public func all() -> [Snapshot] {
        let (directory, name) = DatabaseFiles.split(path)
        let prefix = name + ".snapshot-"
        return DatabaseFiles.list(directory).compactMap { entry in
            guard entry.hasPrefix(prefix) else { return nil }
            let parts = entry.dropFirst(prefix.count).split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 2, let number = Int(parts[0]), parts[1].count == 16 else { return nil }
            return Snapshot(path: directory + "/" + entry, number: number, checksum: String(parts[1]))
        }.sorted { $0.number < $1.number }
    }

    /// Wall-clock second of the newest snapshot, nil when there is none.
    public var newestTime: Int64? { all().last.flatMap { DatabaseFiles.modified($0.path) } }

    /// True when the file still has the checksum in its name.
    public func verifies(_ snapshot: Snapshot) -> Bool {
        (try? DatabaseFiles.checksum(snapshot.path)) == snapshot.checksum
    }

    /// Writes a compacted copy, checks it in full, syncs it, names it, and removes all but the newest two.
    ///
    /// The copy is seen under its final name only when it is whole. Throws `.full` without touching older snapshots.
    public func take(from connection: Connection) throws -> Snapshot {
        let temporary = path + ".snapshotting"
        discard(temporary)
        do {
            try DatabaseFiles.createPrivately(temporary)
            try connection.execute("VACUUM INTO ?", [.text(temporary)])
            try verifyContent(temporary)
            try DatabaseFiles.sync(temporary)
            let number = (all().last?.number ?? 0) + 1
            let checksum = try DatabaseFiles.checksum(temporary)
            let final = "\(path).snapshot-\(number)-\(checksum)"
            try DatabaseFiles.rename(temporary, to: final)
            try DatabaseFiles.sync(DatabaseFiles.split(path).directory, directory: true)
            for old in all().dropLast(Self.kept) { DatabaseFiles.remove(old.path) }
            return Snapshot(path: final, number: number, checksum: checksum)
        } catch {
            discard(temporary)
            throw error
        }
    }

    private func verifyContent(_ copy: String) throws {
        let connection = try Connection(path: copy, profile: .spool)
        defer { connection.close() }
        let problems = try connection.problems(full: true)
        guard problems.isEmpty else {
            throw SQLiteError(
                code: .corrupt,
                message: "snapshot of \(path) is damaged, so the database may be: \(problems.joined(separator: "; "))")
        }
    }

    private func discard(_ temporary: String) {
        for suffix in DatabaseFiles.suffixes { DatabaseFiles.remove(temporary + suffix) }
    }
}
