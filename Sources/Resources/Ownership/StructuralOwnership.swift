import JSON

/// A place in the structural schema of a custom resource, whose list and map types say how it divides.
struct StructuralOwnership: OwnershipSchema {
    private let schema: StructuralSchema
    private let isResource: Bool

    /// - Parameter isResource: whether this is a whole object, which has `apiVersion`, `kind` and `metadata`.
    init(_ schema: StructuralSchema, isResource: Bool = true) {
        self.schema = schema
        self.isResource = isResource || schema.isEmbedded
    }

    init(_ schema: JSONValue) { self.init(StructuralSchema(schema)) }

    var division: Division {
        if schema.isIntOrString { return .scalar(.any) }
        switch schema.type {
        case "object": return isMap ? (schema.mapType == "atomic" ? .whole : .members) : .byValue
        case "array":
            switch schema.listType {
            case "map": return .elements(keys: schema.listKeys)
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
        isResource || !schema.properties.isEmpty || schema.additional != nil || !schema.mapType.isEmpty
            || !schema.keepsUnknown
    }

    func member(_ name: String) -> OwnershipMember? {
        if isResource {
            switch name {
            case "apiVersion", "kind": return OwnershipMember(ShapeOwnership(node: .string), isDeclared: true)
            case "metadata":
                guard let meta = ShapeLibrary.shared.shape("ObjectMeta", in: "meta.v1") else { break }
                return OwnershipMember(PlainOwnership(ShapeOwnership(node: .object(meta))), isDeclared: true)
            default: break
            }
        }
        if let property = schema.properties[name] {
            return OwnershipMember(StructuralOwnership(property, isResource: false), isDeclared: true)
        }
        if let others = schema.additional {
            return OwnershipMember(StructuralOwnership(others, isResource: false), isDeclared: false)
        }
        guard schema.keepsUnknown || division == .byValue else { return nil }
        return OwnershipMember(UnknownOwnership(), isDeclared: false)
    }

    var element: any OwnershipSchema {
        schema.items.map { StructuralOwnership($0, isResource: false) } ?? UnknownOwnership()
    }

    func keyDefault(_ key: String) -> JSONValue? { schema.items?.properties[key]?.defaultValue }
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
