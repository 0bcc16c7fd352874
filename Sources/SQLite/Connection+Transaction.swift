internal import CSQLite

extension Connection {
    /// Runs `body` in a transaction: committed when it returns, rolled back when it throws. Nested calls are savepoints.
    ///
    /// The outermost one is IMMEDIATE, so that a lock conflict shows at its beginning and not at the first write.
    public func transaction<T>(_ body: () throws -> T) throws -> T {
        let level = depth
        try execute(level == 0 ? "BEGIN IMMEDIATE" : "SAVEPOINT level\(level)")
        depth = level + 1
        defer { depth = level }
        do {
            let result = try body()
            try execute(level == 0 ? "COMMIT" : "RELEASE level\(level)")
            return result
        } catch {
            undo(level)
            throw error
        }
    }

    /// True inside ``transaction(_:)``.
    public var isInTransaction: Bool { depth > 0 }

    /// SQLite rolls back by itself after some failures (disk full, I/O error): then there is nothing left to undo, and
    /// the error on its way to the caller is the one to report.
    private func undo(_ level: Int) {
        guard let handle, sqlite3_get_autocommit(handle) == 0 else { return }
        let sql = level == 0 ? "ROLLBACK" : "ROLLBACK TO level\(level); RELEASE level\(level)"
        sqlite3_exec(handle, sql, nil, nil, nil)
    }
}
