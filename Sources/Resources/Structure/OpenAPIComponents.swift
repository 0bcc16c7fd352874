import JSON

/// Which of the two specifications a document follows.
enum OpenAPIForm: Sendable {
    case v2
    case v3
}

/// The structs of a document: `components.schemas`, or v2's `definitions`.
struct OpenAPIComponents {
    let form: OpenAPIForm
    private(set) var schemas: [String: JSONValue] = [:]

    init(form: OpenAPIForm) {
        self.form = form
    }

    /// The body of a patch, in v2.
    static let patchName = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch"
    static let patch: JSONValue = [
        "type": "object", "description": "The changes to make to an object, in the form that the content type names.",
    ]

    static func name(of schema: ObjectSchema) -> String {
        if schema.package == "meta.v1" { return "io.k8s.apimachinery.pkg.apis.meta.v1.\(schema.name)" }
        return "io.k8s.api.\(schema.package).\(schema.name)"
    }

    mutating func add(_ type: ResourceType) {
        let schema = type.schema
        var value = object(schema)
        value[path: "properties", "apiVersion"] = [
            "type": "string", "description": .string("Group and version, as `\(type.apiVersion)`."),
        ]
        value[path: "properties", "kind"] = ["type": "string", "description": .string("Always `\(type.kind)`.")]
        value["x-kubernetes-group-version-kind"] = [type.groupVersionKind]
        schemas[Self.name(of: schema)] = value
    }

    /// A version of a custom kind, with what every object has.
    mutating func add(_ type: ResourceType, schema: JSONValue) {
        var value = schema
        value[path: "properties", "apiVersion"] = [
            "type": "string", "description": .string("Group and version, as `\(type.apiVersion)`."),
        ]
        value[path: "properties", "kind"] = ["type": "string", "description": .string("Always `\(type.kind)`.")]
        value[path: "properties", "metadata"] = type.schema["metadata"].map { node($0.node) }
        value["x-kubernetes-group-version-kind"] = [type.groupVersionKind]
        let group = type.group.split(separator: ".").reversed().joined(separator: ".")
        schemas["\(group).\(type.version).\(type.kind)"] = value
    }

    private mutating func object(_ schema: ObjectSchema) -> JSONValue {
        var properties: [String: JSONValue] = [:]
        for field in schema.fields {
            var property = node(field.node)
            if let text = SchemaDescriptions[schema.name, field.name] { property["description"] = .string(text) }
            if let merge = field.merge { Self.add(merge, to: &property) }
            properties[field.name] = property
        }
        var value: JSONValue = ["type": "object", "properties": .object(properties)]
        if let text = SchemaDescriptions[schema.name] { value["description"] = .string(text) }
        let required = schema.fields.filter(\.required).map { JSONValue.string($0.name) }
        // `spec` and `metadata` of whole objects are optional in Kubernetes' documents too.
        if !required.isEmpty, schema["metadata"] == nil { value["required"] = .array(required) }
        return value
    }

    private mutating func node(_ node: SchemaNode) -> JSONValue {
        switch node {
        case .any: return ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
        case .string: return ["type": "string"]
        case .bytes: return ["type": "string", "format": "byte"]
        case .integer(.bits32): return ["type": "integer", "format": "int32"]
        case .integer(.bits64): return ["type": "integer", "format": "int64"]
        case .number: return ["type": "number"]
        case .boolean: return ["type": "boolean"]
        case .intOrString: return ["type": "string", "format": "int-or-string", "x-kubernetes-int-or-string": true]
        case .quantity: return ["type": "string", "format": "quantity"]
        case .time, .microTime: return ["type": "string", "format": "date-time"]
        case .array(let element): return ["type": "array", "items": self.node(element)]
        case .map(let value): return ["type": "object", "additionalProperties": self.node(value)]
        case .object(let schema):
            let name = Self.name(of: schema)
            if schemas[name] == nil { schemas[name] = object(schema) }
            if form == .v2 { return ["$ref": .string("#/definitions/\(name)")] }
            return ["allOf": [["$ref": .string("#/components/schemas/\(name)")]], "default": [:]]
        }
    }

    private static func add(_ merge: MergeStrategy, to property: inout JSONValue) {
        property["x-kubernetes-patch-strategy"] = .string(merge.openAPIName)
        guard merge.mergesList else { return }
        if let key = merge.keys.first {
            property["x-kubernetes-patch-merge-key"] = .string(key)
            property["x-kubernetes-list-type"] = "map"
            property["x-kubernetes-list-map-keys"] = .array(merge.keys.map { .string($0) })
        } else {
            property["x-kubernetes-list-type"] = "set"
        }
    }
}
