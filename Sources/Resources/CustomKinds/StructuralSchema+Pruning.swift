import JSON

extension StructuralSchema {
    /// What every whole object has, whether its schema says so or not.
    private static let objectFields: Set<String> = ["apiVersion", "kind", "metadata"]

    /// Names of unknown fields that are told: more help nobody.
    private static let unknownLimit = 1_000

    /// The value without the fields that the schema does not know; their paths, as `spec.jobs[0].cmd`, go to `unknown`.
    ///
    /// - Parameter isObject: whether it is a whole object, whose `apiVersion`, `kind` and `metadata` stay.
    func pruned(
        _ value: JSONValue, _ path: FieldTrail = .root, isObject: Bool = false, unknown: inout [String]
    ) -> JSONValue {
        switch value {
        case .object(let members):
            var kept: [String: JSONValue] = [:]
            for (name, member) in members {
                if isObject || isEmbedded, Self.objectFields.contains(name) {
                    kept[name] = member
                } else if let schema = properties[name] ?? additional {
                    kept[name] = schema.pruned(member, path.member(name), unknown: &unknown)
                } else if keepsUnknown {
                    kept[name] = member
                } else if unknown.count < Self.unknownLimit {
                    unknown.append(path.member(name).text)
                }
            }
            return .object(kept)
        case .array(let elements):
            guard let items else { return value }
            return .array(
                elements.enumerated().map { items.pruned($1, path[$0], unknown: &unknown) })
        default: return value
        }
    }
}
