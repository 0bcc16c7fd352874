/// What opening a database had to do: to be logged and reported, never hidden.
public enum Recovery: Sendable, Hashable, CustomStringConvertible {
    /// New, or closed properly last time.
    case clean
    /// The last stop was unclean (its log was still there); the content was checked and is sound.
    case verified
    /// The last stop was unclean, and the log is missing or no log: the file is sound and lacks the last commits.
    case logLost
    /// The set was damaged: it stands aside, and the newest snapshot that verifies was put in its place.
    case restored(snapshot: String, damaged: String, reason: String)
    /// The set was damaged and no snapshot verified: it stands aside, and an empty database was started.
    case startedEmpty(damaged: String, reason: String)

    public var description: String {
        switch self {
        case .clean: "opened after a clean stop"
        case .verified: "opened after an unclean stop; the content is sound"
        case .logLost:
            "database's log was missing or damaged after an unclean stop; the file is sound and lacks the last changes"
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
        case .logLost, .restored, .startedEmpty: true
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

    /// Opens, checks the content, repairs from a snapshot when it is damaged, and migrates.
    ///
    /// A log left beside the file (`-wal`, not empty) is the sign of an unclean stop: a proper close folds it in and
    /// removes it. It is replayed by SQLite and never deleted here. Damage sets the file, its log and its index aside
    /// together under `<path>.damaged-<n>`. So does a newer program's schema, when a snapshot from before that program is
    /// there; without one it is thrown, as are a full disk and a missing right.
    public func open() throws -> (connection: Connection, recovery: Recovery) {
        let unclean = (DatabaseFiles.size(path + "-wal") ?? 0) > 0
        if let reason = missingReason(unclean: unclean) { return try repair(reason) }
        do {
            let lacksLog = lacksLog
            let connection = try openChecked()
            if lacksLog { try connection.markLoss() }
            return (connection, lacksLog ? .logLost : unclean ? .verified : .clean)
        } catch let error as SQLiteError where error.code == .corrupt {
            return try repair(error.message)
        } catch let error as SQLiteError where error.code == .newerSchema {
            return try repair(error.message, orThrow: error)
        }
    }

    /// A missing or empty file beside a log, snapshots or a set that stands aside is a loss, not a first start.
    private func missingReason(unclean: Bool) -> String? {
        guard (DatabaseFiles.size(path) ?? 0) == 0,
            unclean || damagedSets > 0 || !Snapshots(of: path).all().isEmpty
        else { return nil }
        return DatabaseFiles.size(path) == nil ? "the file is missing" : "the file is empty"
    }

    /// A database that was open has a log, if only an empty one; and SQLite takes a log without its magic number for an empty
    /// one.
    private var lacksLog: Bool {
        guard let size = DatabaseFiles.size(path + "-wal") else { return DatabaseFiles.size(marker) != nil }
        let magic: [[UInt8]] = [[0x37, 0x7f, 0x06, 0x82], [0x37, 0x7f, 0x06, 0x83]]
        return size > 0 && !magic.contains(DatabaseFiles.beginning(path + "-wal", count: 4))
    }

    private var marker: String { path + ".open" }

    private func openChecked() throws -> Connection {
        let connection = try Connection(path: path, profile: profile)
        do {
            if let problem = try connection.problems().first { throw SQLiteError(code: .corrupt, message: problem) }
            let plan = try migrator.plan(for: connection)
            if !plan.isNew, !plan.missing.isEmpty { try keepWayBack(connection) }
            try migrator.run(on: connection)
            // On a full disk without it: then a log that goes missing is not noticed.
            try? DatabaseFiles.createPrivately(marker)
            connection.marker = marker
            return connection
        } catch {
            if (error as? SQLiteError)?.code == .corrupt { connection.abandon() } else { connection.close() }
            throw error
        }
    }

    /// What an older program, put back after a bad update, starts from.
    private func keepWayBack(_ connection: Connection) throws {
        do { _ = try Snapshots(of: path).take(from: connection) } catch let error as SQLiteError
            where error.code == .full
        {}
    }

    /// What takes the place of the damaged set is made whole, and marked, beside it first: at no moment does a cut leave a
    /// file that looks as if nothing had been lost.
    ///
    /// - Parameter refusal: thrown, with nothing changed, when there is no snapshot.
    private func repair(
        _ reason: String, orThrow refusal: SQLiteError? = nil
    ) throws -> (connection: Connection, recovery: Recovery) {
        let snapshots = Snapshots(of: path)
        let snapshot = try snapshots.all().reversed().first { try snapshots.verifies($0) && prepare(from: $0) }
        if snapshot == nil {
            if let refusal { throw refusal }
            _ = try prepare(from: nil)
        }
        let damaged = try setAside()
        try DatabaseFiles.rename(replacement, to: path)
        try DatabaseFiles.sync(DatabaseFiles.split(path).directory, directory: true)
        let connection = try openChecked()
        guard let snapshot else { return (connection, .startedEmpty(damaged: damaged, reason: reason)) }
        return (connection, .restored(snapshot: snapshot.path, damaged: damaged, reason: reason))
    }

    private var replacement: String { path + ".replacement" }

    /// Makes the file that a damaged one is replaced by. False when a newer program wrote the snapshot.
    private func prepare(from snapshot: Snapshots.Snapshot?) throws -> Bool {
        for suffix in DatabaseFiles.suffixes { DatabaseFiles.remove(replacement + suffix) }
        if let snapshot { try DatabaseFiles.copy(snapshot.path, to: replacement) }
        let connection = try Connection(path: replacement, profile: profile)
        do {
            try migrator.run(on: connection)
            try connection.markLoss()
        } catch let error as SQLiteError where error.code == .newerSchema {
            connection.close()
            return false
        } catch {
            connection.close()
            throw error
        }
        connection.close()
        try DatabaseFiles.sync(replacement)
        return true
    }

    private var damagedSets: Int {
        let (directory, name) = DatabaseFiles.split(path)
        return DatabaseFiles.list(directory).compactMap { entry -> Int? in
            guard entry.hasPrefix(name + ".damaged-") else { return nil }
            return Int(entry.dropFirst(name.count + ".damaged-".count).prefix { $0.isNumber })
        }.max() ?? 0
    }

    /// Moves the whole set away. The database goes first: a log alone is seen as a loss at the next start, while a
    /// database without its log would pass for a sound one that lacks the last commits.
    private func setAside() throws(SQLiteError) -> String {
        let damaged = "\(path).damaged-\(damagedSets + 1)"
        for suffix in DatabaseFiles.suffixes where DatabaseFiles.size(path + suffix) != nil {
            try DatabaseFiles.rename(path + suffix, to: damaged + suffix)
        }
        try DatabaseFiles.sync(DatabaseFiles.split(path).directory, directory: true)
        return damaged
    }
}

extension Connection {
    /// What has not been done yet about a loss of content, one bit each, as the database's user defines them.
    ///
    /// All are set in a database that took a damaged one's place, and stay until ``settleLoss(_:)``: a start that is cut off
    /// does not forget them.
    public func unsettledLoss() throws -> Int64 {
        try first("PRAGMA application_id") { $0.integer(0) } ?? 0
    }

    /// Clears one bit; in a transaction, together with what was done.
    public func settleLoss(_ bit: Int64) throws {
        try execute("PRAGMA application_id=\(try unsettledLoss() & ~bit)")
    }

    fileprivate func markLoss() throws { try execute("PRAGMA application_id=\(Int64(Int32.max))") }
}
