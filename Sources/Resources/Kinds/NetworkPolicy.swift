import JSON

extension ResourceType {
    public static let networkPolicy = ResourceType(
        group: "networking.k8s.io", "NetworkPolicy", "networkpolicies", ["netpol"])
}

extension Kind {
    /// Who may talk to which pods.
    static let networkPolicy = Kind(
        .networkPolicy,
        schema: """
            NetworkPolicy
              metadata 1 ObjectMeta
              spec 2 NetworkPolicySpec
            IPBlock
              cidr 1 string!
              except 2 [string] atomic
            NetworkPolicyEgressRule
              ports 1 [NetworkPolicyPort] atomic
              to 2 [NetworkPolicyPeer] atomic
            NetworkPolicyIngressRule
              ports 1 [NetworkPolicyPort] atomic
              from 2 [NetworkPolicyPeer] atomic
            NetworkPolicyPeer
              podSelector 1 LabelSelector?
              namespaceSelector 2 LabelSelector?
              ipBlock 3 IPBlock?
            NetworkPolicyPort
              protocol 1 string?
              port 2 intOrString?
              endPort 3 int32?
            NetworkPolicySpec
              podSelector 1 LabelSelector!
              ingress 2 [NetworkPolicyIngressRule] atomic
              egress 3 [NetworkPolicyEgressRule] atomic
              policyTypes 4 [string] atomic
            """,
        columns: [
            .name, Column("Pod-Selector") { TemplateRules.selector($0.value[path: "spec", "podSelector"]) }, .age,
        ],
        defaults: { policy in
            var spec = policy["spec"] ?? [:]
            if spec.list("policyTypes").isEmpty {
                spec["policyTypes"] = spec.list("egress").isEmpty ? ["Ingress"] : ["Ingress", "Egress"]
            }
            for direction in ["ingress", "egress"] {
                spec.changeEach(direction) { $0.changeEach("ports") { $0.setDefault("protocol", to: "TCP") } }
            }
            policy["spec"] = spec
        },
        rules: { policy, errors in
            if let selector = try? policy[path: "spec", "podSelector"]?.decode(as: LabelSelector.self) {
                selector.validate("spec.podSelector", into: &errors)
            }
            for (index, type) in policy.list("spec", "policyTypes").compactMap(\.stringValue).enumerated() {
                errors.oneOf("spec.policyTypes[\(index)]", type, ["Egress", "Ingress"])
            }
        })
}
