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
            for direction in ["ingress", "egress"] {
                for (index, rule) in policy.list("spec", direction).enumerated() {
                    for (number, port) in rule.list("ports").enumerated() {
                        checkPort("spec.\(direction)[\(index)].ports[\(number)]", port, into: &errors)
                    }
                }
            }
        })
}

private func checkPort(_ field: String, _ port: JSONValue, into errors: inout FieldErrors) {
    let last = port["endPort"]?.intValue
    guard let first = port["port"]?.intValue else {
        let isNamed = port["port"]?.stringValue != nil
        if let last {
            errors.invalid(
                "\(field).endPort", last,
                "may not be specified when `port` is \(isNamed ? "non-numeric" : "not specified")")
        }
        return
    }
    errors.port("\(field).port", first)
    guard let last else { return }
    if last < first { errors.invalid("\(field).endPort", first, "must be greater than or equal to `port`") }
    errors.port("\(field).endPort", last)
}
