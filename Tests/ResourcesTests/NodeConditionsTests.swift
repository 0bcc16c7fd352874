import JSON
import Resources
import Testing
import YAML

@Suite("What a pod demands of its node") struct NodeConditionsTests {
    private static let labels = ["kubernetes.io/arch": "arm64", "cores": "4", "odd": "x"]

    private static func spec(terms: String) throws -> JSONValue {
        let required = "requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: \(terms)}"
        let documents = try YAMLReader.documents(in: "{affinity: {nodeAffinity: {\(required)}}}")
        return try #require(documents.first)
    }

    private static func holds(_ terms: String, _ name: String = "dev1") throws -> Bool {
        NodeConditions(spec: try spec(terms: terms)).hold(name: name, labels: labels)
    }

    @Test(
        "each operator compares as Kubernetes does",
        arguments: [
            ("{key: kubernetes.io/arch, operator: In, values: [amd64, arm64]}", true),
            ("{key: kubernetes.io/arch, operator: In, values: [amd64]}", false),
            ("{key: absent, operator: In, values: ['']}", false),
            ("{key: kubernetes.io/arch, operator: NotIn, values: [amd64]}", true),
            ("{key: kubernetes.io/arch, operator: NotIn, values: [amd64, arm64]}", false),
            ("{key: absent, operator: NotIn, values: [a]}", true),
            ("{key: odd, operator: Exists}", true), ("{key: absent, operator: Exists}", false),
            ("{key: odd, operator: DoesNotExist}", false), ("{key: absent, operator: DoesNotExist}", true),
            ("{key: cores, operator: Gt, values: ['3']}", true), ("{key: cores, operator: Gt, values: ['4']}", false),
            ("{key: cores, operator: Lt, values: ['10']}", true), ("{key: cores, operator: Lt, values: ['4']}", false),
            ("{key: odd, operator: Gt, values: ['1']}", false), ("{key: absent, operator: Lt, values: ['1']}", false),
            ("{key: cores, operator: Gt, values: [x]}", false), ("{key: cores, operator: Maybe, values: ['4']}", false),
        ])
    func operators(_ expression: String, _ expected: Bool) throws {
        #expect(try Self.holds("[{matchExpressions: [\(expression)]}]") == expected)
    }

    @Test("expressions must all hold, one term is enough, and a term without conditions holds nowhere")
    func combinations() throws {
        let (yes, no) = ("{key: odd, operator: Exists}", "{key: absent, operator: Exists}")
        #expect(try Self.holds("[{matchExpressions: [\(yes), \(no)]}]") == false)
        #expect(try Self.holds("[{matchExpressions: [\(no)]}, {matchExpressions: [\(yes)]}]") == true)
        #expect(try Self.holds("[]") == false)
        #expect(try Self.holds("[{}]") == false)
        #expect(NodeConditions(spec: [:]).hold(name: "dev1", labels: [:]))
        #expect(NodeConditions(spec: ["affinity": ["nodeAffinity": [:]]]).hold(name: "dev1", labels: [:]))
    }

    @Test("a node is chosen by its name, and by nothing else of its fields")
    func names() throws {
        let name = "{key: metadata.name, operator: In, values: [dev1]}"
        #expect(try Self.holds("[{matchFields: [\(name)]}]") == true)
        #expect(try Self.holds("[{matchFields: [\(name)]}]", "dev2") == false)
        #expect(try Self.holds("[{matchFields: [{key: metadata.name, operator: NotIn, values: [dev1]}]}]") == false)
        #expect(try Self.holds("[{matchFields: [{key: metadata.uid, operator: NotIn, values: [a]}]}]") == false)
        let absent = "{key: absent, operator: Exists}"
        #expect(try Self.holds("[{matchFields: [\(name)], matchExpressions: [\(absent)]}]") == false)
    }

    @Test("nodeSelector and affinity must both hold, in a typed specification, too")
    func both() throws {
        var spec = try Self.spec(terms: "[{matchExpressions: [{key: odd, operator: Exists}]}]")
        spec["containers"] = []
        for (value, expected) in [("4", true), ("5", false)] {
            spec["nodeSelector"] = ["cores": .string(value)]
            #expect(NodeConditions(spec: spec).hold(name: "n", labels: Self.labels) == expected)
            let typed = try spec.decode(as: PodSpec.self)
            #expect(NodeConditions(typed).hold(name: "n", labels: Self.labels) == expected)
        }
    }

    @Test("a node that was chosen by its name is not asked for it again")
    func forgetting() throws {
        let (name, label) = ("{key: metadata.name, operator: In, values: [a]}", "{key: odd, operator: Exists}")
        func forgotten(_ terms: String) throws -> JSONValue {
            var spec = try Self.spec(terms: terms)
            NodeConditions.forgetNames(in: &spec)
            return spec
        }
        let plain = "[{matchExpressions: [\(label)]}, {}]"
        #expect(try forgotten(plain) == Self.spec(terms: plain))
        #expect(
            try forgotten("[{matchFields: [\(name)], matchExpressions: [\(label)]}]")
                == Self.spec(terms: "[{matchExpressions: [\(label)]}]"))
        let named = try forgotten("[{matchFields: [\(name)]}, {matchExpressions: [{key: absent, operator: Exists}]}]")
        #expect(NodeConditions(spec: named).hold(name: "other", labels: [:]))
        var none: JSONValue = ["containers": []]
        NodeConditions.forgetNames(in: &none)
        #expect(none == ["containers": []])
    }
}
