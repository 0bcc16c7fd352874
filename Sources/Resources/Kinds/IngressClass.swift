import JSON

extension ResourceType {
    public static let ingressClass = ResourceType(
        group: "networking.k8s.io", "IngressClass", "ingressclasses", namespaced: false)
}

extension Kind {
    /// Who serves the Ingresses that name it.
    static let ingressClass = Kind(
        .ingressClass,
        schema: """
            IngressClass
              metadata 1 ObjectMeta
              spec 2 IngressClassSpec
            IngressClassParametersReference
              apiGroup 1 string?
              kind 2 string!
              name 3 string!
              scope 4 string!
              namespace 5 string?
            IngressClassSpec
              controller 1 string
              parameters 2 IngressClassParametersReference?
            """,
        columns: [
            .name, Column("Controller") { $0.value[path: "spec", "controller"] ?? "" },
            Column("Parameters") { ingressClass in
                guard let parameters = ingressClass.value[path: "spec", "parameters"] else { return "<none>" }
                let group = parameters.text("apiGroup")
                return .string(
                    "\(parameters.text("kind"))\(group.isEmpty ? "" : "." + group)/\(parameters.text("name"))")
            },
            .age,
        ],
        rules: { ingressClass, errors in
            errors.domainPrefixedPath("spec.controller", ingressClass.text("spec", "controller"))
        },
        updateRules: { new, old, errors in
            let value = new[path: "spec", "controller"]
            errors.notChanged("spec.controller", value == old[path: "spec", "controller"], value ?? .null)
        })
}

extension FieldErrors {
    /// As `acme.io/foo`.
    fileprivate mutating func domainPrefixedPath(_ field: String, _ text: String) {
        guard !text.isEmpty else { return required(field) }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            return invalid(field, text, "must be a domain-prefixed path (such as \"acme.io/foo\")")
        }
        if let fault = NameRules.subdomain(parts[0]) { invalid(field, parts[0], fault) }
    }
}
