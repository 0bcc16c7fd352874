import JSON

extension ResourceType {
    public static let clusterRoleBinding = ResourceType(
        group: "rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", namespaced: false)
}

extension Kind {
    /// Who has a ClusterRole everywhere.
    static let clusterRoleBinding = Kind(
        .clusterRoleBinding,
        schema: """
            ClusterRoleBinding
              metadata 1 ObjectMeta
              subjects 2 [Subject] atomic
              roleRef 3 RoleRef!
            """,
        columns: [
            .name,
            Column("Role") { .string("\($0.value.text("roleRef", "kind"))/\($0.value.text("roleRef", "name"))") }, .age,
            Column("Users", wide: true) { .string(AccessRules.subjects($0.value, "User")) },
            Column("Groups", wide: true) { .string(AccessRules.subjects($0.value, "Group")) },
            Column("ServiceAccounts", wide: true) { .string(AccessRules.subjects($0.value, "ServiceAccount")) },
        ],
        nameFault: NameRules.pathSegment,
        defaults: AccessRules.setDefaults,
        rules: { AccessRules.check(binding: $0, clusterWide: true, into: &$1) },
        updateRules: { new, old, errors in
            guard new["roleRef"] != old["roleRef"] else { return }
            errors.invalid("roleRef", new["roleRef"] ?? .null, "cannot change roleRef")
        })
}
