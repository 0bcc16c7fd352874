import ContainerRuntime
import Linux
import OCI
import Testing

@Suite(.enabled(if: RuntimeFixture.isPossible), .serialized)
struct ExecTests {
    let fixture: RuntimeFixture

    init() throws {
        fixture = try RuntimeFixture()
        let spec = try fixture.spec(["sleep", "60"])
        let created = try fixture.runtime.create(id: "host", spec: spec)
        close(created.monitorPidfd)
        try fixture.runtime.start("host")
    }

    private func exec(
        _ arguments: [String], user: RuntimeSpec.User = .init(), timeout: Duration? = nil
    ) throws -> Runtime.ExecResult {
        let process = RuntimeSpec.Process(
            args: arguments, env: ["PATH=/bin"], user: user,
            capabilities: .allowing(RuntimeSpec.Capabilities.defaultNames))
        return try fixture.runtime.execResult(
            try fixture.runtime.exec(id: "host", process: process, timeout: timeout))
    }

    private func text(_ result: Runtime.ExecResult) -> String {
        String(decoding: result.output, as: UTF8.self)
    }

    @Test func `output and status come back`() throws {
        let result = try exec(["sh", "-c", "echo hello; echo err >&2; exit 5"])
        #expect(result.status == .exited(5))
        #expect(text(result) == "hello\nerr\n")
        #expect(!result.timedOut)
    }

    @Test func `the process is in every namespace of the container`() throws {
        let result = try exec([
            "sh", "-c",
            "hostname; cat /proc/1/comm; ls /sys/class/net; for p in self 1; do for n in cgroup ipc mnt net pid uts; do readlink /proc/$p/ns/$n; done; done",
        ])
        let lines = text(result).split(separator: "\n")
        #expect(lines.prefix(3) == ["box", "sleep", "lo"])
        let links = Array(lines.dropFirst(3))
        #expect(links.count >= 12)
        #expect(links.prefix(links.count / 2) == links.suffix(links.count / 2))
    }

    @Test func `the process is filtered, confined and holds nothing of the host`() throws {
        let result = try exec([
            "sh", "-c",
            "grep -E 'Seccomp:|CapBnd|CapInh' /proc/self/status; ls /proc/self/fd; cat /proc/self/cgroup > /tmp/a; "
                + "cat /proc/1/cgroup > /tmp/b; cmp /tmp/a /tmp/b && echo same-cgroup",
        ])
        let output = text(result)
        #expect(output.contains("Seccomp:\t2"))
        #expect(output.contains("CapBnd:\t00000000a80425fb"))
        #expect(output.contains("CapInh:\t0000000000000000"))
        #expect(output.contains("\n0\n1\n2\n3\n"))
        #expect(!output.contains("\n4\n"))
        #expect(output.contains("same-cgroup"))
    }

    @Test func `a missing program is an error with its code`() throws {
        let error = #expect(throws: RuntimeError.self) { try exec(["nothere"]) }
        #expect(error?.code == .commandNotFound)
    }

    @Test func `a process that takes too long is killed`() throws {
        let result = try exec(["sh", "-c", "echo before; sleep 30"], timeout: .milliseconds(200))
        #expect(result.timedOut)
        #expect(result.status == .signaled(SIGKILL))
        #expect(text(result) == "before\n")
    }

    @Test func `output past 10 KiB is dropped without blocking the process`() throws {
        let result = try exec(["sh", "-c", "yes | head -c 300000; exit 4"])
        #expect(result.status == .exited(4))
        #expect(result.output.count == 10 << 10)
    }

    @Test func `a background child does not hold up the result`() throws {
        let result = try exec(["sh", "-c", "sleep 20 & echo done"])
        #expect(result.status == .exited(0))
        #expect(text(result) == "done\n")
    }

    @Test func `a user by name is looked up in the container`() throws {
        let result = try exec(["id"], user: .init(username: "web:root"))
        #expect(
            text(result) == "uid=1000(web) gid=0(root) groups=0(root)\n"
                || text(result) == "uid=1000(web) gid=0(root)\n")
    }

    @Test func `a stopped container is refused`() throws {
        try fixture.runtime.signal("host", SIGKILL)
        #expect(try fixture.eventually { try fixture.runtime.state("host").status == .stopped })
        let error = #expect(throws: RuntimeError.self) { try exec(["true"]) }
        #expect(error?.code == .invalidState)
    }
}
