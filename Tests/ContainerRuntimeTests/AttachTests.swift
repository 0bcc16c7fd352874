import ContainerRuntime
import Linux
import OCI
import Testing

@Suite(.enabled(if: RuntimeFixture.isPossible), .serialized)
struct AttachTests {
    let fixture: RuntimeFixture

    init() throws { fixture = try RuntimeFixture() }

    private func start(
        _ script: String, _ input: ContainerInput, _ change: (inout RuntimeSpec) throws -> Void = { _ in }
    ) throws -> Runtime.Created {
        let created = try fixture.runtime.create(
            id: "c", spec: try fixture.spec(["sh", "-c", script], change),
            options: .init(log: fixture.log("c"), input: input))
        try fixture.runtime.start("c")
        return created
    }

    private func write(_ text: String, _ streams: ProcessStreams) throws {
        try Files.writeAll(try #require(streams.input), Array(text.utf8))
    }

    /// Reads up to a text, for at most 20 seconds without any.
    private func read(_ descriptor: Int32?, until text: String) throws {
        let descriptor = try #require(descriptor)
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !String(decoding: received, as: UTF8.self).contains(text) {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            try #require(poll(&entry, 1, 20_000) == 1, "only: \(String(decoding: received, as: UTF8.self))")
            let count = Linux.read(descriptor, &buffer, buffer.count)
            try #require(count > 0, "only: \(String(decoding: received, as: UTF8.self))")
            received += buffer[..<count]
        }
    }

    @Test func `an input for one client ends with it`() throws {
        let created = try start("cat; echo over >&2", .once)
        let streams = try fixture.runtime.attach("c")
        try write("hello", streams)
        close(try #require(streams.input))
        #expect(try Files.readToEnd(try #require(streams.stdout), limit: 100) == Array("hello".utf8))
        #expect(try Files.readToEnd(try #require(streams.stderr), limit: 100) == Array("over\n".utf8))
        try fixture.wait(created)
        #expect(try fixture.runtime.state("c").exit?.code == 0)
        #expect(fixture.output("c").sorted() == ["hello", "over"])
        for descriptor in [streams.stdout, streams.stderr].compactMap(\.self) { close(descriptor) }
        let error = #expect(throws: RuntimeError.self) { try fixture.runtime.attach("c") }
        #expect(error?.code == .invalidState)
    }

    @Test func `an open input stays for the next client, and the first has what was said before`() throws {
        let created = try start("echo prompt; while read x; do echo got $x; done", .open)
        let first = try fixture.runtime.attach("c")
        try read(first.stdout, until: "prompt\n")
        try write("one\n", first)
        try read(first.stdout, until: "got one\n")
        first.close()
        let second = try fixture.runtime.attach("c")
        let third = try fixture.runtime.attach("c")
        try write("two\n", second)
        try read(second.stdout, until: "got two\n")
        try read(third.stdout, until: "got two\n")
        second.close()
        third.close()
        try fixture.runtime.signal("c", SIGKILL)
        try fixture.wait(created)
    }

    @Test func `who comes after the last word, before the end, has what was said`() throws {
        let created = try start("echo word; exec >&- 2>&-; read x", .open)
        #expect(fixture.eventually { fixture.output("c") == ["word"] })
        let streams = try fixture.runtime.attach("c")
        #expect(try Files.readToEnd(try #require(streams.stdout), limit: 100) == Array("word\n".utf8))
        #expect(try Files.readToEnd(try #require(streams.stderr), limit: 100) == [])
        streams.close()
        try fixture.runtime.signal("c", SIGKILL)
        try fixture.wait(created)
    }

    @Test func `a terminal is shared with the client`() throws {
        let created = try start("read x; echo got $x; read y", .open) { $0.process?.terminal = true }
        let streams = try fixture.runtime.attach("c")
        #expect(streams.hasTerminal)
        try ProcessStreams.resize(terminal: try #require(streams.input), rows: 33, columns: 44)
        try write("word\n", streams)
        // The terminal's echo, its line end, and the program's.
        try read(streams.stdout, until: "word\r\ngot word\r\n")
        try write("\n", streams)
        try fixture.wait(created)
        streams.close()
        #expect(fixture.output("c").joined().contains("got word"))
    }

    @Test func `a client that does not read holds the container back until it goes`() throws {
        let created = try start("read x; head -c 1000000 /dev/zero; echo; echo over >&2", .open)
        let streams = try fixture.runtime.attach("c")
        try write("go\n", streams)
        try read(streams.stdout, until: "\0")
        // More than the pipes hold is left, so the end can't have come.
        var entry = pollfd(fd: created.monitorPidfd, events: Int16(POLLIN), revents: 0)
        #expect(poll(&entry, 1, 300) == 0)
        streams.close()
        try fixture.wait(created)
        #expect(fixture.output("c").contains("over"))
    }

    @Test func `a process is connected to the caller's pipes`() throws {
        let created = try start("sleep 60", .none)
        let input = try FileDescriptor.pipe()
        let output = try FileDescriptor.pipe()
        let process = RuntimeSpec.Process(args: ["sh", "-c", "cat; exit 9"], env: ["PATH=/bin"])
        let handle = try fixture.runtime.exec(
            id: "c", process: process,
            connections: .init(standard: [input.reader.rawValue, output.writer.rawValue, nil]))
        let reader = try output.reader.duplicate()
        let writer = try input.writer.duplicate()
        closeBoth(input)
        closeBoth(output)
        try writer.writeAll(Array("hello".utf8))
        writer.close()
        #expect(try reader.readToEnd(limit: 100) == Array("hello".utf8))
        #expect(try fixture.runtime.execResult(handle).status == .exited(9))
        try fixture.runtime.signal("c", SIGKILL)
        try fixture.wait(created)
    }

    private func closeBoth(_ ends: consuming PipeEnds) {}
}
