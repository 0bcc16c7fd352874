import JSON

extension StructuralSchema {
    /// The value with what the schema says of absent members. Null means absent where it is no value.
    func defaulted(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(var members):
            for (name, schema) in properties {
                members[name] = schema.settled(members[name])
            }
            if let additional {
                for (name, member) in members where properties[name] == nil {
                    members[name] = additional.settled(member)
                }
            }
            return .object(members)
        case .array(let elements):
            // A null without a default stays: the places of the others must not change.
            return items.map { schema in .array(elements.map { schema.settled($0) ?? $0 }) } ?? value
        default: return value
        }
    }

    /// What stands in place of a member that may be absent; nil for nothing.
    private func settled(_ member: JSONValue?) -> JSONValue? {
        if let member, !member.isNull || isNullable { return defaulted(member) }
        return defaultValue.map(defaulted)
    }
}
