import JSON

/// What differs between two documents, by the places that can have owners.
struct FieldComparison {
    var added = FieldSet()
    var removed = FieldSet()
    var modified = FieldSet()

    /// What a writer of the new document set.
    var written: FieldSet { added.union(modified) }

    /// - Parameters: nil for what is not there.
    static func of(_ old: JSONValue?, _ new: JSONValue?, _ schema: any OwnershipSchema) -> FieldComparison {
        var result = FieldComparison()
        guard old != nil || new != nil else { return result }
        switch schema.division(of: old, new) {
        case .members:
            let (before, after) = (members(old), members(new))
            guard let before, let after, !before.isEmpty || !after.isEmpty else { return leaf(old, new) }
            for name in Set(before.keys).union(after.keys) {
                guard let member = schema.member(name) else { continue }
                result.put(.of(before[name], after[name], member.schema), FieldStep.field(name))
            }
        case .elements, .values:
            let (before, after) = (elements(old, schema), elements(new, schema))
            guard let before, let after, !before.isEmpty || !after.isEmpty else { return leaf(old, new) }
            let element = schema.element
            for step in Set(before.keys).union(after.keys) {
                result.put(.of(before[step], after[step], element), step)
            }
        case .scalar, .whole, .byValue:
            return leaf(old, new)
        }
        if old == nil { result.added.isMember = true }
        if new == nil { result.removed.isMember = true }
        return result
    }

    private static func leaf(_ old: JSONValue?, _ new: JSONValue?) -> FieldComparison {
        var result = FieldComparison()
        switch (old, new) {
        case (nil, _): result.added.isMember = true
        case (_, nil): result.removed.isMember = true
        default: result.modified.isMember = old != new
        }
        return result
    }

    private mutating func put(_ part: FieldComparison, _ step: String) {
        added[step] = part.added
        removed[step] = part.removed
        modified[step] = part.modified
    }

    /// Empty for nothing and null; nil for what is no map.
    private static func members(_ value: JSONValue?) -> [String: JSONValue]? {
        guard let value, !value.isNull else { return [:] }
        return value.objectValue
    }

    private static func elements(_ value: JSONValue?, _ schema: any OwnershipSchema) -> [String: JSONValue]? {
        guard let value, !value.isNull else { return [:] }
        return value.arrayValue.map { elements in
            Dictionary(
                elements.compactMap { element in
                    (try? FieldStep.element(element, of: schema).get()).map { ($0, element) }
                }
            ) { first, _ in first }
        }
    }
}
