import JSON

/// Puts one document over another, and takes fields out of one.
enum DocumentMerge {
    /// `new` over `old`: what `new` states wins, what it does not state stays.
    static func merge(_ new: JSONValue, over old: JSONValue, _ schema: any OwnershipSchema) -> JSONValue {
        switch schema.division(of: old, new) {
        case .members:
            guard let before = old.objectValue, !before.isEmpty else { return new }
            // Null does not take away what others have below it.
            guard let after = new.objectValue else { return new.isNull ? old : new }
            return .object(
                before.merging(
                    after.map { name, value in
                        guard let present = before[name], let member = schema.member(name) else { return (name, value) }
                        return (name, merge(value, over: present, member.schema))
                    }
                ) { $1 })
        case .elements, .values:
            guard let before = old.arrayValue, !before.isEmpty else { return new }
            guard let after = new.arrayValue else { return new.isNull ? old : new }
            return .array(merge(after, over: before, schema))
        case .scalar, .whole, .byValue:
            return new
        }
    }

    /// Elements of `new` come in its order; those that only `old` has keep their place before what follows them there.
    private static func merge(
        _ new: [JSONValue], over old: [JSONValue], _ schema: any OwnershipSchema
    ) -> [JSONValue] {
        func step(_ element: JSONValue) -> String? { try? FieldStep.element(element, of: schema).get() }
        let (present, stated) = (old.map { (step: step($0), value: $0) }, new.map { (step: step($0), value: $0) })
        let wanted = Set(stated.compactMap(\.step))
        let values = Dictionary(present.compactMap { item in item.step.map { ($0, item.value) } }) { first, _ in first }
        let element = schema.element
        // For each stated element: itself, or the first one after it, that is there already.
        var following = [String?](repeating: nil, count: stated.count)
        var upcoming: String?
        for index in stated.indices.reversed() {
            if let step = stated[index].step, values[step] != nil { upcoming = step }
            following[index] = upcoming
        }
        var result: [JSONValue] = []
        var done: Set<String> = []
        var rest = present[...]
        for (index, item) in stated.enumerated() {
            let next = following[index]
            while let first = rest.first {
                if let known = first.step, wanted.contains(known) {
                    guard done.contains(known) || known != next else { break }
                } else {
                    result.append(first.value)
                }
                rest.removeFirst()
            }
            if let known = item.step, let value = values[known] {
                result.append(merge(item.value, over: value, element))
                done.insert(known)
            } else {
                result.append(item.value)
            }
        }
        return result + rest.filter { $0.step.map { !wanted.contains($0) } ?? true }.map(\.value)
    }

    /// A document without the places of a set; maps and lists that become empty go, too.
    static func removing(_ set: FieldSet, from value: JSONValue, _ schema: any OwnershipSchema) -> JSONValue? {
        guard !set.children.isEmpty else { return value }
        switch (schema.division(of: value), value) {
        case (.members, .object(let members)):
            var result: [String: JSONValue] = [:]
            for (name, child) in members {
                let part = set[FieldStep.field(name)]
                if part.isMember { continue }
                result[name] = schema.member(name).map { removing(part, from: child, $0.schema) } ?? child
            }
            return result.isEmpty ? nil : .object(result)
        case (.elements, .array(let elements)), (.values, .array(let elements)):
            let element = schema.element
            let result = elements.compactMap { child -> JSONValue? in
                let part = (try? FieldStep.element(child, of: schema).get()).map { set[$0] } ?? FieldSet()
                return part.isMember ? nil : removing(part, from: child, element)
            }
            return result.isEmpty ? nil : .array(result)
        default:
            return value
        }
    }
}
