import JSON
import Testing

@testable import Resources

/// CustomResourceDefinitions, good and bad.
@Suite("Definitions") struct DefinitionTests {
    static let widgets = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: widgets.example.com}
        spec:
          group: example.com
          scope: Namespaced
          names: {plural: widgets, kind: Widget, shortNames: [wd]}
          versions:
          - name: v1
            served: true
            storage: true
            subresources: {status: {}, scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}}
            schema:
              openAPIV3Schema:
                type: object
                properties:
                  spec:
                    type: object
                    properties:
                      size: {type: integer, default: 1}
                      color: {type: string, enum: [red, blue]}
                  status: {type: object, x-kubernetes-preserve-unknown-fields: true}
        """

    private static func fault(_ change: (inout JSONValue) -> Void) throws -> String? {
        do {
            _ = try Manifest.admit(widgets, .strict, change)
            return nil
        } catch let error as StatusError {
            return error.message
        }
    }

    @Test("names and conversion get their defaults")
    func defaults() throws {
        let spec = try #require(try Manifest.admit(Self.widgets).resource.value["spec"])
        #expect(spec.text("names", "singular") == "widget")
        #expect(spec.text("names", "listKind") == "WidgetList")
        #expect(spec.text("conversion", "strategy") == "None")
    }

    private static let prefix = "CustomResourceDefinition.apiextensions.k8s.io \"widgets.example.com\" is invalid: "
    private static let root = "spec.versions[0].schema.openAPIV3Schema"

    private static let bad: [(path: String, value: JSONValue?, message: String)] = [
        (
            "spec.names.plural", "gadgets",
            "metadata.name: Invalid value: \"widgets.example.com\": must be spec.names.plural+\".\"+spec.group"
        ),
        (
            "spec.scope", "World",
            "spec.scope: Unsupported value: \"World\": supported values: \"Cluster\", \"Namespaced\""
        ),
        ("spec.versions[0].schema", nil, "\(root): Required value: schemas are required"),
        ("\(root).type", nil, "\(root).type: Required value: must not be empty at the root"),
        (
            "\(root).properties.spec.type", nil,
            "\(root).properties[spec].type: Required value: must not be empty for specified object fields"
        ),
        (
            "\(root).properties.spec.properties.size.default", "x",
            "\(root).properties[spec].properties[size].default: Invalid value: \"string\": default in body must be of type integer: \"string\""
        ),
        (
            "\(root).properties.spec.properties.color.pattern", "(",
            "\(root).properties[spec].properties[color].pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): `(`"
        ),
        (
            "\(root).properties.spec.anyOf", [["type": "object"]],
            "\(root).properties[spec].anyOf[0].type: Forbidden: must be empty to be structural"
        ),
        (
            "\(root).properties.spec.uniqueItems", true,
            "\(root).properties[spec].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        ),
        (
            "\(root).properties.spec.properties.list", ["type": "array"],
            "\(root).properties[spec].properties[list].items: Required value: must be specified"
        ),
        (
            "\(root).properties.metadata", ["type": "object", "properties": ["labels": ["type": "object"]]],
            "\(root).properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified"
        ),
        (
            "spec.conversion", ["strategy": "Webhook"],
            "spec.conversion.strategy: Forbidden: this server calls no conversion webhooks; with None its versions differ in apiVersion only"
        ),
        (
            "spec.versions[0].subresources.scale.specReplicasPath", ".size",
            "spec.versions[0].subresources.scale.specReplicasPath: Invalid value: \".size\": should be a json path under .spec"
        ),
        (
            "spec.versions[0].subresources.scale.specReplicasPath",
            .string(".spec" + String(repeating: ".a", count: 32)), "should be a json path under .spec"
        ),
        (
            "\(root).properties.spec.properties",
            .object(
                Dictionary(
                    uniqueKeysWithValues: (0..<250).map { ("p\($0)", ["type": "string", "pattern": "a{1000}"]) })),
            "Forbidden: the patterns of a definition must not have more than 200000 steps"
        ),
    ]

    @Test("what is no definition is refused in Kubernetes' words", arguments: bad.indices)
    func refusals(_ index: Int) throws {
        let (path, value, message) = Self.bad[index]
        let fault = try Self.fault { $0[at: path] = value }
        #expect(fault?.hasSuffix(message) == true || fault?.contains(message) == true, "\(fault ?? "none")")
    }

    @Test("storage is in exactly one version")
    func storage() throws {
        let fault = try Self.fault { $0[at: "spec.versions[0].storage"] = false }
        #expect(fault?.hasSuffix("must have exactly one version marked as storage version") == true)
    }

    @Test("unknown keywords in a schema are unknown fields, and rules in CEL are warned of")
    func keywords() throws {
        let fault = try Self.fault { $0[at: "\(Self.root).propertis"] = [:] }
        #expect(fault?.hasSuffix("strict decoding error: unknown field \"\(Self.root).propertis\"") == true)
        let warnings = try Manifest.admit(Self.widgets, .strict) {
            $0[at: "\(Self.root).properties.spec.x-kubernetes-validations"] = [["rule": "self.size < 5"]]
        }.warnings
        #expect(warnings == ["\(Self.root): x-kubernetes-validations are stored and not enforced by this server"])
    }

    @Test("names that are taken are not accepted, by definitions and by built-in kinds")
    func conflicts() throws {
        var first = try Manifest.admit(Self.widgets).resource.value
        DefinitionStatus.settle(&first, among: [], now: "2026-01-01T00:00:00Z")
        #expect(DefinitionStatus.isEstablished(first))
        #expect(first.list("status", "storedVersions") == ["v1"])
        var second = try Manifest.value(Self.widgets)
        second[at: "spec.names"] = ["plural": "others", "kind": "Widget", "singular": "other", "listKind": "OtherList"]
        DefinitionStatus.settle(&second, among: [first], now: "2026-01-01T00:00:00Z")
        #expect(!DefinitionStatus.isEstablished(second))
        let condition = DefinitionStatus.condition("NamesAccepted", of: second)
        #expect(condition?["reason"] == "KindConflict")
        #expect(second[path: "status", "acceptedNames", "plural"] == "others")
        #expect(condition?["message"] == "\"Widget\" is already in use")
        var pods = try Manifest.value(Self.widgets)
        pods[at: "spec.group"] = "apps"
        pods[at: "spec.names"] = ["plural": "deployments", "kind": "Deployment"]
        DefinitionStatus.settle(&pods, among: [], now: "2026-01-01T00:00:00Z")
        #expect(DefinitionStatus.condition("NamesAccepted", of: pods)?["reason"] == "KindConflict")
    }

    @Test("an update passes that breaks a stricter schema only where it changes nothing")
    func ratcheting() throws {
        var loose = try Manifest.value(Self.widgets)
        loose[at: "\(Self.root).properties.spec.properties.color"] = ["type": "string"]
        let former = ServedForm.of(try #require(CustomKind(loose)).storedType)
        let form = ServedForm.of(try #require(CustomKind(try Manifest.value(Self.widgets))).storedType)
        let stated = try Manifest.value(
            "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}, spec: {color: green}}")
        let created = try Admission.create(stated, in: former, namespace: "default").resource
        #expect(throws: StatusError.self) { try Admission.create(stated, in: form, namespace: "default") }
        var changed = created.value
        changed[at: "spec.size"] = 3
        #expect(try Admission.update(changed, in: form, old: created).resource.value[path: "spec", "size"] == 3)
        var status = created.value
        status["status"] = ["size": 4]
        _ = try Admission.update(status, in: form, old: created, subresource: .status)
        changed[at: "spec.color"] = "yellow"
        #expect(throws: StatusError.self) { try Admission.update(changed, in: form, old: created) }
    }

    @Test("objects of a custom kind are admitted, changed and scaled")
    func objects() throws {
        let kind = try #require(CustomKind(try Manifest.value(Self.widgets)))
        let form = ServedForm.of(kind.storedType)
        let stated = try Manifest.value(
            "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}, spec: {color: red}, status: {size: 9}}")
        let created = try Admission.create(stated, in: form, namespace: "default").resource
        #expect(created.value["spec"] == ["color": "red", "size": 1])
        #expect(created.value["status"] == nil)
        var bad = created.value
        bad[at: "spec.color"] = "green"
        #expect(throws: StatusError.self) { try Admission.update(bad, in: form, old: created) }
        bad[at: "spec.colour"] = "red"
        let error = #expect(throws: StatusError.self) { try Admission.update(bad, in: form, old: created) }
        #expect(
            error?.message
                == "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: unknown field \"spec.colour\""
        )
        let scaled = try Admission.update(["spec": ["replicas": 4]], in: form, old: created, subresource: .scale)
        #expect(scaled.resource.value[path: "spec", "size"] == 4)
        #expect(try Scale.of(scaled.resource)[path: "spec", "replicas"] == 4)
        var status = created.value
        status["status"] = ["size": 4]
        status[at: "spec.color"] = "blue"
        let reported = try Admission.update(status, in: form, old: created, subresource: .status).resource
        #expect(reported.value[path: "spec", "color"] == "red")
        #expect(reported.value[path: "status", "size"] == 4)
    }
}
