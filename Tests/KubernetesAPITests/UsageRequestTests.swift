import JSON
import ResourceStore
import Resources
import Testing

@testable import KubernetesAPI

@Suite("Requests for what pods use")
struct UsageRequestTests {
    private static let root = "/apis/metrics.k8s.io/v1beta1"
    private static let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

    private static func reader(_ uids: @escaping @Sendable (String) -> Bool = { _ in true }) -> UsageReader {
        UsageReader(
            pods: { asked in
                let report = UsageReport(
                    time: 1_767_225_600, window: .milliseconds(1250),
                    parts: [
                        "main": UsageFigures(nanocores: 250_000_001, memory: 10 << 20),
                        "side": UsageFigures(nanocores: 0, memory: 2 << 20),
                    ])
                return Dictionary(uniqueKeysWithValues: asked.filter(uids).map { ($0, report) })
            },
            node: { name in
                name == "here"
                    ? UsageReport(
                        time: 1_767_225_600, window: .seconds(90),
                        parts: ["": UsageFigures(nanocores: 5, memory: 1 << 30)]) : nil
            })
    }

    private static func pod(_ name: String, _ label: String) throws -> Resource {
        try Admission.create(
            [
                "apiVersion": "v1", "kind": "Pod",
                "metadata": ["name": .string(name), "labels": ["app": .string(label)]],
                "spec": ["containers": [["name": "main", "image": "a"], ["name": "side", "image": "a"]]],
            ], type: .pod, namespace: "default"
        ).resource
    }

    @Test("pods are told by container, as objects and as rows of sums, and chosen by label")
    func pods() async throws {
        try await APIServer.run(usage: Self.reader()) { server async throws in
            for (name, label) in [("a", "x"), ("b", "y")] { _ = try await server.store.create(Self.pod(name, label)) }
            let one = try await server.send("GET", Self.root + "/namespaces/default/pods/a").json
            #expect(one["kind"] == "PodMetrics")
            #expect(one["window"] == "1.25s")
            #expect(one["timestamp"] == "2026-01-01T00:00:00Z")
            #expect(one[path: "metadata", "labels"] == ["app": "x"])
            #expect(
                one["containers"] == [
                    ["name": "main", "usage": ["cpu": "250000001n", "memory": "10240Ki"]],
                    ["name": "side", "usage": ["cpu": "0", "memory": "2048Ki"]],
                ])
            let list = try await server.send("GET", Self.root + "/pods?labelSelector=app%3Dy").json
            #expect(list["kind"] == "PodMetricsList")
            #expect(list["items"]?.arrayValue?.map { $0[path: "metadata", "name"] } == ["b"])
            let table = try await server.send("GET", Self.root + "/namespaces/default/pods", accept: Self.table).json
            #expect(table["columnDefinitions"]?.arrayValue?.map { $0["name"] } == ["Name", "cpu", "memory", "Window"])
            #expect(table["rows"]?[0]?["cells"] == ["a", "250000001n", "12288Ki", "1.25s"])
        }
    }

    @Test("a pod without figures is left out of lists and not found by name")
    func young() async throws {
        try await APIServer.run(usage: Self.reader { _ in false }) { server async throws in
            _ = try await server.store.create(Self.pod("a", "x"))
            #expect(try await server.send("GET", Self.root + "/pods").json["items"] == [])
            let answer = try await server.send("GET", Self.root + "/namespaces/default/pods/a")
            #expect(answer.code == 404)
            #expect(try answer.json["message"] == "podmetrics.metrics.k8s.io \"default/a\" not found")
            let nobody = try await server.send("GET", Self.root + "/namespaces/default/pods/b")
            #expect(try nobody.json["message"] == "pods \"b\" not found")
        }
    }

    @Test("nodes that are measured here have figures; they are read and not written or watched")
    func nodes() async throws {
        try await APIServer.run(usage: Self.reader()) { server async throws in
            for name in ["here", "there"] {
                let node: JSONValue = ["apiVersion": "v1", "kind": "Node", "metadata": ["name": .string(name)]]
                _ = try await server.store.create(Admission.create(node, type: .node, namespace: nil).resource)
            }
            let list = try await server.send("GET", Self.root + "/nodes").json
            #expect(list["items"]?.arrayValue?.count == 1)
            #expect(list["items"]?[0]?["usage"] == ["cpu": "5n", "memory": "1048576Ki"])
            #expect(list["items"]?[0]?["window"] == "1m30s")
            #expect(try await server.send("GET", Self.root + "/nodes/there").code == 404)
            #expect(try await server.send("GET", Self.root + "/nodes?watch=true").code == 405)
            #expect(try await server.send("DELETE", Self.root + "/nodes/here").code == 405)
            let resources = try await server.send("GET", Self.root).json["resources"]?.arrayValue
            #expect(resources?.map { $0["verbs"] } == [["get", "list"], ["get", "list"]])
        }
    }

    @Test("a server that cannot measure has no such group")
    func absent() async throws {
        try await APIServer.run { server async throws in
            #expect(try await server.send("GET", Self.root).code == 404)
            #expect(try await server.send("GET", Self.root + "/pods").code == 404)
            #expect(try await !server.send("GET", "/apis").text.contains("metrics.k8s.io"))
        }
    }
}
