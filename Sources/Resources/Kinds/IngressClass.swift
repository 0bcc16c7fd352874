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
            if ingressClass.text("spec", "controller").isEmpty { errors.required("spec.controller") }
        },
        updateRules: { new, old, errors in
            let value = new[path: "spec", "controller"]
            errors.notChanged("spec.controller", value == old[path: "spec", "controller"], value ?? .null)
        })
}
