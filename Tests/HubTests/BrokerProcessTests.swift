import Identity
import JSON
import Linux
import Logging
import Testing

@testable import Hub

let isBrokerInstalled = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"].contains { Files.exists($0) }

/// A broker that outlived its hub, as after a SIGKILL.
@Suite(.serialized, .enabled(if: isBrokerInstalled, "needs mosquitto"))
struct BrokerProcessTests {
    private func make(_ scratch: Scratch, port: Int, connections: Int = 10) throws -> BrokerProcess {
        let identity = try HubIdentity.open(directory: scratch.path + "/pki", devicesKnown: false)
        return BrokerProcess(
            configuration: BrokerConfiguration(
                listen: ListenAddress(host: "127.0.0.1", port: port), directory: scratch.path + "/broker",
                account: .unprivileged(port: port), maximumConnections: connections, revokedDevices: []),
            identity: identity, names: ["127.0.0.1"], watcher: ProcessWatcher(), clock: ContinuousClock(),
            logger: Logger(label: "broker"))
    }

    private func pid(_ scratch: Scratch) throws -> Int? {
        try JSONValue(parsing: Files.read(scratch.path + "/broker/process.json"))["pid"]?.intValue
    }

    private func owner(_ pid: Int?) -> uid_t? {
        var facts = stat()
        return stat("/proc/\(pid ?? 0)", &facts) == 0 ? facts.st_uid : nil
    }

    @Test func isAdoptedWhenItsConfigurationIsTheSame() async throws {
        let scratch = try Scratch()
        let port = try ListeningPort.choose(host: "127.0.0.1")
        try await make(scratch, port: port).start(revokedSerials: [])
        let first = try #require(try pid(scratch))
        if geteuid() == 0 { #expect(try #require(owner(first)) != 0, "the broker runs as root") }
        let successor = try make(scratch, port: port)
        try await successor.start(revokedSerials: [])
        #expect(try pid(scratch) == first)
        await successor.stop()
        // Not whether its port can be bound: another test may have got that number by then.
        #expect(kill(pid_t(first), 0) != 0)
    }

    @Test func isEndedWhenItsConfigurationIsAnother() async throws {
        let scratch = try Scratch()
        let port = try ListeningPort.choose(host: "127.0.0.1")
        try await make(scratch, port: port).start(revokedSerials: [])
        let first = try #require(try pid(scratch))
        let successor = try make(scratch, port: port, connections: 11)
        try await successor.start(revokedSerials: [])
        #expect(try pid(scratch) != first)
        #expect(kill(pid_t(first), 0) != 0)
        await successor.stop()
    }
}
