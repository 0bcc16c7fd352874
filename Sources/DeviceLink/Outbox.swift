internal import FleetProtocol
import JSON
internal import Linux
internal import SQLite

/// Events that wait for the hub, in spool.db. A row goes only when the hub says that it has it.
///
/// Bounded: when full, the oldest rows give way to one `gap` row that says how many are missing. Sequence numbers never
/// come twice.
actor Outbox {
    struct Limits: Sendable {
        var rows = 10_000
        var bytes = 4 << 20
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private let executor: ThreadExecutor
    private let connection: Connection
    private let limits: Limits
    private var last: Int64
    private var rows: Int
    private var bytes: Int

    private static let migrations = [
        Migration(
            id: 200,
            sql: """
                CREATE TABLE outbox (sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL);
                CREATE TABLE outbox_state (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);
                INSERT INTO outbox_state VALUES (1, 0);
                """)
    ]

    init(path: String, limits: Limits = Limits()) throws {
        executor = ThreadExecutor(name: "outbox")
        self.limits = limits
        connection = try Database(path: path, profile: .spool, migrations: Self.migrations).open().connection
        last = try connection.first("SELECT last FROM outbox_state") { $0.integer(0) } ?? 0
        let size = try connection.first("SELECT count(*), coalesce(sum(length(body)), 0) FROM outbox") {
            (Int($0.integer(0)), Int($0.integer(1)))
        }
        (rows, bytes) = size ?? (0, 0)
    }

    /// One commit for all of them.
    func append(_ bodies: [JSONValue]) throws {
        guard !bodies.isEmpty else { return }
        let before = (last, rows, bytes)
        do {
            try connection.transaction {
                for body in bodies { try insert(kind: "event", body.serialized()) }
                try makeRoom()
                try connection.execute("UPDATE outbox_state SET last = ? WHERE id = 1", [.integer(last)])
            }
        } catch {
            (last, rows, bytes) = before
            throw error
        }
    }

    private func insert(kind: String, _ body: [UInt8]) throws {
        last += 1
        rows += 1
        bytes += body.count
        try connection.execute(
            "INSERT INTO outbox (sequence, kind, body) VALUES (?, ?, ?)", [.integer(last), .text(kind), .blob(body)])
    }

    /// Drops a tenth of the rows at once, so that a full outbox is not trimmed at every event.
    private func makeRoom() throws {
        while rows > limits.rows || bytes > limits.bytes, rows > 2 {
            let doomed = try connection.query(
                "SELECT sequence, kind, body FROM outbox ORDER BY sequence LIMIT ?",
                [.integer(Int64(max(2, rows / 10)))]
            ) { ($0.integer(0), $0.text(1), $0.bytes(2)) }
            guard let first = doomed.first, let end = doomed.last else { return }
            let former = first.1 == "gap" ? try? JSONValue(parsing: first.2) : nil
            let count = doomed.count - (former == nil ? 0 : 1) + (former?["count"]?.intValue ?? 0)
            let gap: JSONValue = [
                "from": former?["from"] ?? .integer(first.0), "to": .integer(end.0), "count": .integer(Int64(count)),
            ]
            let body = gap.serialized()
            try connection.execute("DELETE FROM outbox WHERE sequence <= ?", [.integer(end.0)])
            try connection.execute(
                "INSERT INTO outbox (sequence, kind, body) VALUES (?, 'gap', ?)", [.integer(end.0), .blob(body)])
            rows -= doomed.count - 1
            bytes -= doomed.reduce(0) { $0 + $1.2.count } - body.count
        }
    }

    /// The stored range; nil when empty.
    func range() throws -> EventRange? {
        let ends = try connection.first("SELECT min(sequence), max(sequence) FROM outbox") {
            $0.isNull(0) ? nil : ($0.integer(0), $0.integer(1))
        }
        return (ends ?? nil).map { EventRange(first: $0.0, last: $0.1) }
    }

    /// Rows after `sequence`, oldest first, that fit one message.
    func batch(after sequence: Int64, limit: Int = 64, size: Int = 64 << 10) throws -> [EventBatch.Row] {
        var batch: [EventBatch.Row] = []
        var total = 0
        let found = try connection.query(
            "SELECT sequence, kind, body FROM outbox WHERE sequence > ? ORDER BY sequence LIMIT ?",
            [.integer(sequence), .integer(Int64(limit))]
        ) { ($0.integer(0), $0.text(1), $0.bytes(2)) }
        for (sequence, kind, body) in found {
            total += body.count
            if total > size, !batch.isEmpty { break }
            guard let value = try? JSONValue(parsing: body) else { continue }
            batch.append(EventBatch.Row(sequence: sequence, kind: kind == "gap" ? .gap : .event, body: value))
        }
        return batch
    }

    /// The hub has everything up to and with `sequence`.
    ///
    /// A sequence that was never given out means that this spool was lost: numbering goes on after it.
    func acknowledge(upTo sequence: Int64) throws {
        guard rows > 0 || sequence > last else { return }
        let gone = try connection.first(
            "SELECT count(*), coalesce(sum(length(body)), 0) FROM outbox WHERE sequence <= ?", [.integer(sequence)]
        ) { (Int($0.integer(0)), Int($0.integer(1))) }
        guard let gone, gone.0 > 0 || sequence > last else { return }
        try connection.transaction {
            try connection.execute("DELETE FROM outbox WHERE sequence <= ?", [.integer(sequence)])
            if sequence > last {
                try connection.execute("UPDATE outbox_state SET last = ? WHERE id = 1", [.integer(sequence)])
            }
        }
        rows -= gone.0
        bytes -= gone.1
        last = max(last, sequence)
    }

    func close() { connection.close() }
}
