import JSON
import Testing

@testable import Resources

@Suite struct SchemaTests {
    @Test func everyDocumentDescribesItsKinds() throws {
        for path in Schema.documentPaths {
            let document = try #require(Schema.openAPIv3(path))
            #expect(document[at: "openapi"] == "3.0.0")
            let text = document.description
            let schemas = try #require(document[path: "components", "schemas"]?.objectValue)
            for reference in text.split(separator: "#/components/schemas/").dropFirst() {
                #expect(schemas[String(reference.prefix { $0 != "\"" })] != nil)
            }
            #expect(text.utf8.count < 300_000, "\(path)")
        }
        #expect(Schema.openAPIv3("apis/nothing/v1") == nil)
    }

    @Test func deploymentDocumentHasWhatKubectlLooksFor() throws {
        let document = try #require(Schema.openAPIv3("apis/apps/v1"))
        let patch = try #require(
            document[path: "paths", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}", "patch"])
        let gvk: JSONValue = ["group": "apps", "version": "v1", "kind": "Deployment"]
        #expect(patch["x-kubernetes-group-version-kind"] == gvk)
        #expect(patch["x-kubernetes-action"] == "patch")
        #expect(patch["parameters"]?.arrayValue?.contains { $0["name"] == "fieldValidation" } == true)
        let deployment = document[path: "components", "schemas", "io.k8s.api.apps.v1.Deployment"]
        #expect(deployment?["x-kubernetes-group-version-kind"] == [gvk])
        let podSpec = document[path: "components", "schemas", "io.k8s.api.core.v1.PodSpec", "properties", "containers"]
        #expect(podSpec?["x-kubernetes-patch-merge-key"] == "name")
        #expect(podSpec?["x-kubernetes-patch-strategy"] == "merge")
        let ports = document[path: "components", "schemas", "io.k8s.api.core.v1.Container", "properties", "ports"]
        #expect(ports?["x-kubernetes-list-map-keys"] == ["containerPort", "protocol"])
        #expect(
            document[path: "components", "schemas", "io.k8s.api.core.v1.ContainerPort", "required"] == ["containerPort"]
        )
    }

    @Test("the v2 document has every kind, and its references lead somewhere")
    func versionTwo() throws {
        let document = Schema.openAPIv2()
        let definitions = try #require(document["definitions"]?.objectValue)
        for reference in document.description.split(separator: "#/definitions/").dropFirst() {
            #expect(definitions[String(reference.prefix { $0 != "\"" })] != nil)
        }
        for type in ResourceType.all + ServedForm.types + RequestKind.reviews.map(\.type) {
            let kind = definitions.values.filter {
                $0["x-kubernetes-group-version-kind"]?[0]
                    == [
                        "group": .string(type.group), "version": .string(type.version), "kind": .string(type.kind),
                    ]
            }
            #expect(kind.count == 1, "\(type.apiVersion) \(type.kind)")
        }
        let patch = document[
            path: "paths", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}", "patch", "parameters"]
        #expect(
            patch?.arrayValue?.map { $0["name"] } == ["dryRun", "fieldManager", "fieldValidation", "force", "body"])
        let containers = definitions["io.k8s.api.core.v1.PodSpec"]?[path: "properties", "containers"]
        #expect(containers?["x-kubernetes-patch-merge-key"] == "name")
        #expect(containers?["items"] == ["$ref": "#/definitions/io.k8s.api.core.v1.Container"])
    }

    private static let served = ResourceType.all + ServedForm.types + RequestKind.all.map(\.type)

    @Test func descriptionsNameFieldsThatExist() {
        var (names, seen): (Set<String>, Set<String>) = ([], [])
        func collect(_ node: SchemaNode) {
            switch node {
            case .array(let element), .map(let element): collect(element)
            case .object(let schema):
                guard seen.insert("\(schema.package).\(schema.name)").inserted else { return }
                names.insert(schema.name)
                for field in schema.fields {
                    names.formUnion(["*.\(field.name)", "\(schema.name).\(field.name)"])
                    collect(field.node)
                }
            default: break
            }
        }
        for type in Self.served { collect(.object(type.schema)) }
        collect(
            .object(ShapeLibrary.shared.shape("DeleteOptions", in: "meta.v1") ?? ObjectSchema(name: "", fields: [])))
        #expect(Set(SchemaDescriptions.table.keys).subtracting(names).isEmpty)
    }

    @Test("every kind, its spec, its status and their fields are described", arguments: served)
    func descriptions(type: ResourceType) {
        func check(_ schema: ObjectSchema) {
            #expect(SchemaDescriptions[schema.name] != nil, "\(schema.name)")
            for field in schema.fields {
                #expect(SchemaDescriptions[schema.name, field.name] != nil, "\(schema.name).\(field.name)")
            }
        }
        check(type.schema)
        for part in ["spec", "status"] { if let schema = type.schema[part]?.node.object { check(schema) } }
    }

    @Test func statusErrorReadsBackFromItsStatus() throws {
        let key = ResourceKey(type: .deployment, namespace: "default", name: "x")
        let error = StatusError.notFound(key)
        #expect(error.message == "deployments.apps \"x\" not found")
        #expect(StatusError(status: error.status) == error)
        #expect(error.status["details"] == ["name": "x", "group": "apps", "kind": "deployments"])
        #expect(
            StatusError.alreadyExists(ResourceKey(type: .pod, namespace: "a", name: "x")).message
                == "pods \"x\" already exists")
        let terminating = StatusError.namespaceTerminating(ResourceKey(type: .pod, namespace: "a", name: "x"))
        #expect(
            terminating.message
                == "pods \"x\" is forbidden: unable to create new content in namespace a because it is being terminated"
        )
        #expect(StatusError(status: terminating.status) == terminating)
        #expect(StatusError(status: ["kind": "Pod"]) == nil)
    }

    @Test func base64FollowsTheRFC() {
        for text in ["", "f", "fo", "foo", "foob", "fooba", "foobar"] {
            #expect(Base64.decode(Base64.encode(text.utf8)) == Array(text.utf8))
        }
        #expect(Base64.encode("fooba".utf8) == "Zm9vYmE=")
        #expect(Base64.decode("Zm9v\nYmE=\n") == Array("fooba".utf8))
        for text in ["a", "ab", "abc", "ab=", "a===", "ab==c", "=abc", "ab=c", "a-_/", "abcd="] {
            #expect(Base64.decode(text) == nil, "\(text)")
        }
    }

    @Test func typeIsFoundByAnyOfItsNames() {
        #expect(ResourceType.matching("deploy") == .deployment)
        #expect(ResourceType.matching("Pods") == .pod)
        #expect(ResourceType.matching("deployments.apps") == .deployment)
        #expect(ResourceType.named(group: "apps", version: "v1", plural: "replicasets") == .replicaSet)
        #expect(ResourceType.of(apiVersion: "v1", kind: "Node") == .node)
        #expect(ResourceType.matching("x") == nil)
    }
}
