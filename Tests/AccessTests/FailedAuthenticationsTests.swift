import JSON
import Linux
import Logging
import Testing

@testable import Access

struct FailureTallyTests {
    private var tally = FailureTally()

    private static func event(_ address: String) -> JSONValue { ["sourceIPs": [.string(address)]] }

    private mutating func note(_ address: String) -> JSONValue? { tally.note(from: address) { Self.event(address) } }

    private mutating func told() -> [String: Int] {
        Dictionary(
            uniqueKeysWithValues: tally.endPeriod(now: "then").map { event in
                #expect(event["stageTimestamp"] == "then")
                return (
                    event["sourceIPs"]?.arrayValue?.first?.stringValue ?? "",
                    Int(event[path: "annotations", FailureTally.requests]?.stringValue ?? "") ?? -1
                )
            })
    }

    @Test mutating func `the first request is told at once, the others are counted`() {
        #expect(note("192.0.2.1") == Self.event("192.0.2.1"))
        #expect(note("192.0.2.2") != nil)
        for _ in 0..<1_000 { #expect(note("192.0.2.1") == nil) }
        #expect(told() == ["192.0.2.1": 1_000])
    }

    @Test mutating func `who goes on is told once a period, who comes back after one at once`() {
        _ = note("192.0.2.1")
        _ = note("192.0.2.1")
        #expect(told() == ["192.0.2.1": 1])
        #expect(note("192.0.2.1") == nil)
        #expect(told() == ["192.0.2.1": 1])
        #expect(told() == [:])
        #expect(note("192.0.2.1") != nil)
    }

    @Test mutating func `a network of IPv6 counts as one`() {
        #expect(note("2001:db8::1") != nil)
        #expect(note("2001:db8::2") == nil)
        #expect(told() == ["2001:db8::2": 1])
    }

    @Test mutating func `however many networks, events and memory are bounded`() {
        var events = 0
        for number in 0..<10_000 {
            if note("10.1.\(number / 250).\(number % 250)") != nil { events += 1 }
        }
        #expect(events == FailureTally.networks + 1)
        let last = tally.endPeriod(now: "then")
        #expect(last.count == 1)
        #expect(last.first?[path: "annotations", FailureTally.sources] == "several")
        #expect(
            last.first?[path: "annotations", FailureTally.requests]
                == .string("\(10_000 - FailureTally.networks - 1)"))
    }

    @Test mutating func `an event is made only when it is kept`() {
        var made = 0
        for _ in 0..<100 {
            _ = tally.note(from: "192.0.2.1") {
                made += 1
                return [:]
            }
        }
        #expect(made == 2)
    }
}

struct FailedAuthenticationsTests {
    /// How many requests each line of the log tells of.
    private func told(_ path: String) throws -> [String] {
        try Files.read(path).split(separator: UInt8(ascii: "\n")).map {
            try JSONValue(parsing: Array($0))[path: "annotations", FailureTally.requests]?.stringValue ?? "1"
        }
    }

    private func failures(_ path: String, period: Duration, requests: Int) -> FailedAuthentications {
        let failures = FailedAuthentications(
            log: AuditLog(path: path, logger: .silent), period: period, clock: ContinuousClock())
        for _ in 0..<requests { failures.note(from: "192.0.2.1") { ["kind": "Event"] } }
        return failures
    }

    @Test(.timeLimit(.minutes(1))) func `what was counted is written after a period`() async throws {
        try await Scene.run { scene in
            let path = scene.directory + "/audit.log"
            let failures = failures(path, period: .milliseconds(1), requests: 100)
            #expect(try told(path) == ["1"])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await failures.run() }
                while try told(path) != ["1", "99"] { try await Task.sleep(for: .milliseconds(1)) }  // poll
                group.cancelAll()
            }
            #expect(try told(path) == ["1", "99"])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `what was counted is written when the daemon ends`() async throws {
        try await Scene.run { scene in
            let path = scene.directory + "/audit.log"
            let failures = failures(path, period: .seconds(3_600), requests: 6)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await failures.run() }
                group.cancelAll()
            }
            let lines = try told(path)
            #expect(lines == ["1", "5"])
        }
    }
}
