import FleetProtocol
import Identity
import JSON
import Linux
import MQTT
import ResourceStore
import Resources
import Synchronization

@testable import DeviceLink

/// A real mosquitto with mTLS, a certificate authority, and a hub played by the test.
final class Fleet: Sendable {
    static let program = "/usr/sbin/mosquitto"
    static var isPossible: Bool { Files.exists(program) }

    let scratch: Scratch
    let port: Int
    let authority: CertificateAuthority
    let signer: Signer
    private let child = Mutex<ChildProcess.Spawned?>(nil)

    init() throws {
        scratch = try Scratch()
        port = try Fleet.freePort()
        authority = try CertificateAuthority.create(commonName: "test fleet")
        signer = try Signer()
        let server = try authority.issueServer(commonName: "broker", names: ["127.0.0.1"])
        try write("ca.pem", authority.certificatePEM)
        try write("server.pem", server.certificatePEM)
        try write("server.key", server.keyPEM)
        try write(
            "acl",
            "user hub\ntopic readwrite wh/1/#\npattern write wh/1/d/%u/up/#\npattern read wh/1/d/%u/dn/#\ntopic read wh/1/hub/state\n"
        )
        try write(
            "mosquitto.conf",
            """
            user root
            listener \(port) 127.0.0.1
            cafile \(scratch.path)/ca.pem
            certfile \(scratch.path)/server.pem
            keyfile \(scratch.path)/server.key
            require_certificate true
            use_identity_as_username true
            use_username_as_clientid true
            allow_anonymous false
            acl_file \(scratch.path)/acl
            max_packet_size 163840

            """)
    }

    private func write(_ name: String, _ text: String) throws {
        try Files.writeAtomically(Array(text.utf8), to: scratch.path + "/" + name, durable: false)
    }

    func startBroker() throws {
        let log = try FileDescriptor.open(scratch.path + "/log", O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        let new = try ChildProcess.spawn(
            path: Fleet.program, arguments: ["mosquitto", "-c", scratch.path + "/mosquitto.conf"],
            fileDescriptors: [(log.rawValue, 1), (log.rawValue, 2)])
        log.close()
        child.withLock { $0 = new }
    }

    func stopBroker() {
        guard let old = child.withLock({ $0.take() }) else { return }
        kill(old.pid, SIGKILL)
        _ = ChildProcess.wait(old.pid)
        _ = close(old.pidfd)
    }

    deinit { stopBroker() }

    /// Puts a finished enrolment into a device's data directory.
    func enrol(_ dataDirectory: String) throws {
        let request = try SigningRequest.create(commonName: "x")
        var response = signer.response(brokers: ["127.0.0.1:\(port)"])
        response.certificate = try authority.issueClient(
            commonName: signer.device.text, signingRequestPEM: request.pem)
        response.caCertificate = authority.certificatePEM
        try Enrolment.store(
            response, hub: "127.0.0.1:1", keyPEM: request.keyPEM, in: .init(dataDirectory: dataDirectory))
    }

    /// The hub's connection.
    func hub() async throws -> HubSide {
        let pair = try authority.issueClient(commonName: "hub")
        try write("hub.pem", pair.certificatePEM)
        try write("hub.key", pair.keyPEM)
        let path = scratch.path
        let configuration = MQTTConfiguration(
            host: "127.0.0.1", port: port, clientID: "hub",
            tls: .init(
                authorityFile: path + "/ca.pem", certificateFile: path + "/hub.pem", keyFile: path + "/hub.key"))
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                let connection = try await MQTTConnection.open(configuration)
                try await connection.subscribe([Topic.upFilter()])
                return HubSide(connection: connection, signer: signer)
            } catch {
                guard ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(50))  // poll
            }
        }
    }

    static func freePort() throws -> Int {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { _ = close(fd) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(fd, $0, length) == 0 && getsockname(fd, $0, &length) == 0
            }
        }
        guard bound else { throw Failure(description: "no free port") }
        return Int(in_port_t(bigEndian: address.sin_port))
    }
}

/// What a test says and hears as the hub.
struct HubSide: Sendable {
    let connection: MQTTConnection
    let signer: Signer

    /// The next message on a leaf, answering nothing in between.
    func next(
        _ leaf: Topic.Up, from messages: inout MQTTMessages.AsyncIterator
    ) async throws -> Envelope {
        while let message = await messages.next() {
            guard case .up(_, let found) = try Topic(parsing: message.topic), found == leaf else { continue }
            return try Envelope(parsing: message.payload, depth: FleetLimits.objectDepth)
        }
        throw Failure(
            description:
                "the hub's connection ended while waiting for \(leaf): \(connection.closeReason.map { "\($0)" } ?? "cancelled")"
        )
    }

    func send(_ leaf: Topic.Down, _ message: some FleetMessage, retain: Bool = false) async throws {
        let envelope = try Envelope(epoch: 0, sequence: 0, timestamp: 0, message)
        try await connection.publish(Topic.down(signer.device, leaf).string, envelope.serialized(), retain: retain)
    }

    func desire(_ document: Document, _ number: Int64) async throws {
        try await connection.publish(
            Topic.down(signer.device, .head).string, signer.head(document, number), retain: true)
        for part in try signer.parts(document) {
            try await connection.publish(Topic.down(signer.device, .document).string, part)
        }
    }

    func answer(_ hello: Envelope, full: Bool = false, eventsUpTo: Int64 = 0) async throws {
        let now = WallClock.now().seconds * 1000
        try await send(
            .ack, DownAck(serverTime: now, eventsUpTo: eventsUpTo, epoch: hello.epoch, wantFullReport: full))
    }
}
