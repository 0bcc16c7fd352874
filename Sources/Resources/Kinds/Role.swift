import JSON

extension ResourceType {
    public static let role = ResourceType(
        group: "rbac.authorization.k8s.io", "Role", "roles")
}

extension Kind {
    /// What one may do in a namespace.
    static let role = Kind(
        .role,
        schema: """
            Role
              metadata 1 ObjectMeta
              rules 2 [PolicyRule]! atomic
            PolicyRule
              verbs 1 [string]! atomic
              apiGroups 2 [string] atomic
              resources 3 [string] atomic
              resourceNames 4 [string] atomic
              nonResourceURLs 5 [string] atomic
            """,
        columns: [.name, Column("Created At") { .string($0.creationTimestamp ?? "") }],
        nameFault: NameRules.pathSegment,
        rules: { AccessRules.check(rules: $0, clusterWide: false, into: &$1) })
}
