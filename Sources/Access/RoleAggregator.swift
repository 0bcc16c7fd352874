internal import JSON
internal import ResourceStore
internal import Resources

/// Keeps the rules of ClusterRoles with an `aggregationRule` equal to those of the roles that it selects.
enum RoleAggregator {
    static func label(_ role: String) -> String { "rbac.authorization.k8s.io/aggregate-to-\(role)" }

    /// A role may be selected that itself selects: each round carries rules one step on, and no chain is longer than the list.
    static func aggregate(in transaction: StoreTransaction) throws {
        var roles = try transaction.list(.clusterRole)
        for _ in roles.indices {
            var hasChanged = false
            for index in roles.indices {
                guard let rules = try aggregated(roles[index], from: roles),
                    rules != roles[index].value["rules"] ?? []
                else { continue }
                roles[index].value["rules"] = rules
                roles[index] = try transaction.replace(roles[index])
                hasChanged = true
            }
            guard hasChanged else { return }
        }
    }

    /// nil for a role that selects none.
    private static func aggregated(_ role: Resource, from roles: [Resource]) throws -> JSONValue? {
        guard let rule = role.value["aggregationRule"], !rule.isNull else { return nil }
        var rules: [JSONValue] = []
        for selector in rule["clusterRoleSelectors"]?.arrayValue ?? [] {
            let query = try LabelSelectorQuery(try selector.decode(as: LabelSelector.self))
            for other in roles where other.name != role.name && query.matches(other) {
                for rule in other.value["rules"]?.arrayValue ?? [] where !rules.contains(rule) { rules.append(rule) }
            }
        }
        return .array(rules)
    }
}
