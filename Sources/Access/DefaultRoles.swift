internal import JSON
public import ResourceStore
internal import Resources

/// The roles and bindings that every cluster has, as kube-apiserver makes them for the kinds that exist here.
///
/// They are ordinary objects. What is missing is made at each start, and rules that a newer version adds are added, unless the
/// annotation `rbac.authorization.kubernetes.io/autoupdate` is `false`.
public enum DefaultRoles {
    /// Makes what is missing; writes nothing when all is there.
    public static func ensure(in store: Store) async throws {
        try await store.transaction { transaction in
            for role in roles { try ensure(role, in: transaction) { try complete(&$0, with: role) } }
            for binding in bindings { try ensure(binding, in: transaction) { _ in } }
            try RoleAggregator.aggregate(in: transaction)
        }
    }

    private static func ensure(
        _ wanted: Resource, in transaction: StoreTransaction, complete: (inout Resource) throws -> Void
    ) throws {
        guard let present = try transaction.find(wanted.key) else {
            try transaction.create(wanted)
            return
        }
        guard present.annotations[autoUpdate] != "false" else { return }
        var completed = present
        try complete(&completed)
        if completed != present { _ = try transaction.replace(completed) }
    }

    private static func complete(_ present: inout Resource, with wanted: Resource) throws {
        guard present.value["aggregationRule"] == nil else { return }
        let rules = RoleAuthorizer.rules(of: present)
        let missing = RoleAuthorizer.rules(of: wanted).filter {
            !PolicyRule.uncovered([$0], by: rules).isEmpty
        }
        guard !missing.isEmpty else { return }
        present.value["rules"] = .array((rules + missing).map(\.value))
    }

    // MARK: The roles

    private static let group = "rbac.authorization.k8s.io"
    private static let autoUpdate = "rbac.authorization.kubernetes.io/autoupdate"
    private static let read = ["get", "list", "watch"]
    private static let change = ["create", "delete", "deletecollection", "patch", "update"]

    static let roles: [Resource] = [
        role("cluster-admin", [.everything, .everyPath]),
        role("admin", aggregates: "admin"),
        role("edit", aggregates: "edit", into: "admin"),
        role("view", aggregates: "view", into: "edit"),
        role("system:aggregate-to-admin", adminRules, into: "admin"),
        role("system:aggregate-to-edit", editRules, into: "edit"),
        role("system:aggregate-to-view", viewRules, into: "view"),
        aggregatedRole(
            "system:aggregated-metrics-reader", [rule(read, "metrics.k8s.io", "nodes", "pods")],
            into: ["view", "edit", "admin"]),
        role(
            "system:basic-user",
            [
                rule(["create"], "authorization.k8s.io", "selfsubjectaccessreviews", "selfsubjectrulesreviews"),
                rule(["create"], "authentication.k8s.io", "selfsubjectreviews"),
            ]),
        role(
            "system:discovery",
            [
                paths(
                    "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz",
                    "/version", "/version/")
            ]),
        role(
            "system:public-info-viewer", [paths("/healthz", "/livez", "/readyz", "/version", "/version/")]),
        role(
            "system:monitoring",
            [paths("/healthz", "/healthz/*", "/livez", "/livez/*", "/metrics", "/readyz", "/readyz/*")]),
        role(
            "system:service-account-issuer-discovery",
            [paths("/.well-known/openid-configuration", "/openid/v1/jwks")]),
    ]

    static let bindings: [Resource] = [
        binding("cluster-admin", to: User.superuserGroup),
        binding("system:basic-user", to: User.authenticatedGroup),
        binding("system:discovery", to: User.authenticatedGroup),
        binding("system:public-info-viewer", to: User.authenticatedGroup, "system:unauthenticated"),
        binding("system:monitoring", to: "system:monitoring"),
        binding("system:service-account-issuer-discovery", to: "system:serviceaccounts"),
    ]

    private static let viewRules = [
        rule(
            read, "", "configmaps", "endpoints", "persistentvolumeclaims", "persistentvolumeclaims/status", "pods",
            "replicationcontrollers", "replicationcontrollers/scale", "serviceaccounts", "services", "services/status"),
        rule(
            read, "", "bindings", "events", "limitranges", "namespaces/status", "pods/log", "pods/status",
            "replicationcontrollers/status", "resourcequotas", "resourcequotas/status"),
        rule(read, "", "namespaces"),
        rule(read, "discovery.k8s.io", "endpointslices"),
        rule(
            read, "apps", "controllerrevisions", "daemonsets", "daemonsets/status", "deployments", "deployments/scale",
            "deployments/status", "replicasets", "replicasets/scale", "replicasets/status", "statefulsets",
            "statefulsets/scale", "statefulsets/status"),
        rule(read, "autoscaling", "horizontalpodautoscalers", "horizontalpodautoscalers/status"),
        rule(read, "batch", "cronjobs", "cronjobs/status", "jobs", "jobs/status"),
        rule(read, "policy", "poddisruptionbudgets", "poddisruptionbudgets/status"),
        rule(read, "networking.k8s.io", "ingresses", "ingresses/status", "networkpolicies"),
    ]

    private static let editRules = [
        rule(read, "", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"),
        rule(["impersonate"], "", "serviceaccounts"),
        rule(change, "", "pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"),
        rule(["create"], "", "pods/eviction"),
        rule(
            change, "", "configmaps", "events", "persistentvolumeclaims", "replicationcontrollers",
            "replicationcontrollers/scale", "secrets", "serviceaccounts", "services", "services/proxy"),
        rule(["create"], "", "serviceaccounts/token"),
        rule(
            change, "apps", "daemonsets", "deployments", "deployments/rollback", "deployments/scale", "replicasets",
            "replicasets/scale", "statefulsets", "statefulsets/scale"),
        rule(change, "autoscaling", "horizontalpodautoscalers"),
        rule(change, "batch", "cronjobs", "jobs"),
        rule(change, "policy", "poddisruptionbudgets"),
        rule(change, "networking.k8s.io", "ingresses", "networkpolicies"),
        rule(change + read, "coordination.k8s.io", "leases"),
    ]

    private static let adminRules = [
        rule(["create"], "authorization.k8s.io", "localsubjectaccessreviews"),
        rule(change + read, group, "rolebindings", "roles"),
    ]

    // MARK: Making them

    private static func rule(_ verbs: [String], _ group: String, _ resources: String...) -> PolicyRule {
        PolicyRule(verbs: verbs, apiGroups: [group], resources: resources)
    }

    private static func paths(_ paths: String...) -> PolicyRule {
        PolicyRule(verbs: ["get"], nonResourceURLs: paths)
    }

    private static func metadata(_ name: String, into other: String? = nil) -> JSONValue {
        var labels: JSONValue = ["kubernetes.io/bootstrapping": "rbac-defaults"]
        if let other { labels[RoleAggregator.label(other)] = "true" }
        return ["name": .string(name), "annotations": [autoUpdate: "true"], "labels": labels]
    }

    private static func role(_ name: String, _ rules: [PolicyRule], into other: String? = nil) -> Resource {
        Resource(
            value: ["metadata": metadata(name, into: other), "rules": .array(rules.map(\.value))], type: .clusterRole)
    }

    private static func aggregatedRole(_ name: String, _ rules: [PolicyRule], into others: [String]) -> Resource {
        var role = role(name, rules)
        for other in others { role.labels[RoleAggregator.label(other)] = "true" }
        return role
    }

    private static func role(_ name: String, aggregates: String, into other: String? = nil) -> Resource {
        let selector: JSONValue = ["matchLabels": [RoleAggregator.label(aggregates): "true"]]
        return Resource(
            value: [
                "metadata": metadata(name, into: other), "aggregationRule": ["clusterRoleSelectors": [selector]],
                "rules": [],
            ], type: .clusterRole)
    }

    private static func binding(_ name: String, to groups: String...) -> Resource {
        Resource(
            value: [
                "metadata": metadata(name),
                "roleRef": ["apiGroup": .string(group), "kind": "ClusterRole", "name": .string(name)],
                "subjects": .array(
                    groups.map { ["apiGroup": .string(group), "kind": "Group", "name": .string($0)] }),
            ], type: .clusterRoleBinding)
    }
}
