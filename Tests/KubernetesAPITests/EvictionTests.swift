import JSON
import ResourceStore
import Resources
import Testing

@testable import KubernetesAPI

@Suite("Evictions")
struct EvictionTests {
    /// Pods that are ready, or not.
    private static func fill(_ server: APIServer, ready: Int, unready: Int = 0) async throws {
        for index in 0..<(ready + unready) {
            let pod = ServerTests.pod("p\(index)", labels: ["app": "web"])
            _ = try await server.send("POST", ServerTests.pods, pod)
            let status: JSONValue = index < ready ? "True" : "False"
            try await server.store.update(
                ResourceKey(type: .pod, namespace: "default", name: "p\(index)"), subresource: .status
            ) { $0.value["status"] = ["phase": "Running", "conditions": [["type": "Ready", "status": status]]] }
        }
    }

    private static func budget(_ server: APIServer, _ spec: JSONValue) async throws {
        var spec = spec
        spec["selector"] = ["matchLabels": ["app": "web"]]
        let answer = try await server.send(
            "POST", "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
            ["metadata": ["name": "b"], "spec": spec])
        #expect(answer.code == 201)
    }

    private static func evict(_ server: APIServer, _ name: String, query: String = "") async throws -> APIServer.Answer
    {
        try await server.send(
            "POST", ServerTests.pods + "/\(name)/eviction" + query,
            ["apiVersion": "policy/v1", "kind": "Eviction", "metadata": ["name": .string(name)]])
    }

    @Test("a budget lets go what it can spare, and no more")
    func budget() async throws {
        try await APIServer.run { server async throws in
            try await Self.fill(server, ready: 3)
            try await Self.budget(server, ["minAvailable": 2])
            #expect(try await Self.evict(server, "p0", query: "?dryRun=All").code == 201)
            #expect(try await Self.evict(server, "p0").code == 201)
            let refused = try await Self.evict(server, "p1")
            #expect(refused.code == 429)
            #expect(
                try refused.json["message"] == "Cannot evict pod as it would violate the pod's disruption budget.")
            #expect(
                try refused.json[path: "details", "causes"]?.arrayValue?.first?["message"]
                    == "The disruption budget b needs 2 healthy pods and has 2 currently")
            #expect(try await server.send("GET", ServerTests.pods + "/p1").code == 200)
        }
    }

    @Test("a share is rounded up; what is not ready may go while enough is")
    func shares() async throws {
        try await APIServer.run { server async throws in
            try await Self.fill(server, ready: 2, unready: 1)
            // Half of three are two that may be away: one must stay.
            try await Self.budget(server, ["maxUnavailable": "50%"])
            #expect(try await Self.evict(server, "p2").code == 201)
            // Half of two is one: one must stay.
            #expect(try await Self.evict(server, "p0").code == 201)
        }
    }

    /// A pod that was taken away is wanted all the same: the next one must wait for its successor.
    @Test("what the controller wants counts, not what is left")
    func wanted() async throws {
        try await APIServer.run { server async throws in
            var set = ServerTests.deployment
            set["kind"] = "ReplicaSet"
            set[path: "spec", "replicas"] = 3
            let owner = try await server.send("POST", "/apis/apps/v1/namespaces/default/replicasets", set).json
            let reference: JSONValue = [
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": true,
                "uid": owner[path: "metadata", "uid"] ?? "",
            ]
            try await Self.fill(server, ready: 3)
            for name in ["p0", "p1", "p2"] {
                try await server.store.update(ResourceKey(type: .pod, namespace: "default", name: name)) {
                    $0.value[path: "metadata", "ownerReferences"] = [reference]
                }
            }
            try await Self.budget(server, ["maxUnavailable": 1])
            #expect(try await Self.evict(server, "p0").code == 201)
            #expect(try await Self.evict(server, "p1").code == 429)
        }
    }

    @Test("a share past all numbers, as an older store may hold it, is all")
    func hugeShare() async throws {
        try await APIServer.run { server async throws in
            try await Self.fill(server, ready: 2)
            _ = try await server.store.create(
                Resource(
                    value: [
                        "metadata": ["name": "b", "namespace": "default"],
                        "spec": [
                            "minAvailable": "9223372036854775807%", "selector": ["matchLabels": ["app": "web"]],
                        ],
                    ], type: .podDisruptionBudget))
            #expect(try await Self.evict(server, "p0").code == 429)
        }
    }

    @Test("without a budget a pod goes, and an unknown one is not found")
    func free() async throws {
        try await APIServer.run { server async throws in
            try await Self.fill(server, ready: 1)
            #expect(try await Self.evict(server, "p0").code == 201)
            #expect(try await Self.evict(server, "none").code == 404)
        }
    }
}
