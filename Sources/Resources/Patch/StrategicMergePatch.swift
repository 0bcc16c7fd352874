import JSON

/// Kubernetes' strategic merge (k8s.io/apimachinery/pkg/util/strategicpatch): objects are merged, lists by the strategy
/// of their field, with directives in the patch: `$patch`, `$retainKeys`, `$deleteFromPrimitiveList/FIELD` and
/// `$setElementOrder/FIELD`.
enum StrategicMergePatch {
    private static let patchKey = "$patch"
    private static let retainKeysKey = "$retainKeys"
    private static let deletePrefix = "$deleteFromPrimitiveList/"
    private static let orderPrefix = "$setElementOrder/"

    static func apply(
        _ patch: [String: JSONValue], to document: JSONValue, schema: ObjectSchema
    ) throws(StatusError) -> JSONValue {
        let merged = try merge(patch, into: document.objectValue ?? [:], node: .object(schema))
        return .object(merged ?? [:])
    }

    /// - Returns: nil when the patch deletes the object.
    private static func merge(
        _ patch: [String: JSONValue], into target: [String: JSONValue], node: SchemaNode
    ) throws(StatusError) -> [String: JSONValue]? {
        switch patch[patchKey]?.stringValue {
        case nil, "merge"?: break
        case "delete"?: return nil
        case "replace"?: return patch.filter { $0.key != patchKey }
        case .some(let other): throw unknownDirective(other)
        }
        var result = target
        if let retained = patch[retainKeysKey]?.arrayValue {
            let names = Set(retained.compactMap(\.stringValue))
            result = result.filter { names.contains($0.key) }
        }
        for (key, change) in patch where !isDirective(key) {
            if change.isNull {
                result[key] = nil
                continue
            }
            let (field, strategy) = member(key, of: node)
            result[key] = try merge(
                change, into: result[key], node: field, strategy: strategy,
                order: patch[orderPrefix + key]?.arrayValue, deleted: patch[deletePrefix + key]?.arrayValue)
        }
        try applyListDirectives(patch, to: &result, node: node)
        return result
    }

    /// Order and deletions for lists that the patch does not otherwise mention.
    private static func applyListDirectives(
        _ patch: [String: JSONValue], to result: inout [String: JSONValue], node: SchemaNode
    ) throws(StatusError) {
        for (directive, value) in patch {
            let prefix = directive.hasPrefix(deletePrefix) ? deletePrefix : orderPrefix
            guard directive.hasPrefix(prefix) else { continue }
            let key = String(directive.dropFirst(prefix.count))
            guard patch[key] == nil, let list = result[key]?.arrayValue, value.arrayValue != nil else { continue }
            result[key] = .array(
                try mergeList(
                    [], into: list, node: member(key, of: node).node, keys: member(key, of: node).strategy?.keys ?? [],
                    order: patch[orderPrefix + key]?.arrayValue, deleted: patch[deletePrefix + key]?.arrayValue))
        }
    }

    private static func member(_ key: String, of node: SchemaNode) -> (node: SchemaNode, strategy: MergeStrategy?) {
        switch node {
        case .object(let schema): (schema[key]?.node ?? .any, schema[key]?.merge)
        case .map(let value): (value, nil)
        default: (.any, nil)
        }
    }

    private static func merge(
        _ change: JSONValue, into old: JSONValue?, node: SchemaNode, strategy: MergeStrategy?, order: [JSONValue]?,
        deleted: [JSONValue]?
    ) throws(StatusError) -> JSONValue? {
        switch change {
        case .object(let members):
            return try merge(members, into: old?.objectValue ?? [:], node: node).map { .object($0) }
        case .array(let elements):
            guard let strategy, strategy.mergesList else { return .array(elements.map(withoutDirectives)) }
            return .array(
                try mergeList(
                    elements, into: old?.arrayValue ?? [], node: node, keys: strategy.keys, order: order,
                    deleted: deleted))
        default: return change
        }
    }

    // MARK: Lists

    private static func mergeList(
        _ patch: [JSONValue], into target: [JSONValue], node: SchemaNode, keys: [String], order: [JSONValue]?,
        deleted: [JSONValue]?
    ) throws(StatusError) -> [JSONValue] {
        let isPrimitive = keys.isEmpty || (patch + target).allSatisfy { $0.objectValue == nil } && !patch.isEmpty
        var result = target
        if isPrimitive {
            let gone = Set(deleted ?? [])
            result.removeAll { gone.contains($0) }
            var present = Set(result)
            for element in patch where present.insert(element).inserted { result.append(element) }
            return ordered(result, server: target, by: order ?? patch) { $0 }
        }
        let key = keys[0]
        if patch.contains(where: { $0[patchKey] == "replace" }) {
            return patch.filter { $0[patchKey] != "replace" }.map(withoutDirectives)
        }
        let element: SchemaNode = if case .array(let element) = node { element } else { .any }
        var places: [JSONValue: [Int]] = [:]
        for (index, element) in result.enumerated() { places[element[key] ?? .null, default: []].append(index) }
        var gone: Set<Int> = []
        for change in patch {
            guard case .object(let members) = change, let id = members[key] else {
                throw .badRequest("map: \(change) does not contain declared merge key: \(key)")
            }
            if members[patchKey] == "delete" {
                gone.formUnion(places.removeValue(forKey: id) ?? [])
            } else if let index = match(members, among: places[id] ?? [], of: result, keys: keys) {
                let merged = try merge(members, into: result[index].objectValue ?? [:], node: element)
                result[index] = .object(merged ?? [:])
            } else {
                places[id, default: []].append(result.count)
                result.append(withoutDirectives(change))
            }
        }
        result = result.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
        return ordered(result, server: target, by: (order ?? patch).map { $0[key] ?? .null }) { $0[key] ?? .null }
    }

    /// The element with the same merge key; of several the one that also agrees in the further keys.
    private static func match(
        _ change: [String: JSONValue], among candidates: [Int], of list: [JSONValue], keys: [String]
    ) -> Int? {
        candidates.first { index in
            keys.dropFirst().allSatisfy { change[$0] == nil || change[$0] == list[index][$0] }
        } ?? candidates.first
    }

    /// Elements in the asked order, which is that of the patch when it gives no other; those that only the server has keep their place among those it had before.
    private static func ordered(
        _ list: [JSONValue], server: [JSONValue], by order: [JSONValue], id: (JSONValue) -> JSONValue
    ) -> [JSONValue] {
        let rank = Dictionary(order.enumerated().map { ($1, $0) }) { first, _ in first }
        let serverIndex = Dictionary(server.enumerated().map { (id($1), $0) }) { first, _ in first }
        var asked = list.filter { rank[id($0)] != nil }[...]
        asked =
            asked.enumerated().sorted {
                (rank[id($0.element)] ?? 0, $0.offset) < (rank[id($1.element)] ?? 0, $1.offset)
            }.map(\.element)[...]
        var others = list.filter { rank[id($0)] == nil }[...]
        var result: [JSONValue] = []
        while let left = asked.first, let right = others.first {
            let leftIndex = serverIndex[id(left)] ?? -1
            if leftIndex < serverIndex[id(right)] ?? Int.max {
                result.append(left)
                asked.removeFirst()
            } else {
                result.append(right)
                others.removeFirst()
            }
        }
        return result + asked + others
    }

    /// A part of the patch that meets nothing to merge with: without directives and nulls.
    private static func withoutDirectives(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members):
            var result: [String: JSONValue] = [:]
            for (key, member) in members where !isDirective(key) && !member.isNull {
                if member[patchKey] == "delete" { continue }
                result[key] = withoutDirectives(member)
            }
            return .object(result)
        case .array(let elements):
            return .array(
                elements.filter { $0[patchKey] != "delete" && $0 != [patchKey: "replace"] }.map(withoutDirectives))
        default: return value
        }
    }

    private static func isDirective(_ key: String) -> Bool {
        key == patchKey || key == retainKeysKey || key.hasPrefix(deletePrefix) || key.hasPrefix(orderPrefix)
    }

    private static func unknownDirective(_ directive: String) -> StatusError {
        .badRequest("unknown patch type: \(directive)")
    }
}
