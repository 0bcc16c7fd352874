import Glibc
import SQLite
import Testing

final class Folder {
    let path: String
    init() {
        var template = Array("/tmp/wherry-sqlite-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? "/nonexistent"
        }
    }
    deinit {
        for name in names { unlink(path + "/" + name) }
        rmdir(path)
    }
    var names: [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }
    func copy(_ name: String, to other: String) {
        let bytes = read(name)
        write(bytes, to: other)
    }
    func read(_ name: String) -> [UInt8] {
        guard let file = fopen(path + "/" + name, "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 24)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes[..<count])
    }
    func write(_ bytes: [UInt8], to name: String) {
        guard let file = fopen(path + "/" + name, "w") else { return }
        defer { fclose(file) }
        fwrite(bytes, 1, bytes.count, file)
    }
}

private let schema = [Migration(id: 1, sql: "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)")]

private func values(_ connection: Connection) throws -> [String] {
    try connection.query("SELECT v FROM t ORDER BY k") { $0.text(0) }
}

private func add(_ value: String, _ connection: Connection) throws {
    try connection.execute("INSERT INTO t (v) VALUES (?)", [.text(value)])
}

@Suite struct ConnectionTests {
    let folder = Folder()
    var database: Database { Database(path: folder.path + "/a.db", migrations: schema) }

    @Test func `values of every type come back as they were bound`() throws {
        let connection = try Connection(path: folder.path + "/x.db")
        let row = try connection.first(
            "SELECT ?, ?, ?, ?, ?, ?",
            [.integer(.max), .real(1.5), .text("größe"), .blob([0, 255]), .null, .utf8(Array("{}".utf8))]
        ) { ($0.integer(0), $0.real(1), $0.text(2), $0.bytes(3), $0.isNull(4), $0.text(5)) }
        let found = try #require(row)
        #expect(found == (.max, 1.5, "größe", [0, 255], true, "{}"))
        #expect(try connection.first("SELECT ?", [.blob([])]) { $0.bytes(0) } == [])
    }

    @Test func `a transaction that throws leaves nothing`() throws {
        let (connection, _) = try database.open()
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try connection.transaction {
                try add("a", connection)
                throw Stop()
            }
        }
        #expect(try values(connection) == [])
        try connection.transaction { try add("b", connection) }
        #expect(try values(connection) == ["b"])
    }

    @Test func `a nested transaction that throws undoes only itself`() throws {
        let (connection, _) = try database.open()
        struct Stop: Error {}
        try connection.transaction {
            try add("outer", connection)
            try? connection.transaction {
                try add("inner", connection)
                throw Stop()
            }
            try connection.transaction { try add("second", connection) }
        }
        #expect(try values(connection) == ["outer", "second"])
    }

    @Test func `a broken rule is reported as constraint and the same query may run inside itself`() throws {
        let (connection, _) = try database.open()
        try add("a", connection)
        let error = #expect(throws: SQLiteError.self) {
            try connection.execute("INSERT INTO t (k, v) VALUES (1, 'b')")
        }
        #expect(error?.code == .constraint)
        var pairs: [String] = []
        try add("b", connection)
        try connection.forEach("SELECT v FROM t") { outer in
            let left = outer.text(0)
            try connection.forEach("SELECT v FROM t") { pairs.append(left + $0.text(0)) }
        }
        #expect(pairs == ["aa", "ab", "ba", "bb"])
    }

    @Test func `a full database says full and stays usable`() throws {
        let (connection, _) = try database.open()
        try connection.execute("PRAGMA max_page_count=12")
        let error = #expect(throws: SQLiteError.self) {
            try connection.transaction {
                for _ in 0..<100 { try add(String(repeating: "x", count: 4_000), connection) }
            }
        }
        #expect(error?.code == .full)
        #expect(try values(connection) == [])
        try connection.execute("PRAGMA max_page_count=100000")
        try add("a", connection)
        #expect(try values(connection) == ["a"])
    }

    @Test func `files are private to their owner`() throws {
        let (connection, _) = try database.open()
        try add("a", connection)
        for name in ["a.db", "a.db-wal"] {
            var status = stat()
            #expect(stat(folder.path + "/" + name, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
        }
        connection.close()
        #expect(folder.names == ["a.db"])
    }

    @Test func `a directory that is missing is named with a remedy`() {
        let error = #expect(throws: SQLiteError.self) { try Connection(path: "/nonexistent/x.db") }
        #expect(error?.code == .cannotOpen)
        #expect(error?.message.contains("/nonexistent/x.db") == true)
    }
}

@Suite struct MigratorTests {
    let folder = Folder()

    @Test func `steps run once and in order, and later ones are added`() throws {
        let path = folder.path + "/m.db"
        try Database(path: path, migrations: schema).open().connection.close()
        let more = [Migration(id: 100, sql: "ALTER TABLE t ADD COLUMN w TEXT")] + schema
        let (connection, _) = try Database(path: path, migrations: more).open()
        try connection.execute("INSERT INTO t (v, w) VALUES ('a', 'b')")
        try Migrator(more).run(on: connection)
        #expect(try values(connection) == ["a"])
        #expect(connection.totalChanges == 2, "an unchanged schema writes nothing")
    }

    @Test func `a step that fails leaves the schema as it was`() throws {
        let path = folder.path + "/m.db"
        try Database(path: path, migrations: schema).open().connection.close()
        let broken = schema + [Migration(id: 2, sql: "CREATE TABLE u (x); CREATE TABLE t (y)")]
        #expect(throws: SQLiteError.self) { try Database(path: path, migrations: broken).open() }
        let (connection, _) = try Database(path: path, migrations: schema).open()
        #expect(try connection.query("SELECT name FROM sqlite_schema WHERE name='u'") { $0.text(0) } == [])
    }

    @Test func `a database of a newer program is refused and unchanged`() throws {
        let path = folder.path + "/m.db"
        let newer = schema + [Migration(id: 7, sql: "CREATE TABLE u (x)")]
        try Database(path: path, migrations: newer).open().connection.close()
        let before = folder.read("m.db")
        let error = #expect(throws: SQLiteError.self) { try Database(path: path, migrations: schema).open() }
        #expect(error?.code == .newerSchema)
        #expect(error?.message.contains("newer Wherry") == true)
        let unchanged = folder.read("m.db") == before
        #expect(unchanged)
        #expect(folder.names == ["m.db"])
    }
}

@Suite struct RecoveryTests {
    let folder = Folder()
    var database: Database { Database(path: folder.path + "/a.db", migrations: schema) }

    /// The set as a power cut leaves it: file and log of a connection that was never closed.
    private func crash(_ connection: Connection) {
        for name in folder.names where name.hasPrefix("a.db") && !name.contains("snapshot") {
            folder.copy(name, to: "crashed-" + name)
        }
        connection.close()
        for name in folder.names where name.hasPrefix("crashed-") {
            folder.copy(name, to: String(name.dropFirst(8)))
            unlink(folder.path + "/" + name)
        }
    }

    @Test func `a proper stop opens clean, an unclean one is verified and keeps its commits`() throws {
        let first = try database.open()
        #expect(first.recovery == .clean)
        try add("a", first.connection)
        crash(first.connection)
        let second = try database.open()
        #expect(second.recovery == .verified)
        #expect(try values(second.connection) == ["a"])
        second.connection.close()
        #expect(try database.open().recovery == .clean)
    }

    @Test func `a damaged file without snapshots is set aside whole and an empty one starts`() throws {
        let (connection, _) = try database.open()
        try add("a", connection)
        crash(connection)
        folder.write([UInt8](repeating: 7, count: 20_000), to: "a.db")
        folder.write([UInt8](repeating: 7, count: 9_000), to: "a.db-wal")
        let reopened = try database.open()
        guard case .startedEmpty(let damaged, _) = reopened.recovery else {
            Issue.record("recovery was \(reopened.recovery)")
            return
        }
        #expect(damaged == folder.path + "/a.db.damaged-1")
        #expect(folder.read("a.db.damaged-1").count == 20_000)
        #expect(folder.names.contains("a.db.damaged-1"))
        #expect(try values(reopened.connection) == [])
    }

    @Test func `a damaged file is replaced by the newest snapshot that verifies`() throws {
        let (connection, _) = try database.open()
        let snapshots = Snapshots(of: folder.path + "/a.db")
        try add("a", connection)
        let good = try snapshots.take(from: connection)
        try add("b", connection)
        let rotten = try snapshots.take(from: connection)
        connection.close()
        folder.write([1, 2, 3], to: String(rotten.path.split(separator: "/").last ?? ""))
        folder.write([UInt8](repeating: 7, count: 20_000), to: "a.db")
        let reopened = try database.open()
        guard case .restored(let snapshot, _, _) = reopened.recovery else {
            Issue.record("recovery was \(reopened.recovery)")
            return
        }
        #expect(snapshot == good.path)
        #expect(try values(reopened.connection) == ["a"])
    }

    @Test func `a missing file beside a snapshot is a loss, not a first start`() throws {
        let (connection, _) = try database.open()
        try add("a", connection)
        _ = try Snapshots(of: folder.path + "/a.db").take(from: connection)
        connection.close()
        unlink(folder.path + "/a.db")
        let reopened = try database.open()
        #expect(reopened.recovery.lostContent)
        #expect(try values(reopened.connection) == ["a"])
    }

    @Test func `damage that only a check after an unclean stop shows is found`() throws {
        let (connection, _) = try database.open()
        try connection.transaction {
            for index in 0..<400 { try add("value \(index) " + String(repeating: "x", count: 200), connection) }
        }
        try connection.checkpoint()
        try add("last", connection)
        crash(connection)
        var bytes = folder.read("a.db")
        for index in 4096 * 6..<4096 * 8 { bytes[index] = 0xee }
        folder.write(bytes, to: "a.db")
        let reopened = try database.open()
        #expect(reopened.recovery.lostContent)
        #expect(!folder.read("a.db.damaged-1-wal").isEmpty)
    }

    @Test func `damage after a proper stop is found`() throws {
        let (connection, _) = try database.open()
        try connection.transaction {
            for index in 0..<400 { try add("value \(index) " + String(repeating: "x", count: 200), connection) }
        }
        connection.close()
        var bytes = folder.read("a.db")
        for index in 4096 * 6..<4096 * 8 { bytes[index] = 0 }
        folder.write(bytes, to: "a.db")
        #expect(try database.open().recovery.lostContent)
    }

    @Test(arguments: [[], [UInt8](repeating: 0, count: 9_000)])
    func `a log that is missing or no log is a loss, and the file stays`(log: [UInt8]) throws {
        let (connection, _) = try database.open()
        try add("a", connection)
        try connection.checkpoint()
        try add("b", connection)
        crash(connection)
        if log.isEmpty { unlink(folder.path + "/a.db-wal") } else { folder.write(log, to: "a.db-wal") }
        let reopened = try database.open()
        #expect(reopened.recovery == .logLost)
        #expect(try values(reopened.connection) == ["a"])
        #expect(try reopened.connection.unsettledLoss() != 0)
    }

    @Test func `a loss stays marked, bit by bit, until it is settled`() throws {
        let first = try database.open().connection
        #expect(try first.unsettledLoss() == 0)
        first.close()
        folder.write([UInt8](repeating: 7, count: 20_000), to: "a.db")
        let second = try database.open().connection
        try second.settleLoss(1)
        #expect(try second.unsettledLoss() & 3 == 2)
        second.close()
        #expect(try database.open().connection.unsettledLoss() & 3 == 2)
    }

    @Test func `a file that is gone beside a set that stands aside is a loss`() throws {
        try database.open().connection.close()
        folder.write([UInt8](repeating: 7, count: 20_000), to: "a.db")
        try database.open().connection.close()
        unlink(folder.path + "/a.db")
        #expect(try database.open().recovery.lostContent)
    }

    @Test func `an older program goes back to what was there before the newer one`() throws {
        let old = try database.open().connection
        try add("a", old)
        old.close()
        let newer = Database(path: database.path, migrations: schema + [Migration(id: 7, sql: "CREATE TABLE u (x)")])
        let new = try newer.open().connection
        try add("b", new)
        _ = try Snapshots(of: database.path).take(from: new)
        new.close()
        let back = try database.open()
        guard case .restored(_, let damaged, let reason) = back.recovery else {
            Issue.record("recovery was \(back.recovery)")
            return
        }
        #expect(reason.contains("newer Wherry"))
        #expect(try values(back.connection) == ["a"])
        let aside = try Connection(path: damaged)
        #expect(try values(aside) == ["a", "b"])
    }

    @Test func `only two snapshots are kept`() throws {
        let (connection, _) = try database.open()
        for _ in 0..<4 { _ = try Snapshots(of: folder.path + "/a.db").take(from: connection) }
        #expect(Snapshots(of: folder.path + "/a.db").all().map(\.number) == [3, 4])
    }
}
