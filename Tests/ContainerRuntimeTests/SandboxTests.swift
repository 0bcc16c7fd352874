import ContainerRuntime
import Linux
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

    @Test func `on the host's network only ipc and uts are made`() throws {
        let sandbox = try fixture.runtime.makeSandbox(id: "host", hostname: "h", hostNetwork: true)
        #expect(sandbox.net == nil)
        #expect(Files.exists(sandbox.uts))
    }
}
