internal import JSON
internal import ResourceStore
public import Resources

extension RoleAuthorizer {
    /// Nobody gives away what he does not have: who writes a role must hold its rules or the verb `escalate`, who writes a binding
    /// must hold the bound role's rules or the verb `bind`.
    ///
    /// - Throws: 403 that lists what is missing; 404 for a bound role that is not there.
    public func checkEscalation(by user: User, old: Resource?, new: Resource) async throws {
        guard !user.isSuperuser else { return }
        switch new.type {
        case .role, .clusterRole: try await checkRole(user, old, new)
        case .roleBinding, .clusterRoleBinding: try await checkBinding(user, old, new)
        default: return
        }
    }

    private func checkRole(_ user: User, _ old: Resource?, _ new: Resource) async throws {
        let aggregation = new.value["aggregationRule"]
        let aggregates = aggregation != nil && aggregation?.isNull != true
        guard old?.value["rules"] != new.value["rules"] || old?.value["aggregationRule"] != aggregation else { return }
        if try await may(user, "escalate", new.key, in: new.namespace) { return }
        let owned = try await rules(of: user, in: new.namespace ?? "").rules
        if aggregates, !PolicyRule.uncovered([.everything, .everyPath], by: owned).isEmpty {
            throw StatusError.forbidden(new.key, "must have cluster-admin privileges to use an aggregationRule")
        }
        try check(Self.rules(of: new), user, owned, new.key)
    }

    private func checkBinding(_ user: User, _ old: Resource?, _ new: Resource) async throws {
        guard old?.value["subjects"] != new.value["subjects"] || old?.value["roleRef"] != new.value["roleRef"] else {
            return
        }
        guard let key = Self.role(of: new) else { return }
        if try await may(user, "bind", key, in: new.namespace) { return }
        let role = try await store.get(key)
        let owned = try await rules(of: user, in: new.namespace ?? "").rules
        try check(Self.rules(of: role), user, owned, new.key)
    }

    /// What one check looks at; the greatest default role has some hundred.
    private static let partLimit = 5_000

    private func may(_ user: User, _ verb: String, _ key: ResourceKey, in namespace: String?) async throws -> Bool {
        let target = AccessRequest.ResourceTarget(
            group: key.type.group, version: key.type.version, resource: key.type.plural, namespace: namespace ?? "",
            name: key.name)
        return try await decide(AccessRequest(user: user, verb: verb, target: .resource(target))).isAllowed
    }

    private func check(_ given: [PolicyRule], _ user: User, _ owned: [PolicyRule], _ key: ResourceKey) throws {
        guard given.allSatisfy({ $0.partCount <= Self.partLimit }), given.count <= Self.partLimit,
            given.reduce(0, { $0 + $1.partCount }) <= Self.partLimit
        else {
            throw StatusError.forbidden(
                key,
                "its rules name more than \(Self.partLimit) combinations of verb, group, resource and name: make several roles"
            )
        }
        let missing = PolicyRule.uncovered(given, by: owned)
        guard !missing.isEmpty else { return }
        let groups = user.groups.map { "\"\($0)\"" }.joined(separator: " ")
        throw StatusError.forbidden(
            key,
            "user \"\(user.name)\" (groups=[\(groups)]) is attempting to grant RBAC permissions not currently held:\n"
                + missing.map(\.description).joined(separator: "\n"))
    }
}
