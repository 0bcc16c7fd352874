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
    ///
    /// - Parameter definitions: the CustomResourceDefinitions whose kinds are part of it.
    public static func openAPIv3(_ path: String, definitions: [JSONValue] = []) -> JSONValue? {
        let types = objects.filter { self.path(of: $0) == path }
        let requests = RequestKind.reviews.filter { self.path(of: $0.type) == path }
        guard !types.isEmpty || !requests.isEmpty || !definitions.isEmpty else { return nil }
        let (paths, schemas) = parts(types, requests, definitions, .v3) { self.path(of: $0) == path }
        return [
            "openapi": "3.0.0", "info": ["title": "Kubernetes", "version": "v1"], "paths": paths,
            "components": ["schemas": schemas],
        ]
    }

    /// The one document of OpenAPI v2, of all kinds. Costs some ten milliseconds and a megabyte: do not keep the result.
    public static func openAPIv2(definitions: [JSONValue] = []) -> JSONValue {
        let (paths, own) = parts(objects, RequestKind.reviews, definitions, .v2) { _ in true }
        var schemas = own
        schemas[OpenAPIComponents.patchName] = OpenAPIComponents.patch
        return [
            "swagger": "2.0", "info": ["title": "Kubernetes", "version": "v1"], "paths": paths, "definitions": schemas,
            "securityDefinitions": [
                "BearerToken": [
                    "type": "apiKey", "name": "authorization", "in": "header",
                    "description": "A token, after the word Bearer.",
                ]
            ],
            "security": [["BearerToken": []]],
        ]
    }

    private static func parts(
        _ types: [ResourceType], _ requests: [RequestKind], _ definitions: [JSONValue], _ form: OpenAPIForm,
        takes isWanted: (ResourceType) -> Bool
    ) -> (paths: JSONValue, schemas: JSONValue) {
        var components = OpenAPIComponents(form: form)
        let operations = OpenAPIPaths(form: form)
        var paths: [String: JSONValue] = [:]
        for type in types {
            components.add(type)
            paths.merge(operations.paths(of: type)) { $1 }
        }
        for request in requests {
            components.add(request.type)
            paths.merge(operations.paths(of: request)) { $1 }
        }
        for definition in definitions {
            for type in CustomKind(definition)?.servedTypes ?? [] where isWanted(type) {
                let version = definition.list("spec", "versions").first { $0.text("name") == type.version }
                components.add(type, schema: version?[path: "schema", "openAPIV3Schema"] ?? ["type": "object"])
                paths.merge(operations.paths(of: type)) { $1 }
            }
        }
        return (.object(paths), .object(components.schemas))
    }

    /// `api/v1` or `apis/GROUP/VERSION`.
    public static func path(of type: ResourceType) -> String {
        type.group.isEmpty ? "api/\(type.version)" : "apis/\(type.apiVersion)"
    }
}

extension ResourceType {
    /// As `x-kubernetes-group-version-kind` has it.
    var groupVersionKind: JSONValue {
        ["group": .string(group), "version": .string(version), "kind": .string(kind)]
    }
}
