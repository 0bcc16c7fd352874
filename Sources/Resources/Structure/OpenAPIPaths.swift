import JSON

/// `paths`: which operations a kind has.
struct OpenAPIPaths {
    let form: OpenAPIForm

    func paths(of type: ResourceType) -> [String: JSONValue] {
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
    func paths(of request: RequestKind) -> [String: JSONValue] {
        let type = request.type
        let root = "/\(Schema.path(of: type))"
        let path = type.namespaced ? "\(root)/namespaces/{namespace}/\(type.plural)" : "\(root)/\(type.plural)"
        return [
            path: [
                "post": operation("post", type, validates: true), "parameters": parameters(type, named: false),
            ]
        ]
    }

    private func operation(_ action: String, _ type: ResourceType, validates: Bool = false) -> JSONValue {
        var value: JSONValue = [
            "x-kubernetes-action": .string(action), "x-kubernetes-group-version-kind": type.groupVersionKind,
            "responses": ["200": ["description": "OK"]],
        ]
        var parameters: [JSONValue] = []
        if validates { parameters = ["dryRun", "fieldManager", "fieldValidation"].map(query) }
        if form == .v2 {
            value["produces"] = ["application/json"]
            value["consumes"] = action == "patch" ? Self.patchTypes : ["application/json", "application/yaml"]
            if action == "patch" { parameters.append(query("force", type: "boolean")) }
            if validates { parameters.append(body(action == "patch" ? nil : type)) }
            if !action.hasSuffix("collection"), action != "list", action != "delete" {
                value[path: "responses", "200", "schema"] = [
                    "$ref": .string("#/definitions/\(OpenAPIComponents.name(of: type.schema))")
                ]
            }
        }
        if !parameters.isEmpty { value["parameters"] = .array(parameters) }
        return value
    }

    private static let patchTypes: JSONValue = [
        "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
    ]

    private func query(_ name: String) -> JSONValue { query(name, type: "string") }

    private func query(_ name: String, type: String) -> JSONValue {
        var value = schema(type)
        value["name"] = .string(name)
        value["in"] = "query"
        return value
    }

    /// In v3 a type stands in a schema, in v2 in the parameter itself.
    private func schema(_ type: String) -> JSONValue {
        let own: JSONValue = ["type": .string(type), "uniqueItems": true]
        return form == .v2 ? own : ["schema": own]
    }

    /// - Parameter type: nil for a patch.
    private func body(_ type: ResourceType?) -> JSONValue {
        let name = type.map { OpenAPIComponents.name(of: $0.schema) } ?? OpenAPIComponents.patchName
        return [
            "name": "body", "in": "body", "required": true, "schema": ["$ref": .string("#/definitions/\(name)")],
        ]
    }

    private func parameters(_ type: ResourceType, named: Bool) -> JSONValue {
        var names: [String] = []
        if type.namespaced { names.append("namespace") }
        if named { names.append("name") }
        return .array(
            names.map { name in
                var value: JSONValue = form == .v2 ? ["type": "string"] : ["schema": ["type": "string"]]
                value["name"] = .string(name)
                value["in"] = "path"
                value["required"] = true
                return value
            })
    }
}
