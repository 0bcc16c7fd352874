import FleetProtocol
import JSON
import ResourceStore
import Resources
import Testing

@testable import DeviceLink

struct DocumentApplierTests {
    let scratch: Scratch
    let store: Store

    init() async throws {
        scratch = try Scratch()
        store = try await scratch.store()
    }

    @discardableResult
    private func apply(_ objects: [JSONValue], labels: [String: String] = [:]) async throws -> DocumentApplier.Outcome {
        let document = Document(nodeLabels: labels, objects: objects)
        return try await store.transaction { try DocumentApplier.apply(document, nodeName: "dev-1", in: $0) }
    }

    private func data(_ name: String) async throws -> JSONValue? {
        try await store.find(Objects.key(.configMap, name))?.value["data"]
    }

    @Test func newObjectIsCreatedAsTheHubsWithItsUID() async throws {
        let outcome = try await apply([Objects.configMap("a", ["k": "1"])])
        let object = try await store.get(Objects.key(.configMap, "a"))
        #expect(outcome.written == 1)
        #expect(object.uid == "uid-a")
        #expect(object.annotations[WherryLabels.owner] == "hub")
        #expect(object.annotations[WherryLabels.hubHash] == Document.hash(of: Objects.configMap("a", ["k": "1"])))
    }

    @Test func sameDocumentAgainWritesNothing() async throws {
        let objects = [Objects.configMap("a", ["k": "1"]), Objects.deployment("web")]
        try await apply(objects)
        let version = store.latestVersion
        let outcome = try await apply(objects)
        #expect(outcome.written == 0)
        #expect(outcome.locallyModified == [])
        #expect(store.latestVersion == version)
    }

    @Test func objectsOfAKindThatTheDocumentDefinesComeAndGoWithIt() async throws {
        let definition: JSONValue = [
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": ["name": "widgets.example.com"],
            "spec": [
                "group": "example.com", "scope": "Namespaced", "names": ["plural": "widgets", "kind": "Widget"],
                "versions": [
                    [
                        "name": "v1", "served": true, "storage": true,
                        "schema": [
                            "openAPIV3Schema": ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
                        ],
                    ]
                ],
            ],
        ]
        let widget: JSONValue = [
            "apiVersion": "example.com/v1", "kind": "Widget", "metadata": ["name": "a"], "spec": ["size": 1],
        ]
        let outcome = try await apply([widget, definition])
        #expect(outcome.failures.isEmpty && outcome.written == 2)
        let type = try #require(store.types.stored("widgets.example.com"))
        let key = ResourceKey(type: type, namespace: "default", name: "a")
        #expect(try await store.get(key).value[path: "spec", "size"] == 1)
        #expect(try await apply([widget, definition]).written == 0)
        let gone = try await apply([])
        #expect(gone.deleted == 2)
        #expect(try await store.find(key) == nil)
        #expect(try await store.get(Objects.key(.customResourceDefinition, "widgets.example.com")).isTerminating)
    }

    private static func widgets(stored: String) -> JSONValue {
        func version(_ name: String) -> JSONValue {
            [
                "name": .string(name), "served": true, "storage": .bool(name == stored),
                "schema": ["openAPIV3Schema": ["type": "object", "x-kubernetes-preserve-unknown-fields": true]],
            ]
        }
        return [
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": ["name": "widgets.example.com"],
            "spec": [
                "group": "example.com", "scope": "Namespaced", "names": ["plural": "widgets", "kind": "Widget"],
                "versions": [version("v1beta1"), version("v1")],
            ],
        ]
    }

    private static func widget(size: Int64) -> JSONValue {
        [
            "apiVersion": "example.com/v1beta1", "kind": "Widget", "metadata": ["name": "a"],
            "spec": ["size": .integer(size)],
        ]
    }

    private func widgetA() async throws -> Resource? {
        let type = try #require(store.types.stored("widgets.example.com"))
        return try await store.find(ResourceKey(type: type, namespace: "default", name: "a"))
    }

    @Test(arguments: [ObjectOrigin.hub, .bundle("b")])
    func objectsOutliveAChangeOfTheStoredVersion(_ origin: ObjectOrigin) async throws {
        func apply(_ objects: [JSONValue]) async throws -> DocumentApplier.Outcome {
            let document = Document(nodeLabels: [:], objects: objects)
            return try await store.transaction {
                try DocumentApplier.apply(document, from: origin, nodeName: "dev-1", in: $0)
            }
        }
        _ = try await apply([Self.widgets(stored: "v1beta1"), Self.widget(size: 1)])
        let former = try #require(try await widgetA())
        let next = [Self.widgets(stored: "v1"), Self.widget(size: 1)]
        #expect(try await apply(next).deleted == 0)
        #expect(try await widgetA()?.uid == former.uid)
        #expect(try await apply(next).locallyModified == [])
        // What is recorded of it stands once, under the new version.
        let changed = [Self.widgets(stored: "v1"), Self.widget(size: 2)]
        #expect(try await apply(changed).written == 1)
        #expect(try await widgetA()?.value[path: "spec", "size"] == 2)
        #expect(try await apply(changed).written == 0)
        #expect(try await apply([Self.widgets(stored: "v1")]).deleted == 1)
        #expect(try await widgetA() == nil)
        #expect(try await apply(changed).written == 1)
    }

    @Test func objectsOfADefinitionThatIsBeingDeletedWaitForIt() async throws {
        let objects = [Self.widgets(stored: "v1"), Self.widget(size: 1)]
        try await apply(objects)
        let key = Objects.key(.customResourceDefinition, "widgets.example.com")
        _ = try await store.delete(key)
        let widget = try #require(try await widgetA())
        _ = try await store.delete(widget.key)
        let outcome = try await apply(objects)
        #expect(outcome.failures.isEmpty && outcome.written == 0)
        #expect(Set(outcome.pending) == [key.description, widget.key.description])
        #expect(outcome.locallyModified == [])
    }

    @Test func objectsOfAnUnknownKindAreReported() async throws {
        let outcome = try await apply([
            ["apiVersion": "example.com/v1", "kind": "Widget", "metadata": ["name": "a"]]
        ])
        #expect(
            outcome.failures.map(\.message) == ["this device knows no kind \"Widget\" (object a): update Wherry here"])
    }

    @Test func changedObjectIsReplacedAndTheRestLeftAlone() async throws {
        try await apply([Objects.configMap("a", ["k": "1"]), Objects.configMap("b", ["k": "1"])])
        let other = try await store.get(Objects.key(.configMap, "b"))
        try await apply([Objects.configMap("a", ["k": "2"]), Objects.configMap("b", ["k": "1"])])
        #expect(try await data("a") == ["k": "2"])
        #expect(try await store.get(Objects.key(.configMap, "b")) == other)
    }

    @Test func ownersOnTheDeviceStayAndTheHubTakesWhatItChanges() async throws {
        try await apply([Objects.configMap("a", ["k": "1", "l": "1"])])
        let key = Objects.key(.configMap, "a")
        let untracked = try await store.get(key)
        #expect(untracked.managedFields == nil)
        let writer = FieldWriter(name: "local", time: "2026-01-01T00:00:00Z")
        let stated: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "a"], "data": ["k": "1", "m": "1"],
        ]
        let applied = try writer.apply(stated, to: untracked, key: key, force: false)
        _ = try await store.update(key) { object in
            object.value = applied.document
            object.managedFields = applied.owners.value
        }
        try await apply([Objects.configMap("a", ["k": "2", "l": "1"])])
        let object = try await store.get(key)
        let owners = try #require(ManagedFields(object.managedFields)).entries
        #expect(Set(owners.keys.map(\.name)).isSuperset(of: ["wherry-hub", "before-first-apply"]))
        #expect(throws: StatusError.self) { try writer.apply(stated, to: object, key: key, force: false) }
    }

    @Test func replacedDeploymentKeepsItsStatusAndRevision() async throws {
        try await apply([Objects.deployment("web", replicas: 1)])
        let key = Objects.key(.deployment, "web")
        _ = try await store.update(key, subresource: .status) { $0.value["status"] = ["replicas": 1] }
        _ = try await store.update(key) { $0.annotations[WherryLabels.deploymentRevision] = "4" }
        try await apply([Objects.deployment("web", replicas: 3)])
        let object = try await store.get(key)
        #expect(object.value[path: "spec", "replicas"] == 3)
        #expect(object.value["status"]?["replicas"] == 1)
        #expect(object.annotations[WherryLabels.deploymentRevision] == "4")
    }

    @Test func objectOfTheDeviceIsAConflictAndNotTouched() async throws {
        var local = Objects.configMap("a", ["k": "mine"])
        local["metadata"]?["uid"] = nil
        let before = try await store.create(Resource(value: local))
        let outcome = try await apply([Objects.configMap("a", ["k": "hub"]), Objects.configMap("b", [:])])
        #expect(outcome.failures.map(\.code) == ["conflict"])
        #expect(try await store.get(Objects.key(.configMap, "a")) == before)
        #expect(try await store.find(Objects.key(.configMap, "b")) != nil)
        // Neither does the hub's taking it back remove it.
        try await apply([])
        #expect(try await store.get(Objects.key(.configMap, "a")) == before)
    }

    @Test func localChangeSurvivesUntilTheHubChangesThatObject() async throws {
        try await apply([Objects.configMap("a", ["k": "1"]), Objects.configMap("b", ["k": "1"])])
        _ = try await store.update(Objects.key(.configMap, "a")) { $0.value["data"] = ["k": "local"] }
        let outcome = try await apply([Objects.configMap("a", ["k": "1"]), Objects.configMap("b", ["k": "2"])])
        #expect(outcome.locallyModified == ["configmaps default/a"])
        #expect(try await data("a") == ["k": "local"])
        try await apply([Objects.configMap("a", ["k": "3"]), Objects.configMap("b", ["k": "2"])])
        #expect(try await data("a") == ["k": "3"])
    }

    @Test func localDeletionSurvivesUntilTheHubChangesThatObject() async throws {
        try await apply([Objects.configMap("a", ["k": "1"])])
        _ = try await store.delete(Objects.key(.configMap, "a"))
        let outcome = try await apply([Objects.configMap("a", ["k": "1"])])
        #expect(outcome.locallyModified == ["configmaps default/a"])
        #expect(try await data("a") == nil)
        try await apply([Objects.configMap("a", ["k": "2"])])
        #expect(try await data("a") == ["k": "2"])
    }

    @Test func objectThatLeftTheDocumentIsDeletedAndLocalOnesStay() async throws {
        try await apply([Objects.configMap("a", [:]), Objects.deployment("web")])
        var local = Objects.configMap("mine", [:])
        local["metadata"]?["uid"] = nil
        _ = try await store.create(Resource(value: local))
        let outcome = try await apply([])
        #expect(outcome.deleted == 2)
        #expect(try await store.find(Objects.key(.configMap, "a")) == nil)
        #expect(try await store.find(Objects.key(.deployment, "web")) == nil)
        #expect(try await store.find(Objects.key(.configMap, "mine")) != nil)
    }

    @Test func controllersCopyOfTheOwnerAnnotationIsNotTheHubsObject() async throws {
        try await apply([Objects.deployment("web")])
        let deployment = try await store.get(Objects.key(.deployment, "web"))
        var set = Objects.deployment("web-1")
        set["kind"] = "ReplicaSet"
        var resource = try Resource(value: set)
        resource.annotations = deployment.annotations
        resource.ownerReferences = [deployment.asControllerOwner]
        _ = try await store.create(resource)
        try await apply([Objects.deployment("web")])
        #expect(try await store.find(Objects.key(.replicaSet, "web-1")) != nil)
    }

    @Test func objectMadeAnewAtTheHubIsMadeAnewHere() async throws {
        try await apply([Objects.deployment("web", uid: "one")])
        try await apply([Objects.deployment("web", replicas: 2, uid: "two")])
        #expect(try await store.get(Objects.key(.deployment, "web")).uid == "two")
    }

    @Test func missingNamespaceComesWithItsObjectsAndGoesWithThem() async throws {
        try await apply([Objects.configMap("a", [:], namespace: "shop")])
        #expect(try await store.find(Objects.key(.configMap, "a", namespace: "shop")) != nil)
        try await apply([])
        let namespace = try await store.find(Objects.key(.namespace, "shop"))
        #expect(namespace == nil || namespace?.isTerminating == true)
    }

    @Test func namespaceWithLocalObjectsIsNeverDeleted() async throws {
        try await apply([Objects.configMap("a", [:], namespace: "shop")])
        var local = Objects.configMap("mine", [:], namespace: "shop")
        local["metadata"]?["uid"] = nil
        _ = try await store.create(Resource(value: local))
        try await apply([])
        #expect(try await store.get(Objects.key(.namespace, "shop")).isTerminating == false)
        #expect(try await store.find(Objects.key(.configMap, "mine", namespace: "shop")) != nil)
    }

    @Test func invalidObjectDoesNotBlockTheOthers() async throws {
        var bad = Objects.deployment("bad")
        bad["spec"]?["selector"] = ["matchLabels": ["app": "other"]]
        let unknown: JSONValue = ["apiVersion": "x/v1", "kind": "Thing", "metadata": ["name": "t"]]
        let outcome = try await apply([bad, unknown, Objects.configMap("a", [:])])
        #expect(outcome.failures.map(\.code) == ["invalid", "invalid"])
        #expect(try await store.find(Objects.key(.configMap, "a")) != nil)
        #expect(try await store.find(Objects.key(.deployment, "bad")) == nil)
    }

    @Test func nodeLabelsAreMergedAndTakenAwayAgain() async throws {
        #expect(try await apply([], labels: ["site": "north"]).pending == ["nodes dev-1"])
        var node = Objects.node("dev-1")
        node["metadata"]?["labels"] = ["own": "1"]
        _ = try await store.create(Resource(value: node))
        try await apply([], labels: ["site": "north", "rack": "2"])
        #expect(try await store.get(Objects.key(.node, "dev-1")).labels == ["own": "1", "site": "north", "rack": "2"])
        try await apply([], labels: ["site": "south"])
        #expect(try await store.get(Objects.key(.node, "dev-1")).labels == ["own": "1", "site": "south"])
    }
}
