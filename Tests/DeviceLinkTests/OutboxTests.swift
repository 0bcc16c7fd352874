import FleetProtocol
import JSON
import Testing

@testable import DeviceLink

struct OutboxTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private func body(_ number: Int) -> JSONValue { ["n": .integer(Int64(number))] }

    @Test func rowsStayUntilTheHubHasThem() async throws {
        let outbox = try Outbox(path: scratch.path + "/spool.db")
        try await outbox.append((1...5).map(body))
        #expect(try await outbox.range() == EventRange(first: 1, last: 5))
        try await outbox.acknowledge(upTo: 3)
        #expect(try await outbox.batch(after: 0).map(\.sequence) == [4, 5])
        #expect(try await outbox.batch(after: 4).map(\.body) == [body(5)])
    }

    @Test func numberingGoesOnAfterARestart() async throws {
        let first = try Outbox(path: scratch.path + "/spool.db")
        try await first.append([body(1), body(2)])
        try await first.acknowledge(upTo: 2)
        await first.close()
        let second = try Outbox(path: scratch.path + "/spool.db")
        try await second.append([body(3)])
        #expect(try await second.range() == EventRange(first: 3, last: 3))
    }

    @Test func fullOutboxDropsTheOldestAndSaysSo() async throws {
        let outbox = try Outbox(path: scratch.path + "/spool.db", limits: .init(rows: 20, bytes: 1 << 20))
        for number in 1...100 { try await outbox.append([body(number)]) }
        let rows = try await outbox.batch(after: 0, limit: 1000)
        #expect(rows.count <= 20)
        let gap = try #require(rows.first)
        #expect(gap.kind == .gap)
        #expect(gap.body["from"] == 1)
        #expect(gap.body["to"] == .integer(gap.sequence))
        #expect(gap.body["count"]?.intValue == 100 - (rows.count - 1))
        #expect(rows.last?.body == body(100))
        #expect(rows.map(\.sequence) == rows.map(\.sequence).sorted())
    }

    @Test func bytesAreBoundedToo() async throws {
        let outbox = try Outbox(path: scratch.path + "/spool.db", limits: .init(rows: 1000, bytes: 10_000))
        let large: JSONValue = ["text": .string(String(repeating: "x", count: 900))]
        for _ in 0..<50 { try await outbox.append([large]) }
        let size = try await outbox.batch(after: 0, limit: 1000, size: 1 << 20).reduce(0) {
            $0 + $1.body.serialized().count
        }
        #expect(size <= 10_000)
    }

    @Test func lostSpoolNumbersOnAfterWhatTheHubHas() async throws {
        let outbox = try Outbox(path: scratch.path + "/spool.db")
        try await outbox.acknowledge(upTo: 500)
        try await outbox.append([body(1)])
        #expect(try await outbox.range() == EventRange(first: 501, last: 501))
    }

    @Test func batchIsBoundedByBytes() async throws {
        let outbox = try Outbox(path: scratch.path + "/spool.db")
        try await outbox.append((0..<10).map { _ in ["text": .string(String(repeating: "x", count: 1000))] })
        #expect(try await outbox.batch(after: 0, size: 3500).count == 3)
        #expect(try await outbox.batch(after: 0, size: 10).count == 1)
    }
}
