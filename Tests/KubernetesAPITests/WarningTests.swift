import JSON
import Resources
import Testing

@testable import KubernetesAPI

/// What writers are told of fields and kinds without effect, over HTTP.
@Suite("Warnings of what has no effect")
struct WarningTests {
    private static let shared =
        "spec.shareProcessNamespace: has no effect: each container sees its own processes only; "
        + "kubectl debug --target looks into one"
    private static let pod: JSONValue = [
        "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"],
        "spec": ["shareProcessNamespace": true, "containers": [["name": "c", "image": "x"]]],
    ]
    private static let apply = "application/apply-patch+yaml"

    /// The texts of the answer's warnings.
    private static func told(
        by server: APIServer, _ method: String, _ path: String, _ body: JSONValue, type: String = "application/json"
    ) async throws -> [String] {
        let answer = try await server.send(method, path, body, type: type)
        #expect(answer.code < 300, "\(answer.text)")
        let start = "warning: 299 - \""
        return answer.head.split(separator: "\r\n").filter { $0.lowercased().hasPrefix(start) }
            .map { String($0.dropFirst(start.count).dropLast()) }
    }

    @Test("a write that sets the field is answered with the warning, one that keeps it is not")
    func writes() async throws {
        try await APIServer.run { server async throws in
            let (path, merge) = (ServerTests.pods + "/p", "application/merge-patch+json")
            #expect(try await Self.told(by: server, "POST", ServerTests.pods, Self.pod) == [Self.shared])
            let labels: JSONValue = ["metadata": ["labels": ["a": "b"]]]
            #expect(try await Self.told(by: server, "PATCH", path, labels, type: merge) == [])
            let status: JSONValue = ["status": ["phase": "Running"]]
            #expect(try await Self.told(by: server, "PATCH", path + "/status", status, type: merge) == [])
        }
    }

    @Test("server-side apply and dry runs tell it, too")
    func applies() async throws {
        try await APIServer.run { server async throws in
            let path = ServerTests.pods + "/p?fieldManager=t"
            let dry = path + "&dryRun=All"
            #expect(try await Self.told(by: server, "PATCH", dry, Self.pod, type: Self.apply) == [Self.shared])
            #expect(try await Self.told(by: server, "PATCH", path, Self.pod, type: Self.apply) == [Self.shared])
            #expect(try await Self.told(by: server, "PATCH", path, Self.pod, type: Self.apply) == [])
        }
    }

    @Test("a kind without a controller says so in each of its versions", arguments: ["v1", "v2"])
    func versions(version: String) async throws {
        try await APIServer.run { server async throws in
            let scaler: JSONValue = [
                "metadata": ["name": "h"],
                "spec": ["maxReplicas": 2, "scaleTargetRef": ["kind": "Deployment", "name": "d"]],
            ]
            let path = "/apis/autoscaling/\(version)/namespaces/default/horizontalpodautoscalers"
            #expect(
                try await Self.told(by: server, "POST", path, scaler)
                    == ["HorizontalPodAutoscaler: has no effect: nothing scales by it; set replicas"])
        }
    }

    @Test("a disruption budget counts on a device, and stays at a hub", arguments: [false, true])
    func hub(isHub: Bool) async throws {
        try await APIServer.run(isHub: isHub) { server async throws in
            let budget: JSONValue = [
                "metadata": ["name": "b"], "spec": ["minAvailable": 1, "selector": ["matchLabels": ["a": "b"]]],
            ]
            let path = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
            #expect(try await Self.told(by: server, "POST", path, budget).count == (isHub ? 1 : 0))
        }
    }
}
