import FleetProtocol
import Identity
import JSON
import Linux
import Logging
import MQTT
import ResourceStore
import Resources
import Testing

@testable import Hub

/// The hub with a real mosquitto and a device played by the test.
@Suite(.serialized, .enabled(if: isBrokerInstalled, "needs mosquitto"))
struct FleetHubTests {
    private func withHub(
        _ scratch: Scratch, _ body: @escaping @Sendable (FleetHub, Store) async throws -> Void
    ) async throws {
        let store = try Store(
            path: scratch.path + "/state.db", migrations: FleetHub.migrations, holdsMirrors: true)
        let hub = try await FleetHub(
            configuration: HubConfiguration(dataDirectory: scratch.path, runDirectory: scratch.path + "/run"),
            store: store, recorder: EventRecorder(store: store, component: "hub"), logger: Logger(label: "hub"))
        if try await store.find(ResourceKey(type: .namespace, namespace: nil, name: "default")) == nil {
            _ = try await store.create(plain(.namespace, "default", namespace: nil))
        }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await hub.run() }
                group.addTask {
                    try await eventually("the hub connects to its broker") { await hub.isReady }
                    try await body(hub, store)
                }
                try await group.next()
                group.cancelAll()
                while let result = await group.nextResult() {
                    if case .failure(let error) = result, !(error is CancellationError) { throw error }
                }
            }
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    private func enrol(_ hub: FleetHub, _ name: String, _ scratch: Scratch) async throws -> FakeDevice {
        let line = try EnrolmentLine(parsing: await hub.createToken(hubAddress: "127.0.0.1:7443"))
        let request = try SigningRequest.create(commonName: name)
        let body = try JSONValue(encoding: EnrolmentRequest(secret: line.secret, device: name, csr: request.pem))
        let answer = try await hub.enrol(body)
        #expect(try await hub.enrol(body) == answer || answer["serverTime"] != nil)
        return try FakeDevice(answer.decode(as: EnrolmentResponse.self), request.keyPEM, scratch.path)
    }

    private func code(_ body: () async throws -> Void) async -> Int? {
        do { try await body() } catch { return (error as? StatusError)?.code }
        return nil
    }

    @Test func aTokenLetsOneDeviceInOnce() async throws {
        let scratch = try Scratch()
        try await withHub(scratch) { hub, store in
            let line = try EnrolmentLine(parsing: await hub.createToken(hubAddress: "127.0.0.1:7443"))
            #expect(line.authority == hub.identity.authority.fingerprint)
            func body(_ name: String, _ csr: String, _ secret: String) throws -> JSONValue {
                try JSONValue(encoding: EnrolmentRequest(secret: secret, device: name, csr: csr))
            }
            let csr = try SigningRequest.create(commonName: "x").pem
            let other = try SigningRequest.create(commonName: "x").pem
            #expect(await code { _ = try await hub.enrol(try body("one", csr, "wrong")) } == 401)
            #expect(await code { _ = try await hub.enrol(try body("Bad/Name", csr, line.secret)) } == 400)
            #expect(await code { _ = try await hub.enrol(try body("one", "junk", line.secret)) } == 400)
            #expect(await code { _ = try await hub.enrol(["secret": 1]) } == 400)
            let first = try await hub.enrol(try body("one", csr, line.secret))
            let again = try await hub.enrol(try body("one", csr, line.secret))
            #expect(first["certificate"] == again["certificate"])
            #expect(await code { _ = try await hub.enrol(try body("one", other, line.secret)) } == 401)
            #expect(await code { _ = try await hub.enrol(try body("two", csr, line.secret)) } == 401)
            let second = try EnrolmentLine(parsing: await hub.createToken(hubAddress: "127.0.0.1:7443"))
            #expect(await code { _ = try await hub.enrol(try body("one", other, second.secret)) } == 409)
            let node = try await store.get(ResourceKey(type: .node, namespace: nil, name: "one"))
            #expect(node.value[path: "status", "conditions"]?[0]?["reason"] == "NeverConnected")
        }
    }

    @Test func aDeploymentReachesADeviceAndItsStateComesBack() async throws {
        let scratch = try Scratch()
        try await withHub(scratch) { hub, store in
            let device = try await enrol(hub, "one", scratch)
            var web = deployment("web", replicas: 1)
            web.value[path: "metadata", "uid"] = nil
            web = try await store.create(web)
            try await device.connect()
            try await device.hello(have: nil)
            let (head, document) = try await device.desired()
            #expect(document.objects.count == 1)
            #expect(document.objects[0][path: "metadata", "uid"]?.stringValue == web.uid)
            #expect(document.objects[0]["status"] == nil)
            try await eventually("the node becomes ready") {
                try await ready(store, "one")?["status"] == "True"
            }

            try await device.send(.ack, Ack(revision: head.revision, level: .applied))
            var copy = Resource(value: document.objects[0], type: .deployment)
            copy.annotations[WherryLabels.owner] = WherryLabels.ownerHub
            copy.annotations[WherryLabels.hubHash] = Document.hash(of: document.objects[0])
            copy.generation = 1
            copy.value["status"] = [
                "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1,
                "availableReplicas": 1,
                "conditions": [["type": "Available", "status": "True"]],
            ]
            var pod = plain(
                .pod, "web-1",
                [
                    "spec": ["nodeName": "whatever", "containers": [["name": "main", "image": "i"]]],
                    "status": ["phase": "Running"],
                ])
            pod.value[path: "metadata", "uid"] = "pod-uid"
            try await device.report([copy, pod])
            try await eventually("the hub's Deployment shows the device's counts") {
                let status = try await store.get(web.key).value["status"]
                return status?["availableReplicas"] == 1 && status?["observedGeneration"] == 1
            }
            let mirror = try await store.get(pod.key)
            #expect(mirror.uid == "pod-uid")
            #expect(mirror.value[path: "spec", "nodeName"] == "one")
            #expect(mirror.labels[WherryLabels.device] == "one")
            #expect(throws: StatusError.self) { try FleetHub.admitWrite(old: mirror, new: nil) }

            try await device.send(
                .events,
                EventBatch(rows: [
                    .init(
                        sequence: 1, kind: .event,
                        body: [
                            "metadata": ["name": "web-1.abc", "namespace": "default"],
                            "involvedObject": [
                                "kind": "Pod", "apiVersion": "v1", "namespace": "default", "name": "web-1",
                                "uid": "pod-uid",
                            ], "reason": "Started", "message": "Started container main", "type": "Normal",
                        ])
                ]), stream: .events)
            try await eventually("the event is acknowledged") { await device.acknowledged == 1 }
            #expect(try await store.list(.event).items.contains { $0.value["reason"] == "Started" })

            try await device.report([copy])
            try await eventually("the pod's mirror goes") { try await store.find(pod.key) == nil }

            try await store.delete(web.key)
            let next = try await device.desired()
            #expect(next.head.revision > head.revision)
            #expect(next.document.objects.isEmpty)

            try await device.send(.bye, Bye(reason: .stopping))
            try await eventually("the node becomes unknown") {
                try await ready(store, "one")?["reason"] == "DeviceStopped"
            }
        }
    }

    @Test func logsComeInPiecesFromTheDevice() async throws {
        let scratch = try Scratch()
        try await withHub(scratch) { hub, store in
            let device = try await enrol(hub, "one", scratch)
            try await device.connect()
            try await device.hello(have: nil)
            let pod = plain(.pod, "p", ["spec": ["containers": [["name": "c", "image": "i"]]]])
            try await device.report([pod])
            try await eventually("the pod is mirrored") { try await store.find(pod.key) != nil }
            async let stream = hub.logs(PodLogRequest(namespace: "default", pod: "p"))
            let command = try await device.command()
            #expect(command.logs?.pod == "p")
            try await device.send(
                .request, UpRequest.reply(CommandReply(command: command.id, index: 0, bytes: Array("hello ".utf8))))
            try await device.send(
                .request,
                UpRequest.reply(CommandReply(command: command.id, index: 1, bytes: Array("world".utf8), eof: true)))
            var text: [UInt8] = []
            for try await bytes in try await stream { text += bytes }
            #expect(String(decoding: text, as: UTF8.self) == "hello world")

            await device.drop()
            try await eventually("the will makes the device unknown") {
                try await ready(store, "one")?["reason"] == "ContactLost"
            }
            #expect(await code { _ = try await hub.logs(PodLogRequest(namespace: "default", pod: "p")) } == 503)
        }
    }

    @Test func aForgottenDeviceIsLockedOut() async throws {
        let scratch = try Scratch()
        try await withHub(scratch) { hub, store in
            let device = try await enrol(hub, "one", scratch)
            try await device.connect()
            try await device.hello(have: nil)
            let node = ResourceKey(type: .node, namespace: nil, name: "one")
            try await eventually("connected") { try await ready(store, "one")?["status"] == "True" }
            try await store.delete(node)
            try await eventually("the record goes") { await hub.deviceCounts.known == 0 }
            try await eventually("its session ends", within: .seconds(60)) { await !device.isConnected }
            try await eventually("no key is left behind") {
                try !Files.listDirectory(scratch.path + "/run").contains { $0.hasPrefix("takeover") }
            }
            await device.drop()
            try await eventually("the certificate is refused") {
                do { try await device.connect() } catch { return true }
                await device.drop()
                return false
            }
        }
    }

    @Test func aBrokerThatDiesIsStartedAgainAndAStoppedHubLeavesNone() async throws {
        let scratch = try Scratch()
        let record = scratch.path + "/run/broker/process.json"
        @Sendable func pid() throws -> Int { try #require(JSONValue(parsing: Files.read(record))["pid"]?.intValue) }
        try await withHub(scratch) { hub, store in
            let device = try await enrol(hub, "one", scratch)
            let first = try pid()
            kill(pid_t(first), SIGKILL)
            try await eventually("another broker runs and the hub is connected") {
                let isReady = await hub.isReady
                return isReady && (try? pid()) ?? first != first
            }
            try await device.connect()
            try await device.hello(have: nil)
            try await eventually("the device is there") { try await ready(store, "one")?["status"] == "True" }
        }
        #expect(!Files.exists(record))
    }

    @Test func aPortInUseIsNamedWithARemedy() async throws {
        let scratch = try Scratch()
        let port = try ListeningPort.choose(host: "127.0.0.1")
        let blocker = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(blocker) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(blocker, $0, 16) }
        }
        try #require(bound == 0 && listen(blocker, 1) == 0)
        let store = try Store(path: scratch.path + "/state.db", migrations: FleetHub.migrations)
        let hub = try await FleetHub(
            configuration: HubConfiguration(
                dataDirectory: scratch.path, runDirectory: scratch.path + "/run",
                broker: .own(listen: ListenAddress(host: "127.0.0.1", port: port))), store: store,
            recorder: EventRecorder(store: store, component: "hub"), logger: Logger(label: "hub"))
        do {
            try await hub.run()
            Issue.record("the hub started")
        } catch {
            let error = try #require(error as? HubError)
            #expect(error.code == .portInUse)
            #expect(error.message.contains("\(port)") && error.message.contains("--mqtt-listen"))
        }
        await store.close()
    }

    private func ready(_ store: Store, _ name: String) async throws -> JSONValue? {
        try await store.find(ResourceKey(type: .node, namespace: nil, name: name))?
            .value[path: "status", "conditions"]?.arrayValue?.first { $0["type"] == "Ready" }
    }
}
