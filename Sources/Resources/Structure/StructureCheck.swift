import JSON

/// Compares a document with the shape of its type: finds unknown fields and wrong types, drops nulls, and fills absent
/// required fields with the empty values Go would have, so that validation sees and reports all of them at once.
struct StructureCheck {
    /// Paths of fields that the type does not have, as `spec.template.spec.containers[0].imagee`.
    private(set) var unknownFields: [String] = []
    private var failure: String?

    /// - Throws: bad request for the first wrong type.
    static func check(
        _ value: JSONValue, type: ResourceType
    ) throws(StatusError) -> (value: JSONValue, unknownFields: [String]) {
        guard case .object(var members) = value else {
            throw .badRequest("the body of the request is no JSON object but \(value.typeName)")
        }
        members["apiVersion"] = nil
        members["kind"] = nil
        var check = StructureCheck()
        let checked = check.object(members, type.schema, place: Place())
        if let failure = check.failure { throw cannotBeHandled(type, failure) }
        return (checked, check.unknownFields.sorted())
    }

    /// Decodes a document in which required fields may be absent.
    static func decodeFillingRequired<T: KubernetesObject>(
        _ value: JSONValue, as type: T.Type
    ) throws(StatusError) -> T {
        let filled = try check(value, type: T.resourceType).value
        do {
            return try filled.decode(as: type)
        } catch {
            throw statusError(error, type: T.resourceType)
        }
    }

    static func statusError(_ error: JSONError, type: ResourceType) -> StatusError {
        cannotBeHandled(type, error.description)
    }

    static func cannotBeHandled(_ type: ResourceType, _ why: String) -> StatusError {
        .badRequest("\(type.kind) in version \"\(type.version)\" cannot be handled as a \(type.kind): \(why)")
    }

    /// Where the check stands: for unknown fields with indices, for type errors as Go prints it.
    private struct Place {
        var path = ""
        var goPath = ""
        var structName = ""

        func member(_ name: String, of schema: ObjectSchema) -> Place {
            Place(
                path: path.isEmpty ? name : "\(path).\(name)", goPath: goPath.isEmpty ? name : "\(goPath).\(name)",
                structName: schema.name)
        }

        func element(_ index: Int) -> Place { with(path: "\(path)[\(index)]") }
        func entry(_ key: String) -> Place { with(path: "\(path)[\(key)]") }

        private func with(path: String) -> Place {
            Place(path: path, goPath: goPath, structName: structName)
        }
    }

    private mutating func object(
        _ members: [String: JSONValue], _ schema: ObjectSchema, place: Place
    ) -> JSONValue {
        var result: [String: JSONValue] = [:]
        for (name, member) in members {
            guard let field = schema[name] else {
                unknownFields.append(place.path.isEmpty ? name : "\(place.path).\(name)")
                continue
            }
            if member.isNull { continue }
            result[name] = check(member, field.node, place: place.member(name, of: schema))
        }
        for field in schema.fields where field.required && result[field.name] == nil {
            result[field.name] = zero(field.node)
        }
        return .object(result)
    }

    private mutating func check(_ value: JSONValue, _ node: SchemaNode, place: Place) -> JSONValue {
        switch (node, value) {
        case (.any, _), (.string, .string), (.bytes, .string), (.boolean, .bool), (.number, .integer),
            (.number, .number),
            (.intOrString, .string):
            break
        case (.integer(let width), _):
            return integer(value, width, node, place)
        case (.intOrString, .integer), (.intOrString, .number):
            return integer(value, .bits32, node, place)
        case (.quantity, .string(let text)):
            if Quantity(text) == nil { fail(Quantity.syntax) }
        case (.quantity, .integer), (.quantity, .number):
            guard let quantity = Quantity(value.description) else {
                fail(Quantity.syntax)
                break
            }
            return .string(quantity.description)
        case (.time, .string(let text)), (.microTime, .string(let text)):
            if Timestamp(text) == nil {
                fail("parsing time \"\(text)\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\(text)\" as a time")
            }
        case (.array(let element), .array(let elements)):
            return .array(
                elements.enumerated().map { index, value in
                    value.isNull ? zero(element) : check(value, element, place: place.element(index))
                })
        case (.map(let element), .object(let members)):
            var result: [String: JSONValue] = [:]
            for (key, value) in members {
                result[key] = value.isNull ? zero(element) : check(value, element, place: place.entry(key))
            }
            return .object(result)
        case (.object(let schema), .object(let members)):
            return object(members, schema, place: place)
        default:
            wrongType(value.typeName, node, place)
        }
        return value
    }

    private mutating func integer(
        _ value: JSONValue, _ width: IntegerWidth, _ node: SchemaNode, _ place: Place
    ) -> JSONValue {
        let found: Int64? =
            switch value {
            case .integer(let number): number
            case .number(let number): Int64(exactly: number)
            default: nil
            }
        guard let found, width.range.contains(found) else {
            switch value {
            case .integer, .number: wrongType("number \(value)", node, place)
            default: wrongType(value.typeName, node, place)
            }
            return value
        }
        return .integer(found)
    }

    private mutating func zero(_ node: SchemaNode) -> JSONValue {
        if case .object(let schema) = node { return object([:], schema, place: Place()) }
        switch node.zero {
        case .number: return 0
        case .string: return ""
        case .boolean: return false
        case .array: return []
        case .object: return [:]
        }
    }

    private mutating func wrongType(_ found: String, _ node: SchemaNode, _ place: Place) {
        fail(
            "json: cannot unmarshal \(found) into Go struct field \(place.structName).\(place.goPath) of type "
                + node.goName)
    }

    private mutating func fail(_ why: String) {
        // Members come in no order: keep the same one of several.
        failure = failure.map { min($0, why) } ?? why
    }
}
