internal import JSON
public import ResourceStore
internal import Resources

/// Decides by the Roles, ClusterRoles and bindings in the store.
///
/// They are read at each question: a right that was taken away is gone at once, and a device's few bindings are read faster than
/// a copy of them could be kept right.
public struct RoleAuthorizer: Sendable {
    /// Whether it is allowed, and by what or why not.
    public struct Decision: Hashable, Sendable {
        public let isAllowed: Bool
        public let reason: String
    }

    /// What one binding gives.
    struct Grant: Sendable {
        let rules: [PolicyRule]
        /// As `ClusterRoleBinding "a" of ClusterRole "b" to User "c"`.
        let source: String
    }

    /// What a user may do, as far as bindings say.
    struct Grants: Sendable {
        var list: [Grant] = []
        /// Roles that are bound and not there.
        var faults: [String] = []
        var rules: [PolicyRule] { list.flatMap(\.rules) }
    }

    let store: Store

    public init(store: Store) {
        self.store = store
    }

    public func decide(_ request: AccessRequest) async throws -> Decision {
        if request.user.isSuperuser { return Decision(isAllowed: true, reason: "") }
        let grants = try await grants(of: request.user, in: request.namespace)
        for grant in grants.list where grant.rules.contains(where: { $0.allows(request) }) {
            return Decision(isAllowed: true, reason: "RBAC: allowed by \(grant.source)")
        }
        return Decision(
            isAllowed: false, reason: grants.faults.isEmpty ? "" : "RBAC: \(Self.list(grants.faults))")
    }

    /// - Throws: 403 in kube-apiserver's words.
    public func check(_ request: AccessRequest) async throws {
        let decision = try await decide(request)
        if !decision.isAllowed { throw request.refusal(decision) }
    }

    /// The rules of a user in a namespace (empty for none), and whether all bound roles were found.
    public func rules(of user: User, in namespace: String) async throws -> (rules: [PolicyRule], faults: [String]) {
        if user.isSuperuser { return ([.everything, .everyPath], []) }
        let grants = try await grants(of: user, in: namespace)
        return (grants.rules, grants.faults)
    }

    // MARK: Bindings

    func grants(of user: User, in namespace: String) async throws -> Grants {
        var grants = Grants()
        for binding in try await store.list(.clusterRoleBinding).items {
            try await add(binding, user, to: &grants)
        }
        guard !namespace.isEmpty else { return grants }
        for binding in try await store.list(.roleBinding, namespace: namespace).items {
            try await add(binding, user, to: &grants)
        }
        return grants
    }

    private func add(_ binding: Resource, _ user: User, to grants: inout Grants) async throws {
        let subjects = binding.value["subjects"]?.arrayValue ?? []
        guard let subject = subjects.first(where: { Self.matches($0, user, in: binding.namespace) }),
            let key = Self.role(of: binding)
        else { return }
        guard let role = try await store.find(key) else {
            grants.faults.append("\(key.type.kind.lowercased()).rbac.authorization.k8s.io \"\(key.name)\" not found")
            return
        }
        let whole = binding.namespace.map { "\($0)/\(binding.name)" } ?? binding.name
        let who = Self.name(of: subject, in: binding.namespace)
        grants.list.append(
            Grant(
                rules: Self.rules(of: role),
                source: "\(binding.type.kind) \"\(whole)\" of \(key.type.kind) \"\(key.name)\" to "
                    + "\(subject["kind"]?.stringValue ?? "") \"\(who)\""))
    }

    /// The role that a binding refers to; nil for a kind that is none.
    static func role(of binding: Resource) -> ResourceKey? {
        let reference = binding.value["roleRef"]
        guard let name = reference?["name"]?.stringValue else { return nil }
        switch reference?["kind"]?.stringValue {
        case "ClusterRole": return ResourceKey(type: .clusterRole, namespace: nil, name: name)
        case "Role": return binding.namespace.map { ResourceKey(type: .role, namespace: $0, name: name) }
        default: return nil
        }
    }

    static func rules(of role: Resource) -> [PolicyRule] {
        (role.value["rules"]?.arrayValue ?? []).map { PolicyRule($0) }
    }

    private static func matches(_ subject: JSONValue, _ user: User, in namespace: String?) -> Bool {
        let name = subject["name"]?.stringValue ?? ""
        switch subject["kind"]?.stringValue {
        case "User": return name == user.name
        case "Group": return user.groups.contains(name)
        case "ServiceAccount":
            guard let home = subject["namespace"]?.stringValue ?? namespace, !home.isEmpty else { return false }
            return user.name == ServiceAccountName(namespace: home, name: name).userName
        default: return false
        }
    }

    private static func name(of subject: JSONValue, in namespace: String?) -> String {
        let name = subject["name"]?.stringValue ?? ""
        guard subject["kind"] == "ServiceAccount" else { return name }
        return "\(name)/\(subject["namespace"]?.stringValue ?? namespace ?? "")"
    }

    private static func list(_ texts: [String]) -> String {
        texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
    }
}

extension PolicyRule {
    static let everything = PolicyRule(verbs: ["*"], apiGroups: ["*"], resources: ["*"])
    static let everyPath = PolicyRule(verbs: ["*"], nonResourceURLs: ["*"])
}
