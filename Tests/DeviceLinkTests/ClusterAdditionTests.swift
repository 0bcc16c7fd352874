import FleetProtocol
import JSON
import ResourceStore
import Resources
import Testing

@testable import DeviceLink

/// What a device adds to the hub's objects is no change of them.
@Suite struct ClusterAdditionTests {
    let scratch: Scratch
    let store: Store

    init() async throws {
        scratch = try Scratch()
        let settings = ClusterSettings(rootCertificates: "PEM", serviceAddresses: AddressRange("10.43.0.0/24"))
        store = try Store(path: scratch.path + "/state.db", migrations: HubLink.migrations, cluster: settings)
        for name in ["default", "team"] {
            _ = try await store.create(Resource(value: ["metadata": ["name": .string(name)]], type: .namespace))
        }
    }

    private func apply(_ objects: JSONValue...) async throws -> DocumentApplier.Outcome {
        let document = Document(nodeLabels: [:], objects: objects)
        return try await store.transaction { try DocumentApplier.apply(document, nodeName: "dev-1", in: $0) }
    }

    private func object(_ kind: String, _ spec: JSONValue, label: String = "a") -> JSONValue {
        [
            "apiVersion": "v1", "kind": .string(kind),
            "metadata": [
                "name": "x", "namespace": "default", "uid": .string("uid-\(kind)"), "labels": ["l": .string(label)],
            ], "spec": spec,
        ]
    }

    @Test func aPodsTokenAndAServicesAddressStayAndAreNoLocalChange() async throws {
        let pod = { (image: String) -> JSONValue in ["containers": [["name": "c", "image": .string(image)]]] }
        let service: JSONValue = ["type": "NodePort", "ports": [["port": 80]]]
        _ = try await apply(object("Pod", pod("i:1")), object("Service", service))
        let first = try await (
            store.get(Objects.key(.pod, "x")), store.get(Objects.key(.service, "x"))
        )
        #expect(first.0.value[path: "spec", "volumes"]?.arrayValue?.count == 1)
        #expect(first.1.value[path: "spec", "clusterIP"]?.stringValue?.hasPrefix("10.43.0.") == true)
        let same = try await apply(object("Pod", pod("i:1")), object("Service", service))
        #expect(same.locallyModified == [])
        let changed = try await apply(object("Pod", pod("i:2")), object("Service", service, label: "b"))
        #expect(changed.written == 2)
        let second = try await (
            store.get(Objects.key(.pod, "x")), store.get(Objects.key(.service, "x"))
        )
        #expect(second.0.value[path: "spec", "volumes"] == first.0.value[path: "spec", "volumes"])
        #expect(second.1.value["spec"] == first.1.value["spec"])
        #expect(second.1.labels["l"] == "b")
    }

    @Test func anAccountComesBeforeThePodThatNamesIt() async throws {
        let spec: JSONValue = ["serviceAccountName": "x", "containers": [["name": "c", "image": "i"]]]
        var account = object("ServiceAccount", .null)
        account["spec"] = nil
        #expect(try await apply(object("Pod", spec), account).failures.isEmpty)
    }
}
