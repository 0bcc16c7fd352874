import FleetProtocol
import JSON
import ResourceStore
import Resources
import Testing

@testable import Hub

@Suite struct ReportMirrorTests {
    private func report(_ pod: Resource) -> Report.Entry {
        Report.Entry(
            reference: FleetProtocol.ObjectReference(
                apiVersion: "v1", kind: "Pod", namespace: pod.namespace, name: pod.name),
            object: pod.value)
    }

    @Test func whatADeviceSaysIsShownInANamespaceThatIsBeingDeletedAndInOneThatIsNotThere() async throws {
        let scratch = try Scratch()
        let store = try Store(
            path: scratch.path + "/state.db", migrations: FleetHub.migrations, holdsMirrors: true)
        let team = try await store.create(plain(.namespace, "team", namespace: nil))
        try await store.delete(team.key)
        #expect(try await store.get(team.key).isTerminating)
        let device = try DeviceID("one")
        for (namespace, isImplied) in [("team", false), ("local", true)] {
            var pod = plain(.pod, "p", namespace: namespace, ["spec": ["containers": [["name": "c", "image": "i"]]]])
            pod.value[path: "metadata", "uid"] = .string("uid-\(namespace)")
            pod.value["status"] = ["phase": "Running"]
            let (first, key) = (report(pod), pod.key)
            try await store.transaction {
                _ = try ReportMirror(device: device, transaction: $0).apply([first])
            }
            #expect(try await store.get(key).value[path: "status", "phase"] == "Running")
            pod.value["status"] = ["phase": "Succeeded"]
            let second = report(pod)
            try await store.transaction {
                _ = try ReportMirror(device: device, transaction: $0).apply([second])
            }
            #expect(try await store.get(key).value[path: "status", "phase"] == "Succeeded")
            let found = try await store.get(ResourceKey(type: .namespace, namespace: nil, name: namespace))
            #expect(try await store.transaction { $0.isImplied(found) } == isImplied)
        }
        await store.close()
    }
}
