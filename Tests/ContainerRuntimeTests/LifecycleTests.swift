import ContainerRuntime
import Linux
import OCI
import Testing

@Suite(.enabled(if: RuntimeFixture.isPossible), .serialized)
struct LifecycleTests {
    let fixture: RuntimeFixture

    init() throws { fixture = try RuntimeFixture() }

    @Test func `a program's output and exit status are recorded`() throws {
        let run = try fixture.shell("echo out; echo err >&2; exit 3")
        #expect(run.exit.code == 3)
        #expect(run.exit.signal == nil)
        #expect(run.output.sorted() == ["err", "out"])
    }

    @Test func `a container goes through created, running and stopped`() throws {
        let spec = try fixture.spec(["sleep", "60"]) { $0.annotations = ["a": "b"] }
        let created = try fixture.runtime.create(id: "life", spec: spec)
        var state = try fixture.runtime.state("life")
        #expect(state.status == .created)
        #expect(state.pid == created.pid)
        #expect(state.annotations == ["a": "b"])
        #expect(fixture.runtime.list() == ["life"])
        try fixture.runtime.start("life")
        #expect(try fixture.runtime.state("life").status == .running)
        #expect(throws: RuntimeError.self) { try fixture.runtime.start("life") }
        try fixture.runtime.signal("life", SIGKILL)
        try fixture.wait(created)
        state = try fixture.runtime.state("life")
        #expect(state.status == .stopped)
        #expect(state.exit?.code == 137)
        #expect(state.exit?.signal == SIGKILL)
        #expect(state.exit?.oomKilled == false)
        try fixture.runtime.delete("life")
        #expect(fixture.runtime.list() == [])
    }

    @Test func `an identifier in use is refused`() throws {
        _ = try fixture.runtime.create(id: "twice", spec: try fixture.spec(["true"]))
        let second = try fixture.spec(["true"])
        let error = #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "twice", spec: second) }
        #expect(error?.code == .exists)
    }

    @Test(arguments: ["", "../x", ".hidden", "a/b", "a b", String(repeating: "a", count: 201)])
    func `an identifier that could leave the directory is refused`(id: String) throws {
        let error = #expect(throws: RuntimeError.self) { try fixture.runtime.state(id) }
        #expect(error?.code == .invalidID)
    }

    @Test func `a missing program is reported at creation and leaves nothing`() throws {
        let spec = try fixture.spec(["nothere"])
        let error = #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "missing", spec: spec) }
        #expect(error?.code == .commandNotFound)
        #expect(error?.message == "exec: \"nothere\": executable file not found in $PATH")
        #expect(error?.exitCode == 127)
        #expect(fixture.runtime.list() == [])
    }

    @Test func `a file that is not executable is reported as permission denied`() throws {
        let spec = try fixture.spec(["/etc/passwd"])
        let error = #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "noexec", spec: spec) }
        #expect(error?.code == .permissionDenied)
        #expect(error?.exitCode == 126)
    }

    @Test func `a program in an unknown format fails at start and the exit says why`() throws {
        try Files.writeAtomically(Array("garbage".utf8), to: fixture.image + "/bin/bad", mode: 0o755)
        let created = try fixture.runtime.create(id: "bad", spec: try fixture.spec(["/bin/bad"]))
        let error = #expect(throws: RuntimeError.self) { try fixture.runtime.start("bad") }
        #expect(error?.message.contains("exec format error") == true)
        try fixture.wait(created)
        let exit = try #require(try fixture.runtime.state("bad").exit)
        #expect(exit.code == 126)
        #expect(exit.reason == "StartError")
    }

    @Test func `deleting a running container needs force`() throws {
        _ = try fixture.runtime.create(id: "busy", spec: try fixture.spec(["sleep", "60"]))
        try fixture.runtime.start("busy")
        #expect(throws: RuntimeError.self) { try fixture.runtime.delete("busy") }
        try fixture.runtime.delete("busy", force: true)
        #expect(fixture.runtime.list() == [])
    }

    @Test func `a container whose monitor was killed is found and settled`() throws {
        let created = try fixture.runtime.create(id: "orphan", spec: try fixture.spec(["sleep", "60"]))
        try fixture.runtime.start("orphan")
        kill(created.monitorPid, SIGKILL)
        try fixture.wait(created)
        let state = try fixture.runtime.state("orphan")
        #expect(state.status == .running)
        #expect(!state.monitorIsAlive)
        let exit = try fixture.runtime.settle("orphan")
        #expect(exit.code == 137)
        #expect(exit.reason == "MonitorLost")
        #expect(try fixture.runtime.state("orphan").status == .stopped)
        try fixture.runtime.delete("orphan")
    }

    @Test func `the exit is recorded while no agent is there`() throws {
        let created = try fixture.runtime.create(id: "alone", spec: try fixture.spec(["sh", "-c", "exit 7"]))
        let other = Runtime(
            root: fixture.runtime.root, executable: try SelfExecutable.open(path: try #require(RuntimeFixture.probe)))
        try other.start("alone")
        try fixture.wait(created)
        #expect(try other.state("alone").exit?.code == 7)
    }

    @Test func `many layers with awkward names make one root`() throws {
        let run = try fixture.shell("cat /layer0 /layer149") { spec in
            for number in 0..<150 {
                let path = "\(fixture.directory)/l,\(number):x \\y"
                try Files.makeDirectories(path)
                try Files.writeAtomically(
                    Array("\(number)\n".utf8), to: "\(path)/layer\(number)", mode: 0o644, durable: false)
                spec.wherry.overlay?.lower.append(path)
            }
        }
        #expect(run.output == ["0", "149"])
    }
}
