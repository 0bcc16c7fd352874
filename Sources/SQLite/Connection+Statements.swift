internal import CSQLite

/// A prepared statement kept by its text.
struct CachedStatement {
    let pointer: OpaquePointer
    var inUse: Bool
}

extension Connection {
    private static let cacheLimit = 96

    /// Runs one statement that returns no rows (rows are stepped over).
    public func execute(_ sql: String, _ bindings: [DatabaseValue] = []) throws(SQLiteError) {
        let statement = try borrow(sql)
        defer { giveBack(statement, sql) }
        try bind(bindings, to: statement, sql)
        while try step(statement, sql) {}
    }

    /// Runs several statements separated by semicolons, uncached and without parameters.
    public func execute(script sql: String) throws(SQLiteError) {
        guard !isDead, let handle else { throw unusable() }
        let result = sqlite3_exec(handle, sql, nil, nil, nil)
        guard result == SQLITE_OK else { throw failure(result, "cannot run the script") }
    }

    /// Runs a query and maps each row; `row` is valid only inside `body`.
    public func query<T>(
        _ sql: String, _ bindings: [DatabaseValue] = [], _ body: (Row) throws -> T
    ) throws -> [T] {
        var results: [T] = []
        try forEach(sql, bindings) { results.append(try body($0)) }
        return results
    }

    /// The first row, mapped; nil when there is none.
    public func first<T>(
        _ sql: String, _ bindings: [DatabaseValue] = [], _ body: (Row) throws -> T
    ) throws -> T? {
        let statement = try borrow(sql)
        defer { giveBack(statement, sql) }
        try bind(bindings, to: statement, sql)
        return try step(statement, sql) ? try body(Row(statement: statement)) : nil
    }

    /// Calls `body` for each row without collecting anything.
    public func forEach(_ sql: String, _ bindings: [DatabaseValue] = [], _ body: (Row) throws -> Void) throws {
        let statement = try borrow(sql)
        defer { giveBack(statement, sql) }
        try bind(bindings, to: statement, sql)
        while try step(statement, sql) { try body(Row(statement: statement)) }
    }

    private func unusable() -> SQLiteError {
        SQLiteError(
            code: .dead,
            message: isDead
                ? "database \(path): a sync failed before, so this connection is dead; open the database anew"
                : "database \(path): the connection is closed")
    }

    private func borrow(_ sql: String) throws(SQLiteError) -> OpaquePointer {
        guard !isDead, handle != nil else { throw unusable() }
        if let cached = cache[sql], !cached.inUse {
            cache[sql]?.inUse = true
            return cached.pointer
        }
        var pointer: OpaquePointer?
        let result = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, nil)
        guard result == SQLITE_OK, let pointer else { throw failure(result, "cannot prepare «\(sql)»") }
        // The same text twice at once (a query inside its own row loop): the second is not cached.
        if cache[sql] == nil {
            if cache.count >= Self.cacheLimit { evictIdle() }
            cache[sql] = CachedStatement(pointer: pointer, inUse: true)
        }
        return pointer
    }

    private func giveBack(_ statement: OpaquePointer, _ sql: String) {
        sqlite3_reset(statement)
        sqlite3_clear_bindings(statement)
        if cache[sql]?.pointer == statement {
            cache[sql]?.inUse = false
        } else {
            sqlite3_finalize(statement)
        }
    }

    private func evictIdle() {
        for (key, statement) in cache where !statement.inUse {
            sqlite3_finalize(statement.pointer)
            cache[key] = nil
        }
    }

    private func step(_ statement: OpaquePointer, _ sql: String) throws(SQLiteError) -> Bool {
        let result = sqlite3_step(statement)
        switch result {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw failure(result, "cannot run «\(sql)»")
        }
    }

    private func bind(
        _ values: [DatabaseValue], to statement: OpaquePointer, _ sql: String
    ) throws(SQLiteError) {
        for (offset, value) in values.enumerated() {
            let result = Self.bind(value, at: Int32(offset + 1), to: statement)
            guard result == SQLITE_OK else { throw failure(result, "cannot bind parameter \(offset + 1) of «\(sql)»") }
        }
    }

    private static func bind(_ value: DatabaseValue, at index: Int32, to statement: OpaquePointer) -> Int32 {
        // SQLITE_TRANSIENT: SQLite copies the bytes before the call returns.
        let transient = unsafeBitCast(-1 as Int, to: sqlite3_destructor_type.self)
        switch value {
        case .null: return sqlite3_bind_null(statement, index)
        case .integer(let number): return sqlite3_bind_int64(statement, index, number)
        case .real(let number): return sqlite3_bind_double(statement, index, number)
        case .text(var text):
            return text.withUTF8 { bytes in
                guard let start = bytes.baseAddress else {
                    return sqlite3_bind_text(statement, index, "", 0, transient)
                }
                return start.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
                    sqlite3_bind_text64(
                        statement, index, $0, UInt64(bytes.count), transient, UInt8(SQLITE_UTF8))
                }
            }
        case .utf8(let bytes):
            return bytes.withUnsafeBytes { buffer in
                guard let start = buffer.baseAddress else {
                    return sqlite3_bind_text(statement, index, "", 0, transient)
                }
                return sqlite3_bind_text64(
                    statement, index, start.assumingMemoryBound(to: CChar.self), UInt64(buffer.count), transient,
                    UInt8(SQLITE_UTF8))
            }
        case .blob(let bytes):
            return bytes.withUnsafeBytes { buffer in
                guard let start = buffer.baseAddress else { return sqlite3_bind_zeroblob(statement, index, 0) }
                return sqlite3_bind_blob64(statement, index, start, UInt64(buffer.count), transient)
            }
        }
    }
}
