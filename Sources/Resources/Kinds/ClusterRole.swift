import JSON

extension ResourceType {
    public static let clusterRole = ResourceType(
        group: "rbac.authorization.k8s.io", "ClusterRole", "clusterroles", namespaced: false)
}

extension Kind {
    /// What one may do everywhere.
    static let clusterRole = Kind(
        .clusterRole,
        schema: """
            ClusterRole
              metadata 1 ObjectMeta
              rules 2 [PolicyRule]! atomic
              aggregationRule 3 AggregationRule?
            AggregationRule
              clusterRoleSelectors 1 [LabelSelector] atomic
            """,
        columns: [.name, Column("Created At") { .string($0.creationTimestamp ?? "") }],
        nameFault: NameRules.pathSegment,
        rules: { AccessRules.check(rules: $0, clusterWide: true, into: &$1) })
}
