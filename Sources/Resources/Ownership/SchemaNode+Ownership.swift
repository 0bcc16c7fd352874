import JSON

/// How a field's value divides among owners, as its declaration says it.
enum OwnershipRule: Sendable, Hashable {
    case atomic
    case granular
    case set
    case keys([String])

    /// nil when the words of the declaration leave it to the type.
    init?(_ words: ArraySlice<Substring>) {
        for word in words {
            switch word {
            case "atomic": self = .atomic
            case "granular": self = .granular
            case "set": self = .set
            case _ where word.hasPrefix("map="): self = .keys(word.dropFirst(4).split(separator: ",").map(String.init))
            default: continue
            }
            return
        }
        return nil
    }
}

/// A place in a declared shape.
struct ShapeOwnership: OwnershipSchema {
    let node: SchemaNode
    var rule: OwnershipRule?

    var division: Division {
        switch (node, rule) {
        case (.array, .keys(let keys)?): .elements(keys: keys)
        case (.array, .set?): .values
        case (.array, _), (.map, .atomic?), (.object, .atomic?): .whole
        case (.map, _): .members
        case (.object(let schema), _): schema.isAtomic && rule != .granular ? .whole : .members
        case (.any, _): .whole
        case (.string, _), (.bytes, _): .scalar(.string)
        case (.integer, _), (.number, _): .scalar(.number)
        case (.boolean, _): .scalar(.boolean)
        case (.intOrString, _), (.quantity, _), (.time, _), (.microTime, _): .scalar(.any)
        }
    }

    func member(_ name: String) -> OwnershipMember? {
        switch node {
        case .object(let schema):
            schema[name].map { OwnershipMember(ShapeOwnership(node: $0.node, rule: $0.ownership), isDeclared: true) }
        case .map(let value): OwnershipMember(ShapeOwnership(node: value), isDeclared: false)
        default: nil
        }
    }

    var element: any OwnershipSchema {
        if case .array(let element) = node { ShapeOwnership(node: element) } else { UnknownOwnership() }
    }

    func keyDefault(_ key: String) -> JSONValue? {
        guard case .array(let element) = node else { return nil }
        return element.object?[key]?.keyDefault
    }

    /// What Go's encoder writes of a struct's empty fields: structs that are no pointers, and what is never left out.
    var implied: [String: JSONValue] {
        guard case .object(let schema) = node else { return [:] }
        var implied: [String: JSONValue] = [:]
        for field in schema.fields where !field.tellsUnset { implied[field.name] = Self.implied(field) }
        return implied
    }

    private static func implied(_ field: ObjectSchema.Field) -> JSONValue? {
        switch field.node {
        case .object: return [:]
        case .time, .microTime: return .null
        case .quantity: return "0"
        case .intOrString: return 0
        case .array, .map, .any, .bytes: return field.required ? .null : nil
        case .string: return field.required ? "" : nil
        case .integer, .number: return field.required ? 0 : nil
        case .boolean: return field.required ? false : nil
        }
    }
}

/// A whole object of a declared type.
struct ObjectOwnership: OwnershipSchema {
    private let shape: ShapeOwnership

    init(_ type: ResourceType) { shape = ShapeOwnership(node: .object(type.schema)) }

    var division: Division { .members }
    var element: any OwnershipSchema { UnknownOwnership() }
    var implied: [String: JSONValue] { shape.implied }

    func member(_ name: String) -> OwnershipMember? {
        guard name != "apiVersion", name != "kind" else {
            return OwnershipMember(ShapeOwnership(node: .string), isDeclared: true)
        }
        return shape.member(name)
    }
}

extension ResourceType {
    /// How the fields of its objects divide among owners.
    var ownership: any OwnershipSchema {
        customVersion.map { StructuralOwnership($0.schema) } ?? ObjectOwnership(self)
    }
}
