import Linux
import Testing

@testable import ContainerEngine

@Suite struct LogTests {
    /// A log file in a directory of its own, removed with it.
    private final class Log {
        let directory: String
        var path: String { directory + "/0.log" }

        init() throws {
            var template = Array("/tmp/wherry-log-XXXXXX".utf8CString)
            _ = mkdtemp(&template)
            directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }

        deinit { try? Files.removeTree(directory) }

        func write(_ lines: [String], to suffix: String = "") throws {
            let text = lines.map { $0 + "\n" }.joined()
            try Files.writeAtomically(Array(text.utf8), to: path + suffix, durable: false)
        }
    }

    private func line(_ second: Int, _ text: String, tag: String = "F") -> String {
        "2026-01-01T00:00:0\(second).000000001Z stdout \(tag) \(text)"
    }

    private func read(_ log: Log, live: Bool = false, _ change: (inout LogQuery) -> Void = { _ in }) async throws
        -> String
    {
        var query = LogQuery()
        change(&query)
        let session = LogSession(
            path: log.path, query: query, executor: ThreadExecutor(name: "test-logs"), isLive: { live },
            pause: { await Task.yield() })
        var bytes: [UInt8] = []
        while let chunk = try await session.next() { bytes += chunk }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func linesComeWithoutTheirHeaders() async throws {
        let log = try Log()
        try log.write([line(1, "one"), line(2, "two")])
        #expect(try await read(log) == "one\ntwo\n")
    }

    @Test func partsOfALongLineAreJoined() async throws {
        let log = try Log()
        try log.write([line(1, "long ", tag: "P"), line(1, "line")])
        #expect(try await read(log) == "long line\n")
    }

    @Test func timestampsCanBeShown() async throws {
        let log = try Log()
        try log.write([line(1, "one")])
        #expect(try await read(log) { $0.timestamps = true } == "2026-01-01T00:00:01.000000001Z one\n")
    }

    @Test func rotatedFilesComeFirst() async throws {
        let log = try Log()
        try log.write([line(1, "old")], to: ".2")
        try log.write([line(2, "middle")], to: ".1")
        try log.write([line(3, "new")])
        #expect(try await read(log) == "old\nmiddle\nnew\n")
    }

    @Test(arguments: [(0, ""), (1, "d\n"), (3, "b\nc\nd\n"), (9, "a\nb\nc\nd\n")])
    func aTailReachesIntoRotatedFiles(count: Int, expected: String) async throws {
        let log = try Log()
        try log.write([line(1, "a"), line(2, "b")], to: ".1")
        try log.write([line(3, "c"), line(4, "d")])
        #expect(try await read(log) { $0.tailLines = count } == expected)
    }

    @Test func olderLinesAreLeftOutWithSince() async throws {
        let log = try Log()
        try log.write([line(1, "a"), line(2, "b"), line(3, "c")])
        let since = try #require(RFC3339.parse("2026-01-01T00:00:02Z"))
        #expect(try await read(log) { $0.since = LogQuery.Moment(seconds: since.seconds) } == "b\nc\n")
    }

    @Test func outputEndsAtTheLimit() async throws {
        let log = try Log()
        try log.write([line(1, "abcdef"), line(2, "gh")])
        #expect(try await read(log) { $0.limitBytes = 4 } == "abcd")
    }

    @Test func damagedLinesAreSkipped() async throws {
        let log = try Log()
        try log.write(["\u{0}\u{0}garbage", line(1, "fine")])
        #expect(try await read(log) == "fine\n")
    }

    @Test func aMissingLogIsEmpty() async throws {
        #expect(try await read(try Log()) == "")
    }

    @Test func followingGoesOnAcrossARotationAndEndsWithTheContainer() async throws {
        let log = try Log()
        try log.write([line(1, "before")])
        var query = LogQuery()
        query.follow = true
        let phases = Phases()
        let path = log.path
        let next = line(2, "after")
        let session = LogSession(
            path: log.path, query: query, executor: ThreadExecutor(name: "test-logs"),
            isLive: { await phases.isLive },
            pause: {
                if await phases.advance() == 1 {
                    rename(path, path + ".1")
                    try Files.writeAtomically(Array((next + "\n").utf8), to: path, durable: false)
                }
            })
        var text = ""
        while let chunk = try await session.next() { text += String(decoding: chunk, as: UTF8.self) }
        #expect(text == "before\nafter\n")
    }

    private actor Phases {
        private var pauses = 0
        var isLive: Bool { pauses < 3 }
        func advance() -> Int {
            pauses += 1
            return pauses
        }
    }
}
