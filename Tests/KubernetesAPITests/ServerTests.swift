import HTTPServing
import JSON
import Linux
import ResourceStore
import Resources
import Testing

@testable import KubernetesAPI

@Suite("The API over its socket")
struct ServerTests {
    static let pods = "/api/v1/namespaces/default/pods"

    static func pod(_ name: String, labels: JSONValue = [:]) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": .string(name), "labels": labels],
            "spec": ["containers": [["name": "c", "image": "x"]]],
        ]
    }

    static let deployment: JSONValue = [
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "web"],
        "spec": [
            "replicas": 2, "selector": ["matchLabels": ["app": "web"]],
            "template": [
                "metadata": ["labels": ["app": "web"]], "spec": ["containers": [["name": "c", "image": "x"]]],
            ],
        ],
    ]

    @Test("create, read, list, delete")
    func lifeOfAnObject() async throws {
        try await APIServer.run { server async throws in
            let created = try await server.send("POST", Self.pods, Self.pod("a"))
            #expect(created.code == 201)
            let uid = try created.json[path: "metadata", "uid"]?.stringValue
            #expect(uid?.isEmpty == false)
            #expect(try await server.send("POST", Self.pods, Self.pod("a")).code == 409)
            #expect(try await server.send("GET", Self.pods + "/a").json == created.json)
            let list = try await server.send("GET", "/api/v1/pods").json
            #expect(list["kind"] == "PodList" && list["items"]?.arrayValue?.count == 1)
            #expect(try await server.send("DELETE", Self.pods + "/a").code == 200)
            let gone = try await server.send("GET", Self.pods + "/a")
            #expect(gone.code == 404)
            #expect(try gone.json["message"] == "pods \"a\" not found")
        }
    }

    @Test("a delete answers with the uid that clients wait for")
    func deleteStatus() async throws {
        try await APIServer.run { server async throws in
            let path = "/api/v1/namespaces/default/configmaps"
            let map: JSONValue = ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "c"]]
            let uid = try await server.send("POST", path, map).json[path: "metadata", "uid"]
            let answer = try await server.send("DELETE", path + "/c", ["propagationPolicy": "Background"]).json
            #expect(answer["status"] == "Success")
            #expect(answer[path: "details", "uid"] == uid)
        }
    }

    @Test("dry runs change nothing")
    func dryRun() async throws {
        try await APIServer.run { server async throws in
            #expect(try await server.send("POST", Self.pods + "?dryRun=All", Self.pod("a")).code == 201)
            #expect(try await server.send("GET", Self.pods + "/a").code == 404)
            #expect(try await server.send("POST", Self.pods + "?dryRun=Some", Self.pod("a")).code == 400)
        }
    }

    @Test("unknown fields are refused, warned of or ignored as the client says")
    func fieldValidation() async throws {
        try await APIServer.run { server async throws in
            var pod = Self.pod("a")
            pod["spec"]?["colour"] = "red"
            #expect(try await server.send("POST", Self.pods + "?fieldValidation=Strict", pod).code == 400)
            let warned = try await server.send("POST", Self.pods + "?fieldValidation=Warn&dryRun=All", pod)
            #expect(warned.code == 201)
            #expect(warned.head.contains("299 - \"unknown field \\\"spec.colour\\\"\""))
            let ignored = try await server.send("POST", Self.pods + "?fieldValidation=Ignore", pod)
            #expect(ignored.code == 201 && !ignored.head.contains("299"))
        }
    }

    @Test("scale reads and patches the number of replicas")
    func scale() async throws {
        try await APIServer.run { server async throws in
            let path = "/apis/apps/v1/namespaces/default/deployments"
            #expect(try await server.send("POST", path, Self.deployment).code == 201)
            #expect(try await server.send("GET", path + "/web/scale").json[path: "spec", "replicas"] == 2)
            let scaled = try await server.send(
                "PATCH", path + "/web/scale", ["spec": ["replicas": 5]], type: "application/merge-patch+json")
            #expect(try scaled.json["kind"] == "Scale")
            #expect(try await server.send("GET", path + "/web").json[path: "spec", "replicas"] == 5)
            #expect(try await server.send("GET", Self.pods + "/a/scale").code == 404)
        }
    }

    @Test("patches of each kind; a stale version is a conflict")
    func patches() async throws {
        try await APIServer.run { server async throws in
            let path = Self.pods + "/a"
            _ = try await server.send("POST", Self.pods, Self.pod("a"))
            func patch(_ body: JSONValue, _ type: String) async throws -> APIServer.Answer {
                try await server.send("PATCH", path, body, type: "application/\(type)")
            }
            _ = try await patch(["metadata": ["labels": ["m": "1"]]], "merge-patch+json")
            _ = try await patch(["metadata": ["labels": ["s": "2"]]], "strategic-merge-patch+json")
            let last = try await patch([["op": "add", "path": "/metadata/labels/j", "value": "3"]], "json-patch+json")
            #expect(try last.json[path: "metadata", "labels"] == ["m": "1", "s": "2", "j": "3"])
            let stale = try await patch(
                ["metadata": ["resourceVersion": "1", "labels": ["m": "2"]]], "merge-patch+json")
            #expect(stale.code == 409)
            #expect(try await patch([:], "x-patch").code == 415)
        }
    }

    @Test("server-side apply creates, then merges")
    func apply() async throws {
        try await APIServer.run { server async throws in
            let path = "/api/v1/namespaces/default/configmaps/c"
            let body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: \"1\"}\n"
            func apply(_ query: String) async throws -> APIServer.Answer {
                try await server.send(
                    "PATCH", path + query, bytes: Array(body.utf8), type: "application/apply-patch+yaml")
            }
            #expect(try await apply("").code == 422)
            #expect(try await apply("?fieldManager=t").code == 201)
            let again = try await apply("?fieldManager=t")
            #expect(again.code == 200)
            #expect(try again.json["data"] == ["a": "1"])
        }
    }

    @Test("a table has columns and rows with metadata")
    func table() async throws {
        try await APIServer.run { server async throws in
            _ = try await server.send("POST", Self.pods, Self.pod("a"))
            let table = try await server.send(
                "GET", Self.pods, accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
            ).json
            #expect(table["kind"] == "Table" && table["apiVersion"] == "meta.k8s.io/v1")
            #expect(table["rows"]?[0]?["cells"]?[0] == "a")
            #expect(table["rows"]?[0]?["object"]?["kind"] == "PartialObjectMetadata")
        }
    }

    @Test("a watch starts with what is there and goes on with changes that match")
    func watch() async throws {
        try await APIServer.run { server async throws in
            _ = try await server.send("POST", Self.pods, Self.pod("a", labels: ["app": "x"]))
            async let watched = server.send(
                "GET", Self.pods + "?watch=1&labelSelector=app%3Dx&timeoutSeconds=20", until: "\"DELETED\"")
            _ = try await server.send("POST", Self.pods, Self.pod("other"))
            _ = try await server.send(
                "PATCH", Self.pods + "/a", ["metadata": ["labels": ["app": "y"]]], type: "application/merge-patch+json")
            // Whether the watch saw the object before or after it lost its label, it must see one more come and go.
            _ = try await server.send("POST", Self.pods, Self.pod("b", labels: ["app": "x"]))
            _ = try await server.send("DELETE", Self.pods + "/b?gracePeriodSeconds=0")
            _ = try await server.send("POST", Self.pods, Self.pod("c", labels: ["app": "x"]))
            _ = try await server.send("DELETE", Self.pods + "/c?gracePeriodSeconds=0")
            let text = try await watched.text
            #expect(text.contains("\"type\":\"ADDED\"") || text.contains("\"DELETED\""))
            #expect(!text.contains("\"name\":\"other\""))
        }
    }

    @Test("a watch with a version sees only what came after it")
    func watchSince() async throws {
        try await APIServer.run { server async throws in
            _ = try await server.send("POST", Self.pods, Self.pod("a"))
            let version = try await server.send("GET", Self.pods).json[path: "metadata", "resourceVersion"]?.stringValue
            _ = try await server.send("POST", Self.pods, Self.pod("b"))
            let answer = try await server.send(
                "GET", Self.pods + "?watch=true&resourceVersion=\(version ?? "")", until: "\n")
            let event = try await server.send(
                "GET", Self.pods + "?watch=true&resourceVersion=\(version ?? "")", until: "\"name\":\"b\"")
            #expect(answer.code == 200)
            #expect(!event.text.contains("\"name\":\"a\""))
        }
    }

    @Test("a log needs a container when there are several")
    func logs() async throws {
        try await APIServer.run { server async throws in
            var two = Self.pod("two")
            two[path: "spec", "containers"] = [["name": "c", "image": "x"], ["name": "d", "image": "x"]]
            _ = try await server.send("POST", Self.pods, two)
            #expect(
                try await server.send("GET", Self.pods + "/two/log").json["message"]
                    == "a container name must be specified for pod two, choose one of: [c d]")
            #expect(try await server.send("GET", Self.pods + "/two/log?container=z").code == 400)
            try await server.store.update(ResourceKey(type: .pod, namespace: "default", name: "two")) {
                $0.value[path: "spec", "nodeName"] = "n"
            }
            #expect(try await server.send("GET", Self.pods + "/two/log?container=d").text == "hello from d\n")
        }
    }

    @Test("what is no request of this API gets a Status of its own")
    func faults() async throws {
        try await APIServer.run { server async throws in
            #expect(try await server.send("GET", "/apis/batch/v1/tasks").json["reason"] == "NotFound")
            #expect(try await server.send("PUT", Self.pods, Self.pod("a")).json["reason"] == "MethodNotAllowed")
            #expect(try await server.send("GET", "/nothing").json["kind"] == "Status")
            #expect(
                try await server.send("POST", Self.pods, bytes: Array("{".utf8), type: "application/json").code == 400)
            let protobuf = try await server.send(
                "POST", Self.pods, bytes: [0x6B, 0x38, 0x73, 0], type: "application/vnd.kubernetes.protobuf")
            #expect(protobuf.code == 400)
            #expect(try await server.send("POST", Self.pods, bytes: [], type: "text/html").code == 415)
            let big = [UInt8](repeating: 0x20, count: RequestDocument.limit + 1)
            #expect(try await server.send("POST", Self.pods, bytes: big, type: "application/json").code == 413)
        }
    }

    @Test("the OpenAPI index leads to documents that say who validates")
    func openAPI() async throws {
        try await APIServer.run { server async throws in
            let paths = try await server.send("GET", "/openapi/v3").json["paths"]?.objectValue ?? [:]
            #expect(Set(paths.keys) == Set(Schema.documentPaths))
            for entry in paths.values {
                let address = try #require(entry["serverRelativeURL"]?.stringValue)
                let document = try await server.send("GET", address)
                #expect(document.code == 200 && document.text.contains("fieldValidation"))
                #expect(document.head.contains("immutable"))
            }
        }
    }

    @Test("the socket is private, and a second server on the directory is refused")
    func socketOwnership() async throws {
        try await APIServer.run { server async throws in
            var status = stat()
            #expect(lstat(server.socket, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            let error = #expect(throws: HTTPServingError.self) { try RunDirectoryClaim(path: server.directory) }
            #expect(error?.code == .runDirectoryInUse)
            #expect(error?.message.contains("another wherry uses this run directory") == true)
        }
    }
}

@Suite("Watches at once")
struct WatchLimitTests {
    @Test("one more than the limit is refused, and let in when another ends")
    func limit() throws {
        let limit = WatchLimit(2)
        var places = [try limit.take(), try limit.take()]
        let error = #expect(throws: StatusError.self) { try limit.take() }
        #expect(error?.code == 429 && error?.details?.retryAfterSeconds == 5)
        places.removeLast()
        places.append(try limit.take())
        #expect(throws: StatusError.self) { try limit.take() }
    }
}
