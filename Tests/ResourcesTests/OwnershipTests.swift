import JSON
import Testing

@testable import Resources

@Suite("Owners of fields")
struct OwnershipTests {
    static let time = "2026-01-01T00:00:00Z"
    static let later = "2026-01-02T00:00:00Z"

    static func writer(_ name: String, _ part: Subresource = .none, at time: String = time) -> FieldWriter {
        FieldWriter(name: name, subresource: part, time: time)
    }

    /// The object after an apply, with its owners and without defaults.
    static func apply(
        _ name: String, _ stated: JSONValue, to live: Resource? = nil, force: Bool = false, _ part: Subresource = .none,
        at time: String = time
    ) throws -> Resource {
        let type = try live?.type ?? Resource(value: stated).type
        let key = ResourceKey(type: type, namespace: "default", name: "o")
        let applied = try writer(name, part, at: time).apply(stated, to: live, key: key, force: force)
        var result = Resource(value: applied.document, type: type)
        result.managedFields = applied.owners.value
        return live.map { result.keepingTimes(of: $0) } ?? result
    }

    static func map(_ data: JSONValue) -> JSONValue {
        ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "o"], "data": data]
    }

    static func pod(_ spec: JSONValue, metadata: JSONValue = [:]) -> JSONValue {
        var pod: JSONValue = ["apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec]
        pod[path: "metadata", "name"] = "o"
        return pod
    }

    static func service(_ spec: JSONValue) -> JSONValue {
        ["apiVersion": "v1", "kind": "Service", "metadata": ["name": "o"], "spec": spec]
    }

    static func owners(_ resource: Resource) -> [String: JSONValue] {
        Dictionary(
            (resource.managedFields?.arrayValue ?? []).map { entry in
                let part = entry["subresource"]?.stringValue.map { "/\($0)" } ?? ""
                return (
                    "\(entry.text("manager")) \(entry.text("operation"))\(part)", entry["fieldsV1"] ?? .null
                )
            }
        ) { first, _ in first }
    }

    @Test("an apply to long lists takes time by their length", .timeLimit(.minutes(1)))
    func longLists() throws {
        func finalizers(_ domain: String, _ count: Int) -> JSONValue {
            Self.pod([:], metadata: ["finalizers": .array((0..<count).map { .string("\(domain)/n\($0)") })])
        }
        let live = try Self.apply("one", finalizers("z.example", 1))
        let result = try Self.apply("two", finalizers("a.example", 60_000), to: live)
        #expect(result.finalizers.count == 60_001)
    }

    // MARK: Apply

    /// One apply onto an object that others made: what comes out, or which conflicts.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Who applies what, in turn.
        let applies: [(name: String, stated: JSONValue, force: Bool)]
        var spec: JSONValue?
        var owners: [String: JSONValue] = [:]
        var conflict: String?
    }

    static let cases: [Case] = [
        Case(
            testDescription: "a field that its only applier no longer states goes",
            applies: [("a", map(["x": "1", "y": "2"]), false), ("a", map(["x": "1"]), false)],
            spec: ["x": "1"], owners: ["a Apply": ["f:data": ["f:x": [:]]]]),
        Case(
            testDescription: "a field with two appliers stays until both leave it",
            applies: [("a", map(["x": "1"]), false), ("b", map(["x": "1"]), false), ("a", map(["y": "2"]), false)],
            spec: ["x": "1", "y": "2"],
            owners: ["a Apply": ["f:data": ["f:y": [:]]], "b Apply": ["f:data": ["f:x": [:]]]]),
        Case(
            testDescription: "a map that nobody states any more goes as a whole",
            applies: [("a", map(["x": "1"]), false), ("a", map(.null), false)],
            spec: nil, owners: ["a Apply": ["f:data": [:]]]),
        Case(
            testDescription: "another value is a conflict with its applier",
            applies: [("a", map(["x": "1"]), false), ("b", map(["x": "2"]), false)],
            conflict: "Apply failed with 1 conflict: conflict with \"a\": .data.x"),
        Case(
            testDescription: "several conflicts are listed by manager, sorted",
            applies: [
                ("z", map(["x": "1"]), false), ("a", map(["y": "1", "b": "1"]), false),
                ("c", map(["x": "2", "y": "2", "b": "2"]), false),
            ],
            conflict:
                "Apply failed with 3 conflicts: conflicts with \"a\":\n- .data.b\n- .data.y\nconflicts with \"z\":\n- .data.x"
        ),
        Case(
            testDescription: "force takes the field over, and the other's last field takes its entry along",
            applies: [("a", map(["x": "1"]), false), ("b", map(["x": "2"]), true)],
            spec: ["x": "2"], owners: ["b Apply": ["f:data": ["f:x": [:]]]]),
        Case(
            testDescription: "containers merge by name; one that is no longer stated goes with its key",
            applies: [
                ("a", pod(["containers": [["name": "x", "image": "1"], ["name": "y", "image": "1"]]]), false),
                ("a", pod(["containers": [["name": "y", "image": "2"]]]), false),
            ],
            spec: ["containers": [["name": "y", "image": "2"]]],
            owners: [
                "a Apply": [
                    "f:spec": [
                        "f:containers": [#"k:{"name":"y"}"#: [".": [:], "f:image": [:], "f:name": [:]]]
                    ]
                ]
            ]),
        Case(
            testDescription: "the protocol of a port is TCP where it is not stated, and ports are told apart by it",
            applies: [
                ("a", service(["ports": [["port": 53]]]), false),
                ("b", service(["ports": [["port": 53, "protocol": "UDP"]]]), false),
            ],
            spec: ["ports": [["port": 53], ["port": 53, "protocol": "UDP"]]],
            owners: [
                "a Apply": ["f:spec": ["f:ports": [#"k:{"port":53,"protocol":"TCP"}"#: [".": [:], "f:port": [:]]]]],
                "b Apply": [
                    "f:spec": [
                        "f:ports": [#"k:{"port":53,"protocol":"UDP"}"#: [".": [:], "f:port": [:], "f:protocol": [:]]]
                    ]
                ],
            ]),
        Case(
            testDescription: "a selector is one field",
            applies: [
                ("a", service(["selector": ["app": "x"]]), false), ("b", service(["selector": ["tier": "y"]]), false),
            ],
            conflict: "Apply failed with 1 conflict: conflict with \"a\": .spec.selector"),
        Case(
            testDescription: "a list without a type is one field",
            applies: [
                ("a", pod(["tolerations": [["key": "x"]]]), false), ("b", pod(["tolerations": [["key": "y"]]]), false),
            ],
            conflict: "Apply failed with 1 conflict: conflict with \"a\": .spec.tolerations"),
        Case(
            testDescription: "finalizers are a set: each value has its owners",
            applies: [
                ("a", pod([:], metadata: ["finalizers": ["a/x"]]), false),
                ("b", pod([:], metadata: ["finalizers": ["b/y"]]), false),
                ("a", pod([:]), false),
            ],
            spec: [:],
            owners: [
                "a Apply": ["f:spec": [:]],
                "b Apply": ["f:metadata": ["f:finalizers": [#"v:"b/y""#: [:]]], "f:spec": [:]],
            ]),
        Case(
            testDescription: "the conflict names the element by its keys",
            applies: [
                (
                    "a",
                    pod(["containers": [["name": "x", "image": "1", "ports": [["containerPort": 1, "name": "p"]]]]]),
                    false
                ),
                (
                    "b",
                    pod(["containers": [["name": "x", "image": "2", "ports": [["containerPort": 1, "name": "q"]]]]]),
                    false
                ),
            ],
            conflict: """
                Apply failed with 2 conflicts: conflicts with "a":
                - .spec.containers[name="x"].image
                - .spec.containers[name="x"].ports[containerPort=1,protocol="TCP"].name
                """),
    ]

    @Test("apply", arguments: cases)
    func apply(_ item: Case) throws {
        var live: Resource?
        for (index, apply) in item.applies.enumerated() {
            do {
                live = try Self.apply(apply.name, apply.stated, to: live, force: apply.force)
            } catch let error as StatusError {
                #expect(index == item.applies.count - 1 && error.code == 409, "\(error)")
                #expect(error.message == item.conflict)
                #expect(error.details?.causes.allSatisfy { $0.reason == "FieldManagerConflict" } == true)
                return
            }
        }
        #expect(item.conflict == nil)
        let result = try #require(live)
        #expect((result.value["spec"] ?? result.value["data"]).flatMap { $0.isNull ? nil : $0 } == item.spec)
        #expect(Self.owners(result) == item.owners)
    }

    @Test("a value of its own keeps its place in a list; stated ones come in their order")
    func order() throws {
        func names(_ resource: Resource) -> [String] {
            resource.value.list("spec", "containers").map { $0.text("name") }
        }
        func containers(_ names: String...) -> JSONValue {
            Self.pod(["containers": .array(names.map { ["name": .string($0)] })])
        }
        let first = try Self.apply("a", containers("a", "b", "c"))
        #expect(names(try Self.apply("b", containers("c", "a"), to: first)) == ["b", "c", "a"])
        #expect(names(try Self.apply("b", containers("x", "a"), to: first)) == ["x", "a", "b", "c"])
        #expect(names(try Self.apply("b", containers("c", "x"), to: first)) == ["a", "b", "c", "x"])
    }

    @Test("applying the same again changes nothing, not even a time; another's same value makes a second owner")
    func idempotent() throws {
        let first = try Self.apply("a", Self.map(["x": "1"]))
        #expect(try Self.apply("a", Self.map(["x": "1"]), to: first, at: Self.later) == first)
        let both = try Self.apply("b", Self.map(["x": "1"]), to: first, at: Self.later)
        #expect(Self.owners(both).keys.sorted() == ["a Apply", "b Apply"])
        #expect(both.managedFields?[0]?["time"] == .string(Self.time))
        #expect(both.managedFields?[1]?["time"] == .string(Self.later))
    }

    @Test("null does not take away what is below it")
    func null() throws {
        let first = try Self.apply("a", Self.map(["x": "1"]))
        let second = try Self.apply("b", Self.map(.null), to: first)
        #expect(second.value["data"] == ["x": "1"])
    }

    @Test(
        "what does not fit the type is refused in the words of the typed merge",
        arguments: [
            (
                pod(["containers": [["name": "x"], ["name": "x"]]]),
                #".spec.containers: duplicate entries for key [name="x"]"#
            ),
            (
                pod(["containers": [["name": "x", "env": [["name": "E"], ["name": "E"]]]]]),
                #".spec.containers[name="x"].env: duplicate entries for key [name="E"]"#
            ),
            (
                pod(["containers": [["image": "x"]]]),
                #".spec.containers: element 0: associative list with keys has an element that omits key field "name" (and doesn't have default value)"#
            ),
            (pod(["replica": 1]), ".spec.replica: field not declared in schema"),
            (
                pod(["containers": [["name": "x", "env": [["name": "E", "value": true]]]]]),
                #".spec.containers[name="x"].env[name="E"].value: expected string, got &value.valueUnstructured{Value:true}"#
            ),
            (pod(["priority": "high"]), ".spec.priority: expected numeric (int or float), got string"),
            (
                pod([:], metadata: ["finalizers": ["a", "a"]]),
                #".metadata.finalizers: duplicate entries for key [="a"]"#
            ),
        ] as [(JSONValue, String)])
    func faults(_ stated: JSONValue, _ fault: String) throws {
        let error = #expect(throws: StatusError.self) { try Self.apply("a", stated) }
        #expect(error?.message == "failed to create typed patch object (/o; /v1, Kind=Pod): \(fault)")
        #expect(error?.code == 500)
    }

    @Test("an apply must name the type of the path and no owners")
    func head() throws {
        let live = try Resource(value: Self.map([:]))
        let other = #expect(throws: StatusError.self) { try Self.apply("a", Self.pod([:]), to: live) }
        #expect(other?.message == "invalid object type: /v1, Kind=Pod")
        var owned = Self.map([:])
        owned[path: "metadata", "managedFields"] = []
        let named = #expect(throws: StatusError.self) { try Self.apply("a", owned) }
        #expect(named?.message == "metadata.managedFields must be nil" && named?.code == 400)
    }

    // MARK: Updates

    @Test("whoever changes a field owns it alone; the time changes with it")
    func update() throws {
        let made = Self.writer("maker").update(try Resource(value: Self.map(["x": "1", "y": "1"])), old: nil)
        #expect(Self.owners(made) == ["maker Update": ["f:data": [".": [:], "f:x": [:], "f:y": [:]]]])
        var changed = made
        changed.value[path: "data", "x"] = "2"
        let edited = Self.writer("editor", at: Self.later).update(changed, old: made)
        #expect(
            Self.owners(edited) == [
                "maker Update": ["f:data": [".": [:], "f:y": [:]]], "editor Update": ["f:data": ["f:x": [:]]],
            ])
        #expect(edited.managedFields?.arrayValue?.map { $0.text("time") } == [Self.time, Self.later])
        #expect(Self.writer("nobody", at: Self.later).update(edited, old: edited) == edited)
        var less = edited
        less.value["data"] = ["x": "2"]
        #expect(
            Self.owners(Self.writer("editor").update(less, old: edited)) == [
                "maker Update": ["f:data": [:]], "editor Update": ["f:data": ["f:x": [:]]],
            ])
    }

    @Test("an update takes a field from its applier, whose next apply conflicts")
    func updateOfApplied() throws {
        let applied = try Self.apply("a", Self.map(["x": "1"]))
        var changed = applied
        changed.value[path: "data", "x"] = "2"
        let edited = Self.writer("kubectl-edit").update(changed, old: applied)
        #expect(Self.owners(edited) == ["kubectl-edit Update": ["f:data": ["f:x": [:]]]])
        let error = #expect(throws: StatusError.self) { try Self.apply("a", Self.map(["x": "1"]), to: edited) }
        #expect(error?.message == "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using v1: .data.x")
    }

    @Test(
        "a new deployment has the fields that kube-apiserver shows: structs have no mark, pointers, maps and elements have"
    )
    func marks() throws {
        let made: JSONValue = [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "o", "labels": ["app": "x"]],
            "spec": [
                "selector": ["matchLabels": ["app": "x"]],
                "template": [
                    "metadata": ["labels": ["app": "x"]],
                    "spec": ["containers": [["name": "c", "image": "i", "ports": [["containerPort": 80]]]]],
                ],
            ],
        ]
        let resource = try Admission.create(made, type: .deployment, namespace: "default").resource
        let fields = Self.owners(Self.writer("kubectl-create").update(resource, old: nil))["kubectl-create Update"]
        #expect(fields?["f:metadata"] == ["f:labels": [".": [:], "f:app": [:]]])
        let spec = fields?["f:spec"]
        #expect(spec?["."] == nil && spec?["f:selector"] == [:] && spec?["f:replicas"] == [:])
        #expect(
            spec?["f:strategy"] == [
                "f:rollingUpdate": [".": [:], "f:maxSurge": [:], "f:maxUnavailable": [:]], "f:type": [:],
            ])
        let pod = spec?[path: "f:template", "f:spec"]
        #expect(pod?["."] == nil && pod?["f:securityContext"] == [:])
        #expect(pod?["f:containers"]?["."] == nil)
        let container = pod?["f:containers"]?[#"k:{"name":"c"}"#]
        #expect(container?["."] == [:] && container?["f:resources"] == [:])
        #expect(
            container?["f:ports"] == [
                ".": [:],
                #"k:{"containerPort":80,"protocol":"TCP"}"#: [".": [:], "f:containerPort": [:], "f:protocol": [:]],
            ])
        #expect(fields?["f:status"] == nil)
    }

    @Test("status and scale have entries of their own, and own nothing else")
    func parts() throws {
        var live = try Resource(value: [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "o"], "spec": ["replicas": 1],
        ])
        live = Self.writer("maker").update(live, old: nil)
        var scaled = live
        scaled.value[path: "spec", "replicas"] = 3
        scaled = Self.writer("hand", .scale).update(scaled, old: live)
        #expect(Self.owners(scaled) == ["hand Update/scale": ["f:spec": ["f:replicas": [:]]]])
        var reported = scaled
        reported.value["status"] = ["replicas": 3]
        reported = Self.writer("loop", .status).update(reported, old: scaled)
        #expect(Self.owners(reported)["loop Update/status"] == ["f:status": ["f:replicas": [:]]])
        let stated: JSONValue = [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "o"], "spec": ["replicas": 1],
        ]
        let error = #expect(throws: StatusError.self) { try Self.apply("a", stated, to: reported) }
        #expect(
            error?.message
                == "Apply failed with 1 conflict: conflict with \"hand\" with subresource \"scale\" using apps/v1: .spec.replicas"
        )
        let scale: JSONValue = [
            "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": ["name": "o"], "spec": ["replicas": 5],
        ]
        let refused = #expect(throws: StatusError.self) { try Self.apply("b", scale, to: reported, .scale) }
        #expect(
            refused?.message.contains("conflict with \"hand\" with subresource \"scale\" using autoscaling/v1") == true)
        let forced = try Self.apply("b", scale, to: reported, force: true, .scale)
        #expect(forced.value[path: "spec", "replicas"] == 5)
        #expect(Self.owners(forced)["b Apply/scale"] == ["f:spec": ["f:replicas": [:]]])
        #expect(Self.owners(forced)["hand Update/scale"] == nil)
        let status: JSONValue = [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "o", "labels": ["x": "y"]],
            "spec": ["replicas": 9], "status": ["readyReplicas": 1],
        ]
        let applied = try Self.apply("c", status, to: forced, .status)
        #expect(applied.value[path: "spec", "replicas"] == 5 && applied.value[path: "status", "readyReplicas"] == 1)
        #expect(Self.owners(applied)["c Apply/status"] == ["f:status": ["f:readyReplicas": [:]]])
    }

    @Test("an object without owners stays without until it is applied; then what was there is before-first-apply's")
    func untracked() throws {
        let live = try Resource(value: Self.map(["x": "1"]))
        var changed = live
        changed.value[path: "data", "y"] = "2"
        #expect(Self.writer("editor").update(changed, old: live).managedFields == nil)
        let applied = try Self.apply("a", Self.map(["x": "1", "z": "3"]), to: live)
        #expect(
            Self.owners(applied) == [
                "a Apply": ["f:data": ["f:x": [:], "f:z": [:]]],
                "before-first-apply Update": ["f:data": [".": [:], "f:x": [:]]],
            ])
        let error = #expect(throws: StatusError.self) { try Self.apply("a", Self.map(["x": "2"]), to: live) }
        #expect(
            error?.message == "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.x")
    }

    @Test("clients may reset owners and set well-formed ones; what else they send is ignored")
    func sent() throws {
        let live = Self.writer("maker").update(try Resource(value: Self.map(["x": "1"])), old: nil)
        func update(_ owners: JSONValue?, _ part: Subresource = .none) -> Resource {
            var new = live
            new.managedFields = owners
            return Self.writer("client", part).update(new, old: live)
        }
        #expect(update([]).managedFields == nil)
        #expect(update([[:]]).managedFields == nil)
        #expect(update(nil).managedFields == live.managedFields)
        #expect(update([], .status).managedFields == live.managedFields)
        #expect(
            update([["manager": "x", "operation": "Steal", "apiVersion": "v1"]]).managedFields == live.managedFields)
        let entry: JSONValue = [
            "manager": "x", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": ["f:data": ["f:x": [:]]],
        ]
        #expect(Self.owners(update([entry])) == ["x Apply": ["f:data": ["f:x": [:]]]])
    }

    @Test("more than ten owners by update: the oldest become ancient-changes")
    func fold() throws {
        var live = try Resource(value: Self.map([:]))
        live = Self.writer("w0").update(live, old: nil)
        for index in 1...12 {
            var new = live
            new.value[path: "data", "k\(index)"] = "v"
            let seconds = index < 10 ? "0\(index)" : "\(index)"
            live = Self.writer("w\(index)", at: "2026-01-01T00:00:\(seconds)Z").update(new, old: live)
        }
        let owners = Self.owners(live)
        #expect(owners.count == 10)
        #expect(owners["ancient-changes Update"] == ["f:data": [".": [:], "f:k1": [:], "f:k2": [:], "f:k3": [:]]])
        #expect(owners["w4 Update"] != nil && owners["w12 Update"] != nil)
    }

    @Test("kubectl's own applied annotation allows what it applied, and is kept in step")
    func lastApplied() throws {
        let annotation = WherryLabels.lastApplied
        var live = try Resource(value: Self.map(["x": "1", "y": "1"]))
        live.annotations[annotation] = "\(Self.map(["x": "1", "y": "1"]))\n"
        live = Self.writer("kubectl-client-side-apply").update(live, old: nil)
        #expect(throws: StatusError.self) { try Self.apply("a", Self.map(["x": "2"]), to: live) }
        let applied = try Self.apply("kubectl", Self.map(["x": "2"]), to: live)
        #expect(applied.value[path: "data", "x"] == "2")
        #expect(applied.annotations[annotation] == "\(Self.map(["x": "2"]))\n")
        // What was changed since by somebody else is a conflict still.
        var changed = live
        changed.value[path: "data", "y"] = "9"
        changed = Self.writer("other").update(changed, old: live)
        let error = #expect(throws: StatusError.self) {
            try Self.apply("kubectl", Self.map(["x": "2", "y": "3"]), to: changed)
        }
        #expect(error?.message == "Apply failed with 1 conflict: conflict with \"other\" using v1: .data.y")
    }

    // MARK: Topology

    @Test("a custom resource's schema says which lists and maps are whole; without one, lists are and maps are not")
    func structural() {
        let schema = StructuralOwnership([
            "type": "object",
            "properties": [
                "spec": [
                    "type": "object",
                    "properties": [
                        "ports": [
                            "type": "array", "x-kubernetes-list-type": "map",
                            "x-kubernetes-list-map-keys": ["port", "protocol"],
                            "items": [
                                "type": "object",
                                "properties": [
                                    "port": ["type": "integer"], "protocol": ["type": "string", "default": "TCP"],
                                ],
                            ],
                        ],
                        "names": ["type": "array", "x-kubernetes-list-type": "set", "items": ["type": "string"]],
                        "plain": ["type": "array", "items": ["type": "string"]],
                        "selector": [
                            "type": "object", "x-kubernetes-map-type": "atomic",
                            "additionalProperties": ["type": "string"],
                        ],
                        "free": ["type": "object", "x-kubernetes-preserve-unknown-fields": true],
                    ],
                ]
            ],
        ])
        let value: JSONValue = [
            "apiVersion": "x/v1", "kind": "X", "metadata": ["name": "o", "labels": ["a": "b"]],
            "spec": [
                "ports": [["port": 1]], "names": ["a"], "plain": ["a"], "selector": ["a": "b"],
                "free": ["a": ["b": [1, 2]]],
            ],
        ]
        let fields = FieldCollector.fields(of: value, schema).fieldsV1
        #expect(
            fields["f:spec"] == [
                "f:ports": [#"k:{"port":1,"protocol":"TCP"}"#: [".": [:], "f:port": [:]]],
                "f:names": [#"v:"a""#: [:]], "f:plain": [:], "f:selector": [:],
                "f:free": ["f:a": [".": [:], "f:b": [:]]],
            ])
        #expect(fields["f:metadata"] == ["f:name": [:], "f:labels": ["f:a": [:]]])
        let made = FieldComparison.of(["apiVersion": "x/v1", "kind": "X"], value, schema).added.fieldsV1
        #expect(made[path: "f:spec", "."] == [:] && made[path: "f:spec", "f:ports", "."] == [:])
    }

    @Test("every key of a list is a field of its elements, and no list that strategic merge merges by key is left out")
    func keys() {
        var seen: Set<String> = []
        func check(_ schema: ObjectSchema) {
            guard seen.insert("\(schema.package).\(schema.name)").inserted else { return }
            for field in schema.fields {
                if case .array(let element) = field.node, case .keys(let keys)? = field.ownership {
                    #expect(keys.allSatisfy { element.object?[$0] != nil }, "\(schema.name).\(field.name)")
                }
                if let merge = field.merge, !merge.keys.isEmpty {
                    #expect(field.ownership != nil, "\(schema.name).\(field.name)")
                }
                var node = field.node
                while true {
                    if case .array(let inner) = node {
                        node = inner
                    } else if case .map(let inner) = node {
                        node = inner
                    } else {
                        break
                    }
                }
                if let object = node.object { check(object) }
            }
        }
        for type in ResourceType.all { check(type.schema) }
        #expect(seen.count > 100)
    }
}
