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
            let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
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
            let log = AuditLog(
                path: scene.directory + "/none/audit.log",
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            log.append(["n": 1])
            try Files.makeDirectories(scene.directory + "/none")
            log.append(["n": 2])
            #expect(try lines(scene.directory + "/none/audit.log") == [2])
        }
    }
}
