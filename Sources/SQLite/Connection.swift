internal import CSQLite

/// One blocking connection to one database file.
///
/// Not Sendable: it lives inside one actor that runs on its own thread. It has the file to itself: another connection is
/// refused as busy. Close it explicitly at a clean stop: the last close folds the write-ahead log into the file, so that
/// a log found at the next start means an unclean stop.
public final class Connection {
    /// How durable a commit is (`fleet-protocol.md` E1).
    public enum Profile: Sendable {
        /// WAL with `synchronous=FULL`: a commit that returned survives a power cut. For state that is acknowledged.
        case state
        /// WAL with `synchronous=NORMAL`: consistent after a power cut, the last commits may be gone. For outboxes.
        case spool
    }

    public let path: String
    public let profile: Profile
    var handle: OpaquePointer?
    var cache: [String: CachedStatement] = [:]
    var depth = 0
    /// True after a failed sync: the kernel may have dropped dirty pages, so nothing read or written here can be
    /// trusted any more. Open the file anew.
    public internal(set) var isDead = false
    /// A file that is there while the database is open; a proper close removes it.
    var marker: String?

    /// Opens the file, creating it with mode 0600 when it is missing, and sets the profile.
    ///
    /// Throws `.cannotOpen`, `.corrupt`, `.readOnly`, `.full` or `.ioError`. It does not check the content; see ``Database``.
    public init(path: String, profile: Profile = .state) throws(SQLiteError) {
        self.path = path
        self.profile = profile
        try DatabaseFiles.createPrivately(path)
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let result = sqlite3_open_v2(path, &handle, flags, nil)
        guard result == SQLITE_OK else {
            let error = failure(result, "cannot open the database")
            close()
            throw error
        }
        do { try configure() } catch {
            if error.code == .corrupt { abandon() } else { close() }
            throw error
        }
    }

    private func configure() throws(SQLiteError) {
        sqlite3_busy_timeout(handle, 5_000)
        let synchronous =
            switch profile {
            case .state: "FULL"
            case .spool: "NORMAL"
            }
        if (DatabaseFiles.size(path) ?? 0) == 0 {
            // Before the first page, later it needs a VACUUM; on a filled database the pragma is a write at every open.
            try execute(script: "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL;")
        }
        // Before the log is first looked at: its index is in memory then, not in a mapped file, which even reading dirties.
        try execute(script: "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;")
        try execute(
            script: """
                PRAGMA synchronous=\(synchronous); PRAGMA wal_autocheckpoint=256; PRAGMA journal_size_limit=1048576;
                PRAGMA foreign_keys=ON; PRAGMA cache_size=-1024; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;
                """)
    }

    /// Finalizes the statements and closes; a second call does nothing.
    public func close() {
        for statement in cache.values { sqlite3_finalize(statement.pointer) }
        cache = [:]
        guard let handle else { return }
        // First: a cut between leaves a log without a marker, which is read, and not a marker whose log seems lost.
        if let marker { DatabaseFiles.remove(marker) }
        sqlite3_close_v2(handle)
        self.handle = nil
    }

    /// Closes without folding the log into a file that is damaged: both stay as they were found.
    func abandon() {
        if let handle { _ = csqlite_keep_log_on_close(handle) }
        marker = nil
        close()
    }

    deinit { close() }

    /// Rows changed by this connection since it was opened.
    public var totalChanges: Int64 { handle.map { sqlite3_total_changes64($0) } ?? 0 }
    public var lastInsertedRow: Int64 { handle.map { sqlite3_last_insert_rowid($0) } ?? 0 }
    /// Rows changed by the last INSERT, UPDATE or DELETE.
    public var changes: Int { handle.map { Int(sqlite3_changes($0)) } ?? 0 }

    /// Gives unused cache memory back.
    public func releaseMemory() {
        for (key, statement) in cache where !statement.inUse {
            sqlite3_finalize(statement.pointer)
            cache[key] = nil
        }
        if let handle { sqlite3_db_release_memory(handle) }
    }

    /// Moves the write-ahead log into the file, and cuts the log when nobody reads it.
    public func checkpoint() throws(SQLiteError) {
        let result = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
        guard result == SQLITE_OK || result == SQLITE_BUSY else { throw failure(result, "cannot checkpoint") }
    }

    /// Every problem that `PRAGMA quick_check` (or the full `integrity_check`) finds; empty when the file is sound.
    public func problems(full: Bool = false) throws -> [String] {
        let lines = try query(full ? "PRAGMA integrity_check(16)" : "PRAGMA quick_check(16)") { $0.text(0) }
        return lines == ["ok"] ? [] : lines
    }

    func failure(_ result: Int32, _ attempt: String) -> SQLiteError {
        let detail = handle.flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) } ?? "out of memory"
        // SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC, macros that Swift cannot import.
        if result == SQLITE_IOERR | (4 << 8) || result == SQLITE_IOERR | (5 << 8) { isDead = true }
        return SQLiteError(resultCode: result, detail: detail, attempt: attempt, path: path)
    }
}
