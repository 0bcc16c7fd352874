import ContainerRuntime
import Linux
import Logging
import Testing

@testable import ContainerEngine

/// What a container says about its end, and what of it can be trusted.
@Suite struct TerminationMessageTests {
    /// A container's directory, removed with it.
    private final class Place {
        let data: String
        var storage: ContainerStorage { ContainerStorage(directory: data + "/containers/c") }
        var file: String { storage.terminationLog }
        var log: String { data + "/0.log" }

        init() throws {
            var template = Array("/tmp/wherry-message-XXXXXX".utf8CString)
            _ = mkdtemp(&template)
            data = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            try Files.makeDirectories(storage.directory)
        }

        deinit { try? Files.removeTree(data) }

        func write(_ bytes: [UInt8]) throws { try Files.writeAtomically(bytes, to: file, durable: false) }

        func writeLog(_ lines: [String]) throws {
            let text = lines.map { "2026-01-01T00:00:00.000000001Z stdout F \($0)\n" }.joined()
            try Files.writeAtomically(Array(text.utf8), to: log, durable: false)
        }

        func engine() throws -> Engine {
            Engine(
                dataDirectory: data, runDirectory: data,
                runtime: Runtime(root: data + "/run", executable: try SelfExecutable.open(path: "/proc/self/exe")),
                watcher: ProcessWatcher(), logger: Logger(label: "test"))
        }
    }

    private func end(_ code: Int32, reason: String? = nil, message: String? = nil) -> ContainerExit {
        ContainerExit(code: code, finishedAt: "2026-01-01T00:00:01Z", reason: reason, message: message)
    }

    @Test func anyUserOfTheContainerMayWriteTheFile() throws {
        let place = try Place()
        try TerminationMessage.makeFile(place.file)
        var info = stat()
        #expect(stat(place.file, &info) == 0 && info.st_mode & 0o777 == 0o666)
        #expect(TerminationMessage.read(place.file) == "")
        #expect(throws: SystemError.self) { try TerminationMessage.makeFile(place.file) }
    }

    @Test func theEndOfALongFileIsRead() throws {
        let place = try Place()
        try place.write(Array(("begin" + String(repeating: "x", count: 5000) + "end").utf8))
        let text = TerminationMessage.read(place.file)
        #expect(text.utf8.count == 4096 && text.hasSuffix("xend") && !text.contains("begin"))
    }

    @Test func aFileOfAnySizeIsReadAtOnce() throws {
        let place = try Place()
        try place.write([])
        #expect(truncate(place.file, 1 << 40) == 0)
        #expect(TerminationMessage.read(place.file).utf8.count == 4096)
    }

    @Test func aLinkIsNotFollowed() throws {
        let place = try Place()
        try Files.writeAtomically(Array("secret".utf8), to: place.log, durable: false)
        #expect(symlink(place.log, place.file) == 0)
        let text = TerminationMessage.read(place.file)
        #expect(text.hasPrefix("Error on reading termination log: ") && !text.contains("secret"))
    }

    @Test func aPipeHoldsNothingUp() throws {
        let place = try Place()
        #expect(mkfifo(place.file, 0o666) == 0)
        #expect(TerminationMessage.read(place.file) == "Error on reading termination log: it is not a file")
    }

    @Test func aCharacterThatWasCutOffIsLeftOut() throws {
        let place = try Place()
        // 4097 bytes: the last 4096 begin in the middle of the first character.
        try place.write(Array("é".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: 4095))
        #expect(TerminationMessage.read(place.file) == String(repeating: "x", count: 4095))
    }

    @Test func whatIsNoTextBecomesTextOfTheSameBound() throws {
        let place = try Place()
        try place.write(Array("a".utf8) + [0xFF, 0x80])
        #expect(TerminationMessage.read(place.file) == "a\u{FFFD}\u{FFFD}")
        try place.write([UInt8](repeating: 0xFF, count: 4096))
        let text = TerminationMessage.read(place.file)
        #expect(text == String(repeating: "\u{FFFD}", count: 4096 / 3))
    }

    @Test func theEndOfTheLogIsAtMost80LinesAnd2048Bytes() async throws {
        let place = try Place()
        let executor = ThreadExecutor(name: "test-logs")
        try place.writeLog((1...100).map { "\($0)" })
        #expect(
            await TerminationMessage.endOfLog(place.log, executor: executor)
                == (21...100).map { "\($0)\n" }.joined())
        try place.writeLog((1...100).map { "\($0) " + String(repeating: "y", count: 100) })
        let text = await TerminationMessage.endOfLog(place.log, executor: executor)
        #expect(text.utf8.count == 2048 && text.hasSuffix("y\n") && text.contains("\n100 "))
        #expect(await TerminationMessage.endOfLog(place.log + ".none", executor: executor) == "")
    }

    @Test func theLogStandsInForAnEmptyFileWhenTheContainerFailed() async throws {
        let place = try Place()
        let engine = try place.engine()
        try place.writeLog(["trace"])
        let labels = [Engine.messageLogLabel: place.log]
        func message(_ exit: ContainerExit, _ labels: [String: String]) async -> String? {
            await engine.withMessage(exit, of: "c", labels).message
        }
        try place.write([])
        #expect(await message(end(1), labels) == "trace\n")
        #expect(await message(end(1), [:]) == nil)
        #expect(await message(end(0), labels) == nil)
        #expect(await message(end(127, reason: "StartError", message: "no such file"), labels) == "no such file")
        try place.write(Array("own".utf8))
        #expect(await message(end(1), labels) == "own")
        #expect(await message(end(0), labels) == "own")
        #expect(await message(end(137, message: "lost"), labels) == "lost: own")
    }
}
