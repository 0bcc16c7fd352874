public import JSON

/// The shape of all objects as documents for clients, made from the declarations' texts.
///
/// kubectl reads three things from them: that `PATCH` of a kind takes `fieldValidation` (so that it leaves validation to
/// the server), the types and descriptions for `kubectl explain`, and which kinds there are. `PATCH` names no request
/// body on purpose: kubectl then merges with its built-in types, which know the fields that are only carried here.
public enum Schema {
    /// The document for a group-version, as it is named below `/openapi/v3/`.
    public static let documentPaths: [String] = Set((objects + RequestKind.reviews.map(\.type)).map(path)).sorted()

    /// What has a document as an object.
    private static let objects = ResourceType.all + ServedForm.types

    /// The OpenAPI v3 document of one of ``documentPaths``; nil for others. Costs a few milliseconds: keep the result.
    public static func openAPIv3(_ path: String) -> JSONValue? {
        let types = objects.filter { self.path(of: $0) == path }
        let requests = RequestKind.reviews.filter { self.path(of: $0.type) == path }
        guard !types.isEmpty || !requests.isEmpty else { return nil }
        var components = OpenAPIComponents()
        var paths: [String: JSONValue] = [:]
        for type in types {
            components.add(type)
            paths.merge(OpenAPIPaths.paths(of: type)) { $1 }
        }
        for request in requests {
            components.add(request.type)
            paths.merge(OpenAPIPaths.paths(of: request)) { $1 }
        }
        return [
            "openapi": "3.0.0", "info": ["title": "Kubernetes", "version": "v1"], "paths": .object(paths),
            "components": ["schemas": .object(components.schemas)],
        ]
    }

    /// `api/v1` or `apis/GROUP/VERSION`.
    static func path(of type: ResourceType) -> String {
        type.group.isEmpty ? "api/\(type.version)" : "apis/\(type.apiVersion)"
    }
}

extension ResourceType {
    /// As `x-kubernetes-group-version-kind` has it.
    fileprivate var groupVersionKind: JSONValue {
        ["group": .string(group), "version": .string(version), "kind": .string(kind)]
    }
}

/// `components.schemas`.
private struct OpenAPIComponents {
    private(set) var schemas: [String: JSONValue] = [:]

    private static func name(of schema: ObjectSchema) -> String {
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

    private mutating func object(_ schema: ObjectSchema) -> JSONValue {
        var properties: [String: JSONValue] = [:]
        for field in schema.fields {
            var property = node(field.node)
            if let text = SchemaDescriptions["\(schema.name).\(field.name)"] { property["description"] = .string(text) }
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

/// `paths`: which operations a kind has.
private enum OpenAPIPaths {
    static func paths(of type: ResourceType) -> [String: JSONValue] {
        let root = "/\(Schema.path(of: type))"
        let collection = type.namespaced ? "\(root)/namespaces/{namespace}/\(type.plural)" : "\(root)/\(type.plural)"
        var paths: [String: JSONValue] = [
            collection: [
                "get": operation("list", type), "post": operation("post", type, validates: true),
                "delete": operation("deletecollection", type), "parameters": parameters(type, named: false),
            ],
            "\(collection)/{name}": [
                "get": operation("get", type), "put": operation("put", type, validates: true),
                "patch": operation("patch", type, validates: true), "delete": operation("delete", type),
                "parameters": parameters(type, named: true),
            ],
        ]
        if type.namespaced { paths["\(root)/\(type.plural)"] = ["get": operation("list", type)] }
        return paths
    }

    /// What is posted to a path of its own.
    static func paths(of request: RequestKind) -> [String: JSONValue] {
        let type = request.type
        let root = "/\(Schema.path(of: type))"
        let path = type.namespaced ? "\(root)/namespaces/{namespace}/\(type.plural)" : "\(root)/\(type.plural)"
        return [
            path: [
                "post": operation("post", type, validates: true), "parameters": parameters(type, named: false),
            ]
        ]
    }

    private static func operation(_ action: String, _ type: ResourceType, validates: Bool = false) -> JSONValue {
        var value: JSONValue = [
            "x-kubernetes-action": .string(action), "x-kubernetes-group-version-kind": type.groupVersionKind,
            "responses": ["200": ["description": "OK"]],
        ]
        if validates {
            value["parameters"] = .array(
                ["dryRun", "fieldManager", "fieldValidation"].map {
                    ["name": .string($0), "in": "query", "schema": ["type": "string", "uniqueItems": true]]
                })
        }
        return value
    }

    private static func parameters(_ type: ResourceType, named: Bool) -> JSONValue {
        var names: [String] = []
        if type.namespaced { names.append("namespace") }
        if named { names.append("name") }
        return .array(
            names.map { ["name": .string($0), "in": "path", "required": true, "schema": ["type": "string"]] })
    }
}
