public import JSON

/// A place in the structural schema of a custom resource: OpenAPI v3 with `x-kubernetes-list-type`, `-list-map-keys`,
/// `-map-type`, `-embedded-resource` and `-preserve-unknown-fields`.
public struct StructuralOwnership: OwnershipSchema {
    private let schema: JSONValue
    private let isResource: Bool

    /// - Parameters:
    ///   - schema: what stands in `openAPIV3Schema` of a version, or a part of it.
    ///   - isResource: whether this is a whole object, which has `apiVersion`, `kind` and `metadata`.
    public init(_ schema: JSONValue, isResource: Bool = true) {
        self.schema = schema
        self.isResource = isResource || schema["x-kubernetes-embedded-resource"] == true
    }

    public var division: Division {
        if schema["x-kubernetes-int-or-string"] == true { return .scalar(.any) }
        switch schema["type"]?.stringValue {
        case "object": return isMap ? (schema["x-kubernetes-map-type"] == "atomic" ? .whole : .members) : .byValue
        case "array":
            switch schema["x-kubernetes-list-type"]?.stringValue {
            case "map": return .elements(keys: keys)
            case "set": return .values
            default: return .whole
            }
        case "string": return .scalar(.string)
        case "integer", "number": return .scalar(.number)
        case "boolean": return .scalar(.boolean)
        default: return .byValue
        }
    }

    /// Whether anything is said about the members.
    private var isMap: Bool {
        isResource || schema["properties"] != nil || schema["additionalProperties"]?.objectValue != nil
            || schema["x-kubernetes-map-type"] != nil || schema["x-kubernetes-preserve-unknown-fields"] != true
    }

    private var keys: [String] { schema["x-kubernetes-list-map-keys"]?.arrayValue?.compactMap(\.stringValue) ?? [] }

    public func member(_ name: String) -> OwnershipMember? {
        if isResource {
            switch name {
            case "apiVersion", "kind": return OwnershipMember(ShapeOwnership(node: .string), isDeclared: true)
            case "metadata":
                guard let meta = ShapeLibrary.shared.shape("ObjectMeta", in: "meta.v1") else { break }
                return OwnershipMember(PlainOwnership(ShapeOwnership(node: .object(meta))), isDeclared: true)
            default: break
            }
        }
        if let property = schema[path: "properties", name] {
            return OwnershipMember(StructuralOwnership(property, isResource: false), isDeclared: true)
        }
        if let others = schema["additionalProperties"], others.objectValue != nil {
            return OwnershipMember(StructuralOwnership(others, isResource: false), isDeclared: false)
        }
        let takesAll =
            schema["x-kubernetes-preserve-unknown-fields"] == true || schema["additionalProperties"] == true
            || division == .byValue
        return takesAll ? OwnershipMember(UnknownOwnership(), isDeclared: false) : nil
    }

    public var element: any OwnershipSchema {
        schema["items"].map { StructuralOwnership($0, isResource: false) } ?? UnknownOwnership()
    }

    public func keyDefault(_ key: String) -> JSONValue? { schema[path: "items", "properties", key]?["default"] }
}

/// A declared shape in a document that no struct stands behind: nothing is implied.
struct PlainOwnership: OwnershipSchema {
    private let shape: any OwnershipSchema

    init(_ shape: any OwnershipSchema) { self.shape = shape }

    var division: Division { shape.division }
    var element: any OwnershipSchema { PlainOwnership(shape.element) }
    func keyDefault(_ key: String) -> JSONValue? { shape.keyDefault(key) }

    func member(_ name: String) -> OwnershipMember? {
        shape.member(name).map { OwnershipMember(PlainOwnership($0.schema), isDeclared: $0.isDeclared) }
    }
}
