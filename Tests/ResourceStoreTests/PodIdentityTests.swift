import JSON
import ResourceStore
import Resources
import Testing

@Suite struct PodIdentityTests {
    private func fixture() async throws -> Fixture {
        try await Fixture(cluster: ClusterSettings(rootCertificates: "PEM"))
    }

    @Test func `a namespace has its account and the certificates from its first moment`() async throws {
        let fixture = try await fixture()
        _ = try await fixture.store.create(Fixture.namespace("fresh"))
        let key = ResourceKey(type: .configMap, namespace: "fresh", name: "kube-root-ca.crt")
        #expect(try await fixture.store.get(key).value["data"] == ["ca.crt": "PEM"])
        let pod = try await fixture.store.create(Fixture.pod("p", namespace: "fresh"))
        #expect(pod.value[path: "spec", "serviceAccountName"] == "default")
    }

    @Test func `what is stored again as it was gets nothing, and so does a hub's pod`() async throws {
        let fixture = try await fixture()
        let restored = try await fixture.store.transaction { try $0.create(Fixture.pod("p"), asItWas: true) }
        #expect(restored.value[path: "spec", "volumes"] == nil)
        let hub = try await Fixture(holdsMirrors: true)
        #expect(try await hub.store.create(Fixture.pod("p")).value[path: "spec", "serviceAccountName"] == nil)
    }

    @Test func `a new version from elsewhere keeps what was added here`() async throws {
        let fixture = try await fixture()
        let stored = try await fixture.store.create(Fixture.pod("p"))
        var sent = Fixture.pod("p")
        PodIdentity.carry(from: stored, to: &sent)
        #expect(sent.value["spec"] == stored.value["spec"])
        // A mount of the user's own stays as it is.
        var own = Fixture.pod("q")
        own.value[path: "spec", "volumes"] = [["name": "mine", "emptyDir": [:]]]
        var container: JSONValue = ["name": "c", "image": "i"]
        container["volumeMounts"] = [
            ["name": "mine", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"]
        ]
        own.value[path: "spec", "containers"] = [container]
        let kept = try await fixture.store.create(own)
        #expect(kept.value[path: "spec", "containers"] == own.value[path: "spec", "containers"])
        #expect(kept.value[path: "spec", "volumes"] == own.value[path: "spec", "volumes"])
    }
}
