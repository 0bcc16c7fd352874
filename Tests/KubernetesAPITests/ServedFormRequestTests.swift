import JSON
import Resources
import Testing

@testable import KubernetesAPI

@Suite("Requests in a served form")
struct ServedFormRequestTests {
    private static let old = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"
    private static let new = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
    private static let autoscaler: JSONValue = [
        "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": ["name": "a"],
        "spec": [
            "scaleTargetRef": ["kind": "Deployment", "name": "web"], "maxReplicas": 3,
            "targetCPUUtilizationPercentage": 50,
        ],
    ]

    @Test("what is written in one version is read in both, by every verb")
    func verbs() async throws {
        try await APIServer.run { server async throws in
            let created = try await server.send("POST", Self.old + "?dryRun=All", Self.autoscaler)
            #expect(created.code == 201)
            #expect(try created.json["apiVersion"] == "autoscaling/v1")
            #expect(try await server.send("GET", Self.old + "/a").code == 404)
            _ = try await server.send("POST", Self.old, Self.autoscaler)
            func percent(_ path: String) async throws -> JSONValue? {
                try await server.send("GET", path).json["spec"]?["targetCPUUtilizationPercentage"]
            }
            #expect(try await percent(Self.old + "/a") == 50)
            let stored = try await server.send("GET", Self.new + "/a").json
            #expect(stored["apiVersion"] == "autoscaling/v2")
            #expect(stored["spec"]?["metrics"]?[0]?[path: "resource", "target", "averageUtilization"] == 50)
            for (type, patch) in [
                ("application/merge-patch+json", ["spec": ["targetCPUUtilizationPercentage": 60]]),
                ("application/strategic-merge-patch+json", ["spec": ["targetCPUUtilizationPercentage": 61]]),
                (
                    "application/json-patch+json",
                    [["op": "replace", "path": "/spec/targetCPUUtilizationPercentage", "value": 62]]
                ),
            ] as [(String, JSONValue)] {
                let answer = try await server.send("PATCH", Self.old + "/a", patch, type: type)
                #expect(answer.code == 200, "\(answer.text)")
                #expect(try answer.json["apiVersion"] == "autoscaling/v1")
            }
            #expect(try await percent(Self.old + "/a") == 62)
            var whole = try await server.send("GET", Self.old + "/a").json
            whole["spec"]?["targetCPUUtilizationPercentage"] = 63
            #expect(try await server.send("PUT", Self.old + "/a", whole).code == 200)
            let applied = try await server.send(
                "PATCH", Self.old + "/a?fieldManager=m&force=true",
                [
                    "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": ["name": "a"],
                    "spec": ["targetCPUUtilizationPercentage": 64],
                ], type: "application/apply-patch+yaml")
            #expect(applied.code == 200, "\(applied.text)")
            let list = try await server.send("GET", Self.old).json
            #expect(list["kind"] == "HorizontalPodAutoscalerList")
            #expect(list["apiVersion"] == "autoscaling/v1")
            #expect(list["items"]?[0]?[path: "spec", "targetCPUUtilizationPercentage"] == 64)
            let table = try await server.send(
                "GET", Self.old + "?includeObject=Object", accept: "application/json;as=Table;v=v1;g=meta.k8s.io")
            #expect(try table.json["rows"]?[0]?["cells"]?[2] == "cpu: <unknown>/64%")
            #expect(try table.json["rows"]?[0]?[path: "object", "apiVersion"] == "autoscaling/v1")
            let watch = try await server.send(
                "GET", Self.old + "?watch=true&sendInitialEvents=true&allowWatchBookmarks=true", until: "BOOKMARK")
            #expect(watch.text.contains("\"apiVersion\":\"autoscaling/v1\""))
            #expect(!watch.text.contains("autoscaling/v2"))
            let refused = try await server.send("POST", Self.old, ["spec": ["metrics": []], "metadata": ["name": "b"]])
            #expect(refused.code == 422)
            let wrong = try await server.send("POST", Self.new, Self.autoscaler)
            #expect(wrong.code == 400)
            #expect(try await server.send("DELETE", Self.old + "/a").code == 200)
            #expect(try await server.send("GET", Self.new + "/a").code == 404)
        }
    }
}
