import ContainerEngine
import ContainerRuntime
import Linux
import Logging
import OCI
import Testing

/// What an agent finds that was killed at the wrong moment.
@Suite(.enabled(if: RuntimeFixture.isPossible))
struct AdoptionTests {
    private func engine(_ fixture: RuntimeFixture, cgroupParent: String = "/wherry") -> Engine {
        Engine(
            dataDirectory: fixture.directory + "/data", runDirectory: fixture.directory + "/run",
            runtime: fixture.runtime, watcher: ProcessWatcher(), cgroupParent: cgroupParent,
            logger: Logger(label: "test"))
    }

    @Test func `a container that was never started is removed, so that it can be made anew`() async throws {
        let fixture = try RuntimeFixture()
        _ = try fixture.runtime.create(id: "waiting", spec: fixture.spec(["sleep", "100"]))
        let adopted = try await engine(fixture).adopt()
        #expect(adopted.isEmpty)
        #expect(fixture.runtime.list().isEmpty)
        let again = try fixture.runtime.create(id: "waiting", spec: fixture.spec(["true"]))
        try fixture.runtime.start("waiting")
        _ = ChildProcess.wait(again.monitorPid)
        #expect(try fixture.runtime.state("waiting").exit?.code == 0)
    }

    @Test func `a container that runs keeps its process`() async throws {
        let fixture = try RuntimeFixture()
        let created = try fixture.runtime.create(id: "running", spec: fixture.spec(["sleep", "100"]))
        try fixture.runtime.start("running")
        let adopted = try await engine(fixture).adopt()
        #expect(adopted.map(\.pid) == [created.pid])
        #expect(kill(created.pid, 0) == 0)
    }

    @Test func `a container that was lost with the run directory ends`() async throws {
        let fixture = try RuntimeFixture()
        let spec = try fixture.spec(["sleep", "100"])
        let id = String(try #require(spec.linux.cgroupsPath).dropFirst())
        let lost = try fixture.runtime.create(id: id, spec: spec)
        try fixture.runtime.start(id)
        try Files.makeDirectories("\(fixture.directory)/data/containers/\(id)")
        try Files.removeTree("\(fixture.directory)/containers")
        #expect(try await engine(fixture, cgroupParent: "").adopt().isEmpty)
        // Its directory is another's at once: what the former monitor sees at its end is none of its own.
        let again = try fixture.runtime.create(id: id, spec: spec)
        try fixture.runtime.start(id)
        _ = ChildProcess.wait(lost.monitorPid)
        #expect(kill(lost.pid, 0) != 0)
        #expect(kill(again.pid, 0) == 0)
        #expect(try fixture.runtime.state(id).status == .running)
    }
}
