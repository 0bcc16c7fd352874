import JSON
import ResourceStore
import Resources
import Testing

@testable import KubernetesAPI

/// Numbers and sizes that only an attacker, or a mistake, sends.
@Suite("Bounds") struct BoundsTests {
    private static func nested(_ levels: Int) -> JSONValue {
        (0..<levels).reduce("x") { value, _ in ["a": value] }
    }

    @Test("no grace period reaches past what a date can say")
    func grace() async throws {
        try await APIServer.run { server async throws in
            let key = ResourceKey(type: .pod, namespace: "default", name: "p")
            let spec: JSONValue = [
                "containers": [["name": "c", "image": "i"]], "nodeName": "n",
                "terminationGracePeriodSeconds": .integer(.max),
            ]
            let made = try await server.send(
                "POST", ServerTests.pods, ["metadata": ["name": "p"], "spec": spec])
            #expect(made.code == 201)
            let path = ServerTests.pods + "/p"
            #expect(try await server.send("DELETE", path + "?gracePeriodSeconds=9223372036854775807").code == 200)
            let marked = try await server.store.get(key)
            #expect(marked.value[path: "metadata", "deletionGracePeriodSeconds"] == .integer(Int64(Int32.max)))
            #expect(marked.deletionTimestamp?.hasPrefix("20") == true)
        }
    }

    @Test("what could not be read again is not stored")
    func depth() async throws {
        try await APIServer.run { server async throws in
            let schema: JSONValue = ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
            let definition: JSONValue = [
                "metadata": ["name": "things.a.example"],
                "spec": [
                    "group": "a.example", "scope": "Namespaced", "names": ["plural": "things", "kind": "Thing"],
                    "versions": [
                        ["name": "v1", "served": true, "storage": true, "schema": ["openAPIV3Schema": schema]]
                    ],
                ],
            ]
            let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            #expect(try await server.send("POST", definitions, definition).code == 201)
            let path = "/apis/a.example/v1/namespaces/default/things"
            func body(_ levels: Int) -> JSONValue {
                ["apiVersion": "a.example/v1", "kind": "Thing", "metadata": ["name": "r"], "spec": Self.nested(levels)]
            }
            // Its owners of fields stand deeper than itself.
            #expect(try await server.send("POST", path, body(62)).code == 413)
            #expect(try await server.send("POST", path, body(50)).code == 201)
            #expect(try await server.send("GET", path).code == 200)
        }
    }

    @Test("a writer's name that is too long is one fault, however many characters of it are wrong")
    func name() async throws {
        try await APIServer.run { server async throws in
            let answer = try await server.send(
                "POST", ServerTests.pods + "?fieldManager=" + String(repeating: "%01", count: 2000),
                ["metadata": ["name": "p"]])
            #expect(answer.code == 422 && answer.text.contains("Too long") && answer.body.count < 2000)
        }
    }

    @Test("warnings are as many and as long as clients take")
    func warnings() async throws {
        try await APIServer.run { server async throws in
            var map: JSONValue = ["metadata": ["name": "m"]]
            for index in 0..<1000 { map["field\(index)"] = 1 }
            let answer = try await server.send(
                "POST", "/api/v1/namespaces/default/configmaps?fieldValidation=Warn", map)
            #expect(answer.code == 201)
            let sent = answer.head.split(separator: "\r\n").filter { $0.lowercased().hasPrefix("warning:") }
            #expect(sent.count > 10 && sent.joined().utf8.count < 10_000)
        }
    }
}
