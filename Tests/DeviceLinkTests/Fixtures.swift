import FleetProtocol
import JSON
import Linux
import Logging
import ResourceStore
import Resources

@testable import DeviceLink

struct Failure: Error, CustomStringConvertible {
    let description: String
}

/// A directory that goes with the test.
final class Scratch: Sendable {
    let path: String
    init() throws {
        path = "/tmp/wherry-link-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        try Files.makeDirectories(path)
    }
    deinit { try? Files.removeTree(path) }

    func store() async throws -> Store {
        let store = try Store(path: path + "/state.db", migrations: HubLink.migrations)
        if try await store.find(ResourceKey(type: .namespace, namespace: nil, name: "default")) == nil {
            _ = try await store.create(
                Resource(value: ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "default"]]))
        }
        return store
    }
}

func eventually(
    _ what: String, within limit: Duration = .seconds(60), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw Failure(description: "\(what): not within \(limit)") }
        try await Task.sleep(for: .milliseconds(20))  // poll
    }
}

enum Objects {
    static func configMap(_ name: String, _ data: [String: String], namespace: String = "default") -> JSONValue {
        [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": ["name": .string(name), "namespace": .string(namespace), "uid": .string("uid-\(name)")],
            "data": .object(data.mapValues { .string($0) }),
        ]
    }

    static func deployment(_ name: String, replicas: Int = 1, uid: String? = nil) -> JSONValue {
        let labels: JSONValue = ["app": .string(name)]
        return [
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": ["name": .string(name), "namespace": "default", "uid": .string(uid ?? "uid-\(name)")],
            "spec": [
                "replicas": .integer(Int64(replicas)), "selector": ["matchLabels": labels],
                "template": [
                    "metadata": ["labels": labels], "spec": ["containers": [["name": "c", "image": "busybox:1"]]],
                ],
            ],
        ]
    }

    static func key(_ type: ResourceType, _ name: String, namespace: String = "default") -> ResourceKey {
        ResourceKey(type: type, namespace: type.namespaced ? namespace : nil, name: name)
    }

    static func node(_ name: String) -> JSONValue {
        ["apiVersion": "v1", "kind": "Node", "metadata": ["name": .string(name)]]
    }
}

extension Logger {
    static var silent: Logger {
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        return logger
    }
}

/// The hub's signing half.
struct Signer {
    let key = HeadSigner()
    let device: DeviceID

    init(_ device: String = "dev-1") throws { self.device = try DeviceID(device) }

    func head(_ document: Document, _ number: Int64, generation: Int64 = 1, device: DeviceID? = nil) throws -> [UInt8] {
        let bytes = document.serialized()
        return try key.sign(
            Head(
                device: device ?? self.device, revision: Revision(generation: generation, number: number), issuedAt: 1,
                expiresAt: nil, digest: ContentDigest(of: bytes), length: bytes.count))
    }

    func parts(_ document: Document) throws -> [[UInt8]] {
        try DocumentPart.messages(of: document.serialized(), epoch: 1, timestamp: 0)
    }

    func response(brokers: [String] = ["127.0.0.1:1"]) -> EnrolmentResponse {
        EnrolmentResponse(
            device: device.text, certificate: "-", caCertificate: "-", brokers: brokers,
            signingKey: FleetProtocol.Base64.encode(key.publicKey), keyID: key.keyID, serverTime: 0, fleet: "test")
    }
}
