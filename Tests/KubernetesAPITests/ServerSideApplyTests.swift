import JSON
import Resources
import Testing

@testable import KubernetesAPI

@Suite("Server-side apply and owners over HTTP")
struct ServerSideApplyTests {
    static let maps = "/api/v1/namespaces/default/configmaps"
    static let deployments = "/apis/apps/v1/namespaces/default/deployments"

    static func map(_ data: JSONValue, metadata: JSONValue = ["name": "c"]) -> JSONValue {
        ["apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data]
    }

    static func deployment(replicas: Int64?) -> JSONValue {
        var value: JSONValue = [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "d"],
            "spec": [
                "selector": ["matchLabels": ["a": "b"]],
                "template": [
                    "metadata": ["labels": ["a": "b"]], "spec": ["containers": [["name": "x", "image": "i"]]],
                ],
            ],
        ]
        value[path: "spec", "replicas"] = replicas.map { .integer($0) }
        return value
    }

    static func apply(
        _ server: APIServer, _ path: String, _ body: JSONValue, _ query: String = "fieldManager=a"
    ) async throws -> APIServer.Answer {
        try await server.send("PATCH", "\(path)?\(query)", body, type: "application/apply-patch+yaml")
    }

    static func owners(_ value: JSONValue) -> [String] {
        (value[path: "metadata", "managedFields"]?.arrayValue ?? []).map { entry in
            let part = entry["subresource"]?.stringValue.map { "/\($0)" } ?? ""
            return "\(entry["manager"]?.stringValue ?? "") \(entry["operation"]?.stringValue ?? "")\(part)"
        }
    }

    @Test("each kind of write has its owner: the query's, else the user agent's up to the first slash")
    func writes() async throws {
        try await APIServer.run { server async throws in
            let made = try await server.send("POST", "\(Self.maps)?fieldManager=maker", Self.map(["x": "1"]))
            #expect(Self.owners(try made.json) == ["maker Update"])
            let path = Self.maps + "/c"
            let patched = try await server.send(
                "PATCH", "\(path)?fieldManager=patcher", ["data": ["y": "1"]], type: "application/merge-patch+json")
            #expect(Set(Self.owners(try patched.json)) == ["maker Update", "patcher Update"])
            let body = Self.map(["x": "2", "y": "1"]).description
            let put = try await server.send(
                "PUT", path,
                headers: [
                    "User-Agent: tool/1.0 (linux)", "Content-Type: application/json",
                    "Content-Length: \(body.utf8.count)", "Connection: close",
                ], body: body)
            #expect(Set(Self.owners(try put.json)) == ["maker Update", "patcher Update", "tool Update"])
            let same = try await server.send("PUT", "\(path)?fieldManager=other", try put.json)
            #expect(try same.json == (try put.json))
        }
    }

    @Test("status and scale are applied and updated with owners of their own")
    func parts() async throws {
        try await APIServer.run { server async throws in
            let path = Self.deployments + "/d"
            #expect(try await Self.apply(server, path + "/status", Self.deployment(replicas: 1)).code == 404)
            #expect(try await Self.apply(server, path, Self.deployment(replicas: 1)).code == 201)
            let scaled = try await server.send(
                "PATCH", path + "/scale?fieldManager=hand", ["spec": ["replicas": 2]],
                type: "application/merge-patch+json")
            #expect(Self.owners(try scaled.json) == ["hand Update/scale"])
            let scale: JSONValue = [
                "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": ["name": "d"], "spec": ["replicas": 3],
            ]
            let refused = try await Self.apply(server, path + "/scale", scale, "fieldManager=b")
            #expect(refused.code == 409)
            #expect(try refused.json[path: "details", "causes"]?[0]?["field"] == ".spec.replicas")
            let forced = try await Self.apply(server, path + "/scale", scale, "fieldManager=b&force=true")
            #expect(try forced.json[path: "spec", "replicas"] == 3)
            var status = Self.deployment(replicas: 9)
            status["status"] = ["conditions": [["type": "Progressing", "status": "True"]]]
            let reported = try await Self.apply(server, path + "/status", status, "fieldManager=c")
            #expect(try reported.json[path: "spec", "replicas"] == 3)
            #expect(Set(Self.owners(try reported.json)) == ["a Apply", "b Apply/scale", "c Apply/status"])
            let again = try await Self.apply(server, path + "/status", status, "fieldManager=c")
            #expect(try again.json == (try reported.json))
        }
    }

    @Test("an apply that changes nothing writes nothing; a dry run neither")
    func nothing() async throws {
        try await APIServer.run { server async throws in
            let path = Self.deployments + "/d"
            let first = try await Self.apply(server, path, Self.deployment(replicas: 1))
            #expect(try await Self.apply(server, path, Self.deployment(replicas: 1)).json == (try first.json))
            let tried = try await Self.apply(server, path, Self.deployment(replicas: 4), "fieldManager=a&dryRun=All")
            #expect(try tried.json[path: "spec", "replicas"] == 4)
            #expect(try await server.send("GET", path).json == (try first.json))
            let less = try await Self.apply(server, path, Self.deployment(replicas: nil))
            // The default comes back for what nobody states.
            #expect(try less.json[path: "spec", "replicas"] == 1)
        }
    }

    @Test("identity in the applied object is a precondition")
    func identity() async throws {
        try await APIServer.run { server async throws in
            let path = Self.maps + "/c"
            func message(_ metadata: JSONValue, _ query: String = "fieldManager=a") async throws -> String {
                let answer = try await Self.apply(server, path, Self.map(["x": "1"], metadata: metadata), query)
                return "\(answer.code) \(try answer.json["message"]?.stringValue ?? "")"
            }
            #expect(
                try await message(["name": "other"])
                    == "400 the name of the object (other) does not match the name on the URL (c)")
            #expect(
                try await message([:])
                    == "400 the name of the object (c based on URL) was undeterminable: name must be provided")
            #expect(
                try await message(["name": "c", "namespace": "x"])
                    == "400 the namespace of the provided object does not match the namespace sent on the request")
            #expect(
                try await message(["name": "c", "uid": "u"])
                    == "409 Operation cannot be fulfilled on configmaps \"c\": uid mismatch: the provided object specified uid u, and no existing object was found"
            )
            let fresh =
                "409 Operation cannot be fulfilled on configmaps \"c\": the object has been modified; please apply your changes to the latest version and try again"
            #expect(try await message(["name": "c", "resourceVersion": "1"]) == fresh)
            #expect(try await message(["name": "c"]) == "201 ")
            #expect(try await message(["name": "c", "resourceVersion": "1"]) == fresh)
            let version = try await server.send("GET", path).json[path: "metadata", "resourceVersion"]
            #expect(try await message(["name": "c", "resourceVersion": version ?? .null]) == "200 ")
        }
    }

    @Test(
        "a manager's name is checked",
        arguments: [
            (
                "POST", "fieldManager=\(String(repeating: "x", count: 129))",
                "CreateOptions.meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be more than 128 bytes"
            ),
            (
                "PATCH", "fieldManager=a%09b",
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Invalid value: \"a\\tb\": invalid character U+0009 (at position 1)"
            ),
            (
                "PATCH", "force=true",
                "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch"
            ),
        ])
    func names(_ method: String, _ query: String, _ message: String) async throws {
        try await APIServer.run { server async throws in
            let path = method == "POST" ? Self.maps : Self.maps + "/c"
            let type = method == "POST" ? "application/json" : "application/merge-patch+json"
            let answer = try await server.send(method, "\(path)?\(query)", Self.map([:]), type: type)
            #expect(answer.code == 422)
            #expect(try answer.json["message"]?.stringValue == message)
        }
    }

    @Test("owners are part of metadata in every form: lists, tables, metadata alone")
    func forms() async throws {
        try await APIServer.run { server async throws in
            _ = try await Self.apply(server, Self.maps + "/c", Self.map(["x": "1"]))
            let list = try await server.send("GET", Self.maps).json
            #expect(Self.owners(list["items"]?[0] ?? .null) == ["a Apply"])
            let table = try await server.send("GET", Self.maps, accept: "application/json;as=Table;v=v1;g=meta.k8s.io")
                .json
            #expect(Self.owners(table["rows"]?[0]?["object"] ?? .null) == ["a Apply"])
            let partial = try await server.send(
                "GET", Self.maps + "/c", accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
            ).json
            #expect(Self.owners(partial) == ["a Apply"])
        }
    }
}
