import FleetProtocol
import JSON
import Linux
import MQTT
import Resources
import Testing

/// A device played by a test: real MQTT, real messages, no agent.
actor FakeDevice {
    private let response: EnrolmentResponse
    private let device: DeviceID
    private let directory: String
    private let broker: (host: String, port: Int)
    private var connection: MQTTConnection?
    private var reader: MQTTMessages.AsyncIterator?
    private var epoch: Int64 = 0
    private var sequences: [Envelope.Stream: Int64] = [:]
    private var assembly = DocumentAssembly()
    private var heads: [Head] = []
    private var documents: [(digest: ContentDigest, bytes: [UInt8])] = []
    private var commands: [Command] = []
    private var floor: RevisionFloor?
    private(set) var acknowledged: Int64 = 0
    private var pump: Task<Void, Never>?

    init(_ response: EnrolmentResponse, _ keyPEM: String, _ directory: String) throws {
        self.response = response
        self.directory = directory + "/fake-" + response.device
        device = try DeviceID(response.device)
        broker = try #require(EnrolmentLine.split(response.brokers.first ?? ""))
        try Files.makeDirectories(self.directory)
        try Files.writeAtomically(Array(keyPEM.utf8), to: self.directory + "/key")
        try Files.writeAtomically(Array(response.certificate.utf8), to: self.directory + "/certificate")
        try Files.writeAtomically(Array(response.caCertificate.utf8), to: self.directory + "/ca")
    }

    func connect() async throws {
        epoch += 1
        sequences = [:]
        var configuration = MQTTConfiguration(
            host: broker.host, port: broker.port, clientID: device.text,
            tls: .init(
                authorityFile: directory + "/ca", certificateFile: directory + "/certificate",
                keyFile: directory + "/key"))
        let will = try Envelope(epoch: epoch, sequence: 0, timestamp: 0, Bye(reason: .lost))
        configuration.will = .init(topic: Topic.up(device, .bye).string, payload: will.serialized())
        let connection = try await MQTTConnection.open(configuration)
        try await connection.subscribe([Topic.downFilter(device), Topic.hubState.string])
        self.connection = connection
        pump = Task { for await message in connection.messages { self.take(message) } }
    }

    var isConnected: Bool { connection.map { $0.closeReason == nil } ?? false }

    /// Goes without a word: the broker sends the will.
    func drop() async {
        connection?.abort()
        connection = nil
        await pump?.value
    }

    func hello(have: RevisionFloor?) async throws {
        try await send(.hello, Hello(boot: "boot", agent: "test", node: device.text, have: have))
    }

    func report(_ objects: [Resource]) async throws {
        let entries = objects.map {
            Report.Entry(
                reference: FleetProtocol.ObjectReference(
                    apiVersion: $0.type.apiVersion, kind: $0.type.kind, namespace: $0.namespace, name: $0.name),
                object: $0.value)
        }
        try await send(.report, Report(full: true, entries: entries), stream: .report)
    }

    func send(_ leaf: Topic.Up, _ message: some FleetMessage, stream: Envelope.Stream = .control) async throws {
        sequences[stream, default: 0] += 1
        let envelope = try Envelope(
            epoch: epoch, sequence: sequences[stream] ?? 0, stream: stream, timestamp: 0, message)
        try await connection?.publish(Topic.up(device, leaf).string, envelope.serialized())
    }

    /// The next newer head, verified, with its document; committed as an agent would.
    func desired() async throws -> (head: Head, document: Document) {
        var result: (Head, Document)?
        try await eventually("a newer head and its document arrive") {
            guard let head = self.heads.last, let found = self.documents.last(where: { $0.digest == head.digest })
            else { return false }
            guard self.floor.map({ head.revision > $0.revision }) ?? true else { return false }
            result = (head, try HeadVerifier.verify(document: found.bytes, head: head))
            return true
        }
        let (head, document) = try #require(result)
        floor = head.floor
        return (head, document)
    }

    func command() async throws -> Command {
        try await eventually("a command arrives") { !self.commands.isEmpty }
        return self.commands.removeFirst()
    }

    private func take(_ message: MQTTMessage) {
        switch try? Topic(parsing: message.topic) {
        case .down(device, .head):
            do {
                let verified = try HeadVerifier.verify(
                    message.payload, trust: response.trustedRoot(), floor: nil, device: device,
                    time: TrustedTime(seconds: 0, quality: .none))
                heads.append(verified.head)
            } catch { if !message.payload.isEmpty { Issue.record(error) } }
        case .down(device, .document):
            if let part = try? DocumentPart(parsing: message.payload), let whole = assembly.add(part) {
                documents.append(whole)
            }
        case .down(device, .ack):
            if let ack = try? Envelope(parsing: message.payload).message(DownAck.self), ack.epoch == epoch {
                acknowledged = ack.eventsUpTo
            }
        case .down(device, .command):
            if let command = try? Envelope(parsing: message.payload).message(Command.self) { commands.append(command) }
        default: break
        }
    }
}
