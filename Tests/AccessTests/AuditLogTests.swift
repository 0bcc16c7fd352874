import JSON
import Linux
import Logging
import Testing

@testable import Access

struct AuditLogTests {
    private func lines(_ path: String) throws -> [Int] {
        try Files.read(path).split(separator: UInt8(ascii: "\n")).map { line in
            try JSONValue(parsing: Array(line))["n"]?.intValue ?? -1
        }
    }

    @Test func filesAreBoundedAndNoRecordIsCut() async throws {
        try await Scene.run { scene in
            let path = scene.directory + "/audit.log"
            let logger = Logger.silent
            let log = AuditLog(path: path, sizeLimit: 100, olderFiles: 2, logger: logger)
            for number in 0..<100 { log.append(["n": .integer(Int64(number))]) }
            let files = try Files.listDirectory(scene.directory).filter { $0.hasPrefix("audit.log") }
            #expect(files == ["audit.log", "audit.log.1", "audit.log.2"])
            var kept: [Int] = []
            for name in files.reversed() {
                #expect(try Files.read(scene.directory + "/" + name).count <= 100)
                kept += try lines(scene.directory + "/" + name)
            }
            #expect(kept == Array(kept[0]..<100))
            // A new process goes on where the last one was.
            AuditLog(path: path, sizeLimit: 100, olderFiles: 2, logger: logger).append(["n": 100])
            #expect(try lines(path).last == 100)
        }
    }

    @Test func aDiskThatRefusesStopsNothing() async throws {
        try await Scene.run { scene in
            let log = AuditLog(path: scene.directory + "/none/audit.log", logger: .silent)
            log.append(["n": 1])
            try Files.makeDirectories(scene.directory + "/none")
            log.append(["n": 2])
            #expect(try lines(scene.directory + "/none/audit.log") == [2])
        }
    }

    private static let filling = String(repeating: "x", count: 10_000)
    private static let half = #"{"n":2,"user":{"na"#

    /// - Parameter kept: the whole lines' numbers before the next record.
    @Test(arguments: [
        (half, [1]), ("\0\0\0\0", [1]), (half + "\0\0", [1]), ("\0\0" + half, [1]), ("12", [1]),
        // A record that lacks its newline alone is no torn one.
        (#"{"n":2}"#, [1, 2]), (#"{"n":2}"# + "\0\0\0", [1, 2]),
        // More than one block is read for it.
        (half + filling, [1]), (#"{"n":2,"x":""# + filling + #""}"#, [1, 2]),
        (String(repeating: "\0", count: 8_192), [1]), ("", [1]),
    ])
    func aTornLineSpoilsNoOther(rest: String, kept: [Int]) async throws {
        try await Scene.run { scene in
            let path = scene.directory + "/audit.log"
            try Files.writeAtomically(Array((#"{"n":1}"# + "\n" + rest).utf8), to: path)
            let log = AuditLog(path: path, sizeLimit: 20_000, logger: .silent)
            log.append(["n": 3])
            log.append(["n": 4])
            #expect(try lines(path) == kept + [3, 4])
            #expect(try Files.read(path).last == UInt8(ascii: "\n"))
        }
    }

    @Test func aFileOfATornLineAloneBecomesEmpty() async throws {
        try await Scene.run { scene in
            let path = scene.directory + "/audit.log"
            try Files.writeAtomically(Array(Self.half.utf8), to: path)
            AuditLog(path: path, logger: .silent).append(["n": 3])
            #expect(try lines(path) == [3])
        }
    }
}
