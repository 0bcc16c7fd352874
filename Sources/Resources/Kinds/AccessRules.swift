import JSON

/// What Roles, ClusterRoles and their bindings have in common.
enum AccessRules {
    private static let group = "rbac.authorization.k8s.io"

    static func check(rules role: JSONValue, clusterWide: Bool, into errors: inout FieldErrors) {
        for (index, rule) in role.list("rules").enumerated() {
            let field = "rules[\(index)]"
            if rule.list("verbs").isEmpty { errors.required("\(field).verbs", "verbs must contain at least one value") }
            let urls = rule.list("nonResourceURLs")
            guard urls.isEmpty else {
                if !clusterWide {
                    errors.invalid(
                        "\(field).nonResourceURLs", .array(urls),
                        "namespaced rules cannot apply to non-resource URLs")
                }
                let others = ["apiGroups", "resources", "resourceNames"].flatMap { rule.list($0) }
                if !others.isEmpty {
                    errors.invalid(
                        "\(field).nonResourceURLs", .array(urls),
                        "rules cannot apply to both regular resources and non-resource URLs")
                }
                continue
            }
            if rule.list("apiGroups").isEmpty {
                errors.required("\(field).apiGroups", "resource rules must supply at least one api group")
            }
            if rule.list("resources").isEmpty {
                errors.required("\(field).resources", "resource rules must supply at least one resource")
            }
        }
    }

    static func setDefaults(_ binding: inout JSONValue) {
        binding.setDefault("roleRef", "apiGroup", to: .string(group))
        binding.changeEach("subjects") { subject in
            if subject["kind"] != "ServiceAccount" { subject.setDefault("apiGroup", to: .string(group)) }
        }
    }

    static func check(binding: JSONValue, clusterWide: Bool, into errors: inout FieldErrors) {
        let apiGroup = binding.text("roleRef", "apiGroup")
        if apiGroup != group { errors.notSupported("roleRef.apiGroup", apiGroup, [group]) }
        let kinds = clusterWide ? ["ClusterRole"] : ["ClusterRole", "Role"]
        let kind = binding.text("roleRef", "kind")
        if !kinds.contains(kind) { errors.notSupported("roleRef.kind", kind, kinds) }
        let name = binding.text("roleRef", "name")
        if name.isEmpty {
            errors.required("roleRef.name")
        } else if let fault = NameRules.pathSegment(name) {
            errors.invalid("roleRef.name", name, fault)
        }
        for (index, subject) in binding.list("subjects").enumerated() {
            check(subject, "subjects[\(index)]", clusterWide: clusterWide, into: &errors)
        }
    }

    private static func check(
        _ subject: JSONValue, _ field: String, clusterWide: Bool, into errors: inout FieldErrors
    ) {
        let name = subject.text("name")
        if name.isEmpty { errors.required("\(field).name") }
        switch subject.text("kind") {
        case "ServiceAccount":
            if !name.isEmpty, let fault = NameRules.subdomain(name) { errors.invalid("\(field).name", name, fault) }
            let apiGroup = subject.text("apiGroup")
            if !apiGroup.isEmpty { errors.notSupported("\(field).apiGroup", apiGroup, [""]) }
            if clusterWide, subject.text("namespace").isEmpty { errors.required("\(field).namespace") }
        case "User", "Group":
            let apiGroup = subject.text("apiGroup")
            if apiGroup != group { errors.notSupported("\(field).apiGroup", apiGroup, [group]) }
        default:
            errors.notSupported("\(field).kind", subject.text("kind"), ["Group", "ServiceAccount", "User"])
        }
    }

    /// The cell that lists the subjects of a kind.
    static func subjects(_ binding: JSONValue, _ kind: String) -> String {
        binding.list("subjects").filter { $0["kind"]?.stringValue == kind }
            .map { kind == "ServiceAccount" ? "\($0.text("namespace"))/\($0.text("name"))" : $0.text("name") }
            .joined(separator: ", ")
    }
}
