/// What opening a database had to do: to be logged and reported, never hidden.
public enum Recovery: Sendable, Hashable, CustomStringConvertible {
    /// New, or closed properly last time.
    case clean
    /// The last stop was unclean (its log was still there); the content was checked and is sound.
    case verified
    /// The set was damaged: it stands aside, and the newest snapshot that verifies was put in its place.
    case restored(snapshot: String, damaged: String, reason: String)
    /// The set was damaged and no snapshot verified: it stands aside, and an empty database was started.
    case startedEmpty(damaged: String, reason: String)

    public var description: String {
        switch self {
        case .clean: "opened after a clean stop"
        case .verified: "opened after an unclean stop; the content is sound"
        case .restored(let snapshot, let damaged, let reason):
            "database was damaged (\(reason)); it was set aside as \(damaged) and \(snapshot) restored"
        case .startedEmpty(let damaged, let reason):
            "database was damaged (\(reason)) and no snapshot was usable; it was set aside as \(damaged), started empty"
        }
    }

    /// True when committed content may be missing.
    public var lostContent: Bool {
        switch self {
        case .clean, .verified: false
        case .restored, .startedEmpty: true
        }
    }
}

/// A database file with its snapshots: opens it unattended, whatever state a power cut left it in.
public struct Database: Sendable {
    public let path: String
    public let profile: Connection.Profile
    private let migrator: Migrator

    public init(path: String, profile: Connection.Profile = .state, migrations: [Migration]) {
        self.path = path
        self.profile = profile
        self.migrator = Migrator(migrations)
    }

    /// Opens, checks after an unclean stop, repairs from a snapshot when the content is damaged, and migrates.
    ///
    /// A log left beside the file (`-wal`, not empty) is the sign of an unclean stop: a proper close folds it in and
    /// removes it. It is replayed by SQLite and never deleted here. Damage sets the file, its log and its index aside
    /// together under `<path>.damaged-<n>`. A full disk, a missing right or a newer schema is thrown, not repaired.
    public func open() throws -> (connection: Connection, recovery: Recovery) {
        let unclean = (DatabaseFiles.size(path + "-wal") ?? 0) > 0
        if let reason = missingReason(unclean: unclean) { return try repair(reason) }
        do {
            return (try openChecked(unclean: unclean), unclean ? .verified : .clean)
        } catch let error as SQLiteError where error.code == .corrupt {
            return try repair(error.message)
        }
    }

    /// A missing or empty file beside a log or snapshots is a loss, not a first start.
    private func missingReason(unclean: Bool) -> String? {
        guard (DatabaseFiles.size(path) ?? 0) == 0, unclean || !Snapshots(of: path).all().isEmpty else { return nil }
        return DatabaseFiles.size(path) == nil ? "the file is missing" : "the file is empty"
    }

    private func openChecked(unclean: Bool) throws -> Connection {
        let connection = try Connection(path: path, profile: profile)
        do {
            if unclean, let problem = try connection.problems().first {
                throw SQLiteError(code: .corrupt, message: problem)
            }
            try migrator.run(on: connection)
            return connection
        } catch {
            if (error as? SQLiteError)?.code == .corrupt { connection.abandon() } else { connection.close() }
            throw error
        }
    }

    private func repair(_ reason: String) throws -> (connection: Connection, recovery: Recovery) {
        let damaged = try setAside()
        let snapshots = Snapshots(of: path)
        for snapshot in snapshots.all().reversed() where snapshots.verifies(snapshot) {
            try DatabaseFiles.copy(snapshot.path, to: path)
            return (
                try openChecked(unclean: true),
                .restored(snapshot: snapshot.path, damaged: damaged, reason: reason)
            )
        }
        return (try openChecked(unclean: false), .startedEmpty(damaged: damaged, reason: reason))
    }

    /// Moves the whole set away. The database goes first: a log alone is seen as a loss at the next start, while a
    /// database without its log would pass for a sound one that lacks the last commits.
    private func setAside() throws(SQLiteError) -> String {
        let (directory, name) = DatabaseFiles.split(path)
        let taken = DatabaseFiles.list(directory).compactMap { entry -> Int? in
            guard entry.hasPrefix(name + ".damaged-") else { return nil }
            return Int(entry.dropFirst(name.count + ".damaged-".count).prefix { $0.isNumber })
        }
        let damaged = "\(path).damaged-\((taken.max() ?? 0) + 1)"
        for suffix in DatabaseFiles.suffixes where DatabaseFiles.size(path + suffix) != nil {
            try DatabaseFiles.rename(path + suffix, to: damaged + suffix)
        }
        try DatabaseFiles.sync(directory, directory: true)
        return damaged
    }
}
