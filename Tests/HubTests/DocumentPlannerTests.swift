import FleetProtocol
import JSON
import Resources
import Testing

@testable import Hub

struct DocumentPlannerTests {
    private let one = try? DeviceID("one")
    private let two = try? DeviceID("two")

    private func plan(_ objects: [Resource], _ nodes: [Resource]) throws -> DocumentPlanner.Plan {
        var byDevice: [DeviceID: Resource] = [:]
        for node in nodes { byDevice[try DeviceID(node.name)] = node }
        return DocumentPlanner(objects: objects).plan(nodes: byDevice)
    }

    private func names(_ plan: DocumentPlanner.Plan, _ device: String) throws -> [String] {
        try #require(plan.documents[DeviceID(device)]).objects.compactMap { $0[path: "metadata", "name"]?.stringValue }
            .sorted()
    }

    @Test func aSelectorChoosesDevicesAndNoneMeansAll() throws {
        let plan = try plan(
            [deployment("all"), deployment("west", selector: ["site": "west"])],
            [node("one", ["site": "west"]), node("two", ["site": "east"])])
        #expect(try names(plan, "one") == ["all", "west"])
        #expect(try names(plan, "two") == ["all"])
        #expect(plan.assignments[deployment("west").key]?.map(\.text) == ["one"])
    }

    @Test func ownersOfFieldsStayAtTheHub() throws {
        var owned = deployment("web")
        owned.managedFields = [
            [
                "manager": "m", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                "fieldsV1": ["f:spec": ["f:replicas": [:]]],
            ]
        ]
        let device = try DeviceID("one")
        let (with, without) = (try plan([owned], [node("one")]), try plan([deployment("web")], [node("one")]))
        #expect(with.hashes == without.hashes)
        #expect(with.documents[device]?.objects == without.documents[device]?.objects)
    }

    @Test func whatAPodNamesTravelsWithIt() throws {
        let spec: JSONValue = [
            "containers": [
                [
                    "name": "main", "image": "i",
                    "env": [["name": "A", "valueFrom": ["secretKeyRef": ["name": "s1", "key": "k"]]]],
                    "envFrom": [["configMapRef": ["name": "c1"]]],
                ]
            ],
            "volumes": [
                ["name": "v", "configMap": ["name": "c2"]], ["name": "w", "secret": ["secretName": "s2"]],
            ],
        ]
        let plan = try plan(
            [
                deployment("web", spec: spec), plain(.configMap, "c1"), plain(.configMap, "c2"),
                plain(.configMap, "unused"),
                plain(.secret, "s1"), plain(.secret, "s2"), plain(.namespace, "default", namespace: nil),
            ], [node("one")])
        #expect(try names(plan, "one") == ["c1", "c2", "s1", "s2", "web"])
    }

    @Test func theAccountThatAPodNamesTravelsWithItButForTheOneThatEachNamespaceHas() throws {
        let containers: JSONValue = [["name": "main", "image": "i"]]
        let plan = try plan(
            [
                deployment("a", spec: ["containers": containers, "serviceAccountName": "robot"]),
                deployment("b", spec: ["containers": containers, "serviceAccountName": "default"]),
                // The field's old name.
                deployment("c", spec: ["containers": containers, "serviceAccount": "android"]),
                plain(.serviceAccount, "robot"), plain(.serviceAccount, "default"),
                plain(.serviceAccount, "unused"), plain(.serviceAccount, "android"),
            ], [node("one")])
        #expect(try names(plan, "one") == ["a", "android", "b", "c", "robot"])
    }

    @Test func statusMirrorsAndDeletedObjectsChangeNoDocument() throws {
        let before = try plan([deployment("web")], [node("one")])
        var changed = deployment("web")
        changed.value["status"] = ["replicas": 99]
        changed.resourceVersion = "77"
        changed.generation = 12
        var mirror = plain(.pod, "p")
        mirror.labels[WherryLabels.device] = "one"
        var doomed = deployment("old")
        doomed.value[path: "metadata", "deletionTimestamp"] = "2026-01-01T00:00:00Z"
        let after = try plan([changed, mirror, doomed], [node("one")])
        let device = try DeviceID("one")
        #expect(before.documents[device]?.digest == after.documents[device]?.digest)
    }

    @Test func whatIsInANamespaceThatIsBeingDeletedGoesFromTheDevices() throws {
        var team = plain(.namespace, "team", namespace: nil)
        func documents() throws -> [String] {
            var held = deployment("held")
            held.value[path: "metadata", "namespace"] = "team"
            held.finalizers = ["example.com/hold"]
            return try names(plan([held, team], [node("one")]), "one")
        }
        #expect(try documents() == ["held", "team"])
        team.value[path: "metadata", "deletionTimestamp"] = "2026-01-01T00:00:00Z"
        #expect(try documents() == [])
    }

    @Test func aDeviceGetsTheHubsLabelsButNotItsOwnBack() throws {
        let plan = try plan([], [node("one", ["site": "west", "kubernetes.io/arch": "amd64"])])
        #expect(plan.documents[try DeviceID("one")]?.nodeLabels == ["site": "west"])
    }

    private func affinity(_ term: JSONValue) -> JSONValue {
        let required: JSONValue = ["nodeSelectorTerms": [term]]
        return ["affinity": ["nodeAffinity": ["requiredDuringSchedulingIgnoredDuringExecution": required]]]
    }

    @Test func requiredAffinityChoosesDevices() throws {
        let arch: JSONValue = ["key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]]
        let required = affinity(["matchExpressions": [arch]])
        let plan = try plan(
            [deployment("arm", spec: required)],
            [node("one", ["kubernetes.io/arch": "amd64"]), node("two", ["kubernetes.io/arch": "arm64"]), node("new")])
        #expect(plan.assignments[deployment("arm").key]?.map(\.text) == ["two"])
        let object = try #require(plan.documents[DeviceID("two")]?.objects.first)
        #expect(object[path: "spec", "template", "spec", "affinity"] == required["affinity"])
    }

    @Test func aDeviceThatWasChosenByItsNameIsNotAskedForIt() throws {
        let name: JSONValue = ["key": "metadata.name", "operator": "In", "values": ["two"]]
        let plan = try plan(
            [deployment("there", spec: affinity(["matchFields": [name]]))], [node("one"), node("two")])
        #expect(try names(plan, "one") == [])
        let object = try #require(plan.documents[DeviceID("two")]?.objects.first)
        #expect(object[path: "spec", "template", "spec", "affinity"] == ["nodeAffinity": [:]])
    }

    @Test func aPodForOneNodeGoesThereUnbound() throws {
        let pod = plain(.pod, "p", ["spec": ["nodeName": "two", "containers": [["name": "c", "image": "i"]]]])
        let plan = try plan([pod], [node("one"), node("two")])
        #expect(try names(plan, "one") == [])
        let object = try #require(plan.documents[DeviceID("two")]?.objects.first)
        #expect(object[path: "spec", "nodeName"] == nil)
    }
}
