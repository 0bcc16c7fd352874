import ContainerEngine
import ContainerRuntime
import JSON
import Linux
import Logging
import OCI
import Testing

@Suite(.enabled(if: RuntimeFixture.isPossible), .serialized)
struct SandboxTests {
    let fixture: RuntimeFixture

    init() throws { fixture = try RuntimeFixture() }

    @Test func `containers of a sandbox share its namespaces`() throws {
        let sandbox = try fixture.runtime.makeSandbox(
            id: "pod", hostname: "pod-name", sysctls: ["net.ipv4.ip_unprivileged_port_start": "0"])
        let script =
            "hostname; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ip -o link; readlink /proc/self/ns/net"
        let runs = try (0..<2).map { _ in
            try fixture.shell(script) { spec in
                spec.linux.namespaces = [
                    .init(.pid), .init(.mount), .init(.network, path: sandbox.net), .init(.ipc, path: sandbox.ipc),
                    .init(.uts, path: sandbox.uts),
                ]
            }
        }
        #expect(runs[0].output.prefix(2) == ["pod-name", "0"])
        #expect(runs[0].text.contains("lo: <LOOPBACK,UP"))
        #expect(runs[0].output == runs[1].output)
        try fixture.runtime.removeSandbox(id: "pod")
        #expect(fixture.runtime.listSandboxes() == [])
        #expect(try fixture.runtime.sandbox(id: "pod") == nil)
    }

    @Test func `a sandbox can be found again and is not made twice`() throws {
        let made = try fixture.runtime.makeSandbox(id: "again", hostname: "h")
        #expect(try fixture.runtime.sandbox(id: "again") == made)
        let error = #expect(throws: RuntimeError.self) { try fixture.runtime.makeSandbox(id: "again", hostname: "h") }
        #expect(error?.code == .exists)
        try fixture.runtime.removeSandbox(id: "again")
        try fixture.runtime.removeSandbox(id: "again")
    }

    @Test func `a sandbox with a sysctl of the host is refused and leaves nothing`() throws {
        #expect(throws: RuntimeError.self) {
            try fixture.runtime.makeSandbox(id: "bad", hostname: "h", sysctls: ["vm.swappiness": "1"])
        }
        #expect(fixture.runtime.listSandboxes() == [])
    }

    @Test func `a container's namespace is opened while its first process runs, and not by a number that another has`()
        throws
    {
        let spec = try fixture.spec(["sleep", "600"])
        let created = try fixture.runtime.create(id: "target", spec: spec, options: .init(log: fixture.log("target")))
        try fixture.runtime.start("target")
        let file = try fixture.runtime.openNamespace(.pid, of: "target")
        #expect(Self.link(file.path) == Self.link("/proc/\(created.pid)/ns/pid"))
        let beside = try fixture.shell("readlink /proc/self/ns/pid") { spec in
            spec.linux.namespaces.removeAll { $0.type == .pid }
            spec.linux.namespaces.append(.init(.pid, path: file.path))
        }
        #expect(beside.output.first == Self.link(file.path))
        // A record of a process that began at another time is one of a number that was used again.
        let record = "\(fixture.directory)/containers/target/state.json"
        let kept = try Files.read(record)
        var stale = try JSONValue(parsing: kept)
        stale["startTime"] = .integer(Int64(stale["startTime"]?.intValue ?? 0) + 1)
        try Files.writeAtomically(stale.serialized(), to: record)
        let error = #expect(throws: RuntimeError.self) { try fixture.runtime.openNamespace(.pid, of: "target") }
        #expect(error?.code == .invalidState)
        try Files.writeAtomically(kept, to: record)
        try fixture.runtime.signal("target", SIGKILL, all: true)
        try fixture.wait(created)
        let late = #expect(throws: RuntimeError.self) { try fixture.runtime.openNamespace(.pid, of: "target") }
        #expect(late?.code == .invalidState)
        try fixture.runtime.delete("target")
    }

    @Test func `settings for IPC get a namespace on the host's network, for one container, too`() async throws {
        let engine = Engine(
            dataDirectory: fixture.directory + "/data", runDirectory: fixture.directory + "/run",
            runtime: fixture.runtime, watcher: ProcessWatcher(), logger: Logger(label: "test"))
        var request = SandboxRequest(id: "plain", hostname: "h", usesHostNetwork: true, sharesIPC: false)
        #expect(try await engine.makeSandbox(request).ipcNamespace == nil)
        request.id = "tuned"
        request.sysctls = ["kernel.shmmax": "123456", "fs.mqueue.msg_max": "11"]
        let sandbox = try await engine.makeSandbox(request)
        #expect(sandbox.networkNamespace == nil && sandbox.utsNamespace == nil)
        let path = try #require(sandbox.ipcNamespace)
        let run = try fixture.shell("cat /proc/sys/kernel/shmmax /proc/sys/fs/mqueue/msg_max") { spec in
            spec.linux.namespaces = [.init(.pid), .init(.mount), .init(.uts), .init(.ipc, path: path)]
        }
        #expect(run.output == ["123456", "11"])
        #expect(try await engine.makeSandbox(request) == sandbox)
    }

    private static func link(_ path: String) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        let length = max(0, readlink(path, &buffer, 255))
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    @Test func `on the host's network only ipc and uts are made`() throws {
        let sandbox = try fixture.runtime.makeSandbox(id: "host", hostname: "h", hostNetwork: true)
        #expect(sandbox.net == nil)
        #expect(Files.exists(sandbox.uts))
        // Its containers have the host's.
        for name in ["kernel.domainname", "net.core.somaxconn"] {
            #expect(throws: RuntimeError.self) {
                try fixture.runtime.makeSandbox(id: "bad", hostname: "h", sysctls: [name: "1"], hostNetwork: true)
            }
        }
    }
}
