import JSON
import Resources
import Testing

@Suite struct PatchTests {
    private func web() throws -> Resource { try Manifest.admit(Manifest.deployment).resource }

    private func apply(_ kind: Patch.Kind, _ patch: JSONValue, _ document: JSONValue) throws -> JSONValue {
        try Patch.apply(kind, patch: patch, to: Resource(value: document, type: .pod))
    }

    @Test func mergePatchFollowsTheRFC() throws {
        let result = try apply(
            .merge, ["a": ["b": .null, "c": ["x": 1, "y": .null]], "l": [1]], ["a": ["b": 1, "d": 2], "l": [2, 3]])
        #expect(result["a"] == ["d": 2, "c": ["x": 1]])
        #expect(result["l"] == [1])
        #expect(throws: StatusError.self) { try apply(.merge, [], [:]) }
    }

    @Test(.timeLimit(.minutes(1))) func strategicMergeOfLongListsTakesItsLength() throws {
        let names = (0..<60_000).map { "n\($0)" }
        let document: JSONValue = [
            "metadata": ["finalizers": .array(names.map { .string("example.com/\($0)") })],
            "spec": ["containers": [["name": "c", "env": .array(names.map { ["name": .string($0)] })]]],
        ]
        let patch: JSONValue = [
            "metadata": ["finalizers": .array(names.map { .string("example.org/\($0)") })],
            "spec": [
                "containers": [
                    [
                        "name": "c",
                        "env": .array(
                            names.map {
                                $0.hasSuffix("7")
                                    ? ["name": .string($0), "$patch": "delete"] : ["name": .string("x" + $0)]
                            }),
                    ]
                ]
            ],
        ]
        let result = try apply(.strategicMerge, patch, document)
        #expect(result[path: "metadata", "finalizers"]?.arrayValue?.count == 120_000)
        #expect(result[path: "spec", "containers"]?[0]?["env"]?.arrayValue?.count == 108_000)
    }

    @Test func jsonPatchFollowsTheRFC() throws {
        let document: JSONValue = ["a": [1, 2], "b": ["c": 1], "m~n/o": 1]
        let result = try apply(
            .json,
            [
                ["op": "test", "path": "/b/c", "value": 1], ["op": "add", "path": "/a/1", "value": 9],
                ["op": "add", "path": "/a/-", "value": 3], ["op": "remove", "path": "/a/0"],
                ["op": "replace", "path": "/m~0n~1o", "value": 2], ["op": "copy", "from": "/b", "path": "/d"],
                ["op": "move", "from": "/b/c", "path": "/e"],
            ], document)
        #expect(result["a"] == [9, 2, 3])
        #expect(result["m~n/o"] == 2)
        #expect(result["d"] == ["c": 1])
        #expect(result["b"] == [:])
        #expect(result["e"] == 1)
    }

    @Test(
        arguments: [
            (["op": "test", "path": "/a", "value": 2], 422), (["op": "remove", "path": "/x"], 422),
            (["op": "add", "path": "/x/y", "value": 1], 422), (["op": "add", "path": "/l/5", "value": 1], 422),
            (["op": "replace", "path": "/l/01", "value": 1], 422), (["op": "move", "from": "/o", "path": "/o/x"], 422),
            (["op": "jump", "path": "/a"], 400), (["op": "add", "path": "/a"], 400), (["path": "/a"], 400),
            (["op": "remove", "path": "a"], 400),
        ] as [(JSONValue, Int)])
    func jsonPatchThatDoesNotApplyIsRefused(_ operation: JSONValue, _ code: Int) throws {
        do {
            _ = try apply(.json, [operation], ["a": 1, "l": [1], "o": [:]])
            Issue.record("applied \(operation)")
        } catch let error as StatusError {
            #expect(error.code == code)
        }
    }

    @Test func copiesCannotExplode() {
        var operations: [JSONValue] = []
        for _ in 0..<64 { operations.append(["op": "copy", "from": "/a", "path": "/a/-"]) }
        #expect(throws: StatusError.self) { try apply(.json, .array(operations), ["a": ["xxxxxxxxxxxxxxxx"]]) }
    }

    @Test func copiesCannotNestWithoutEnd() throws {
        // Each copy puts the whole of `a` into its innermost object.
        var operations: [JSONValue] = []
        var path = "/a"
        for _ in 0..<16 {
            operations.append(["op": "copy", "from": "/a", "path": .string(path + "/a")])
            path += path
        }
        let error = #expect(throws: StatusError.self) { try apply(.json, .array(operations), ["a": [:]]) }
        #expect(error?.code == 422)
        #expect(error?.message.hasSuffix("nested deeper than 64 levels") == true)
        let deep = try apply(.json, .array(Array(operations.prefix(5))), ["a": [:]])
        #expect(try JSONValue(parsing: deep.serialized()) == deep)
    }

    @Test func strategicMergeMergesListsByTheirKey() throws {
        let patch: JSONValue = [
            "spec": [
                "template": [
                    "spec": [
                        "containers": [
                            [
                                "name": "web", "image": "web:2",
                                "env": [["name": "MODE", "value": "test"], ["$patch": "delete", "name": "POD"]],
                            ],
                            ["name": "side", "image": "side:1", "command": .null],
                        ]
                    ]
                ]
            ]
        ]
        let result = try Patch.apply(.strategicMerge, patch: patch, to: web())
        let containers = try #require(result[at: "spec.template.spec.containers"])
        #expect(containers.arrayValue?.count == 2)
        #expect(containers[at: "[0].image"] == "web:2")
        #expect(containers[at: "[0].env"] == [["name": "MODE", "value": "test"]])
        #expect(containers[at: "[0].ports[0].name"] == "http")
        #expect(containers[1] == ["name": "side", "image": "side:1"])
    }

    @Test func strategicMergeFollowsItsDirectives() throws {
        let base = try web()
        func merged(_ patch: JSONValue) throws -> JSONValue { try Patch.apply(.strategicMerge, patch: patch, to: base) }
        func inPod(_ patch: JSONValue) -> JSONValue { ["spec": ["template": ["spec": patch]]] }
        let replaced = try merged(inPod(["containers": [["$patch": "replace"], ["name": "x", "image": "y"]]]))
        #expect(replaced[at: "spec.template.spec.containers"] == [["name": "x", "image": "y"]])
        let recreate = try merged(["spec": ["strategy": ["$retainKeys": ["type"], "type": "Recreate"]]])
        #expect(recreate[at: "spec.strategy"] == ["type": "Recreate"])
        let ordered = try merged(
            inPod([
                "$setElementOrder/containers": [["name": "new"], ["name": "web"]],
                "containers": [["name": "new", "image": "n"]],
            ]))
        #expect(ordered[at: "spec.template.spec.containers[0].name"] == "new")
        #expect(ordered[at: "spec.template.spec.containers[1].name"] == "web")
        let volumes = try merged(
            inPod(["volumes": [["$retainKeys": ["name", "emptyDir"], "name": "conf", "emptyDir": [:]]]]))
        #expect(volumes[at: "spec.template.spec.volumes"] == [["name": "conf", "emptyDir": [:]]])
        let gone = try merged(["metadata": ["labels": .null], "spec": ["replicas": .null]])
        #expect(gone[at: "spec.replicas"] == nil)
        #expect(try merged(inPod(["tolerations": []]))[at: "spec.template.spec.tolerations"] == [])
        let dropped = try merged(inPod(["affinity": ["$patch": "delete"]]))
        #expect(dropped[at: "spec.template.spec.affinity"] == nil)
        #expect(throws: StatusError.self) { try merged(inPod(["containers": [["image": "x"]]])) }
        #expect(throws: StatusError.self) { try merged(["spec": ["$patch": "odd"]]) }
    }

    @Test func plainListsAreMergedAsSets() throws {
        var base = try web()
        base.finalizers = ["a/b", "c/d"]
        let added = try Patch.apply(.strategicMerge, patch: ["metadata": ["finalizers": ["e/f", "a/b"]]], to: base)
        #expect(added[at: "metadata.finalizers"] == ["e/f", "a/b", "c/d"])
        let removed = try Patch.apply(
            .strategicMerge, patch: ["metadata": ["$deleteFromPrimitiveList/finalizers": ["a/b"]]], to: base)
        #expect(removed[at: "metadata.finalizers"] == ["c/d"])
    }

    @Test func conditionsAreMergedByType() throws {
        var pod = try Manifest.admit(Manifest.pod).resource
        pod.value[at: "status.conditions"] = [
            ["type": "Ready", "status": "False"], ["type": "Initialized", "status": "True"],
        ]
        let patch: JSONValue = ["status": ["conditions": [["type": "Ready", "status": "True"]]]]
        let result = try Patch.apply(.strategicMerge, patch: patch, to: pod)
        #expect(
            result[at: "status.conditions"] == [
                ["type": "Ready", "status": "True"], ["type": "Initialized", "status": "True"],
            ])
    }

    @Test func serverOnlyElementsKeepTheirPlace() throws {
        var base = try web()
        base.value[at: "spec.template.spec.containers"] = [
            ["name": "a", "image": "1"], ["name": "injected", "image": "2"], ["name": "b", "image": "3"],
        ]
        let patch: JSONValue = [
            "spec": [
                "template": [
                    "spec": [
                        "$setElementOrder/containers": [["name": "a"], ["name": "b"]],
                        "containers": [["name": "b", "image": "4"]],
                    ]
                ]
            ]
        ]
        let result = try Patch.apply(.strategicMerge, patch: patch, to: base)
        #expect(result[at: "spec.template.spec.containers"]?.arrayValue?.map { $0["name"] } == ["a", "injected", "b"])
        #expect(result[at: "spec.template.spec.containers[2].image"] == "4")
    }
}
