import JSON

extension StructuralSchema {
    /// The value with what the schema says of absent members. Null means absent where it is no value.
    func defaulted(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(var members):
            for (name, schema) in properties {
                if let present = members[name], !present.isNull || schema.isNullable {
                    members[name] = schema.defaulted(present)
                } else {
                    members[name] = schema.defaultValue.map(schema.defaulted)
                }
            }
            if let additional {
                for (name, member) in members where properties[name] == nil {
                    members[name] = additional.defaulted(member)
                }
            }
            return .object(members)
        case .array(let elements): return items.map { schema in .array(elements.map(schema.defaulted)) } ?? value
        default: return value
        }
    }
}
