import JSON

extension ResourceType {
    public static let roleBinding = ResourceType(
        group: "rbac.authorization.k8s.io", "RoleBinding", "rolebindings", namespaced: true)
}

extension Kind {
    /// Who has a Role in a namespace.
    static let roleBinding = Kind(
        .roleBinding,
        schema: """
            RoleBinding
              metadata 1 ObjectMeta
              subjects 2 [Subject] atomic
              roleRef 3 RoleRef!
            RoleRef atomic
              apiGroup 1 string!
              kind 2 string!
              name 3 string!
            Subject atomic
              kind 1 string!
              apiGroup 2 string
              name 3 string!
              namespace 4 string
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
        rules: { AccessRules.check(binding: $0, clusterWide: false, into: &$1) },
        updateRules: { new, old, errors in
            guard new["roleRef"] != old["roleRef"] else { return }
            errors.invalid("roleRef", new["roleRef"] ?? .null, "cannot change roleRef")
        })
}
