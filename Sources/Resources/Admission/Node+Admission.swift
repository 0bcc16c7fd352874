extension Node: AdmittedObject {
    static var hasStatus: Bool { true }

    mutating func prepareForUpdate(old: Node) { status = old.status }
    mutating func prepareForStatusUpdate(old: Node) { spec = old.spec }

    func validate(into errors: inout FieldErrors) {
        for (index, taint) in (spec?.taints ?? []).enumerated() {
            let here = "spec.taints[\(index)]"
            if let fault = NameRules.qualifiedName(taint.key) { errors.invalid("\(here).key", taint.key, fault) }
            if let value = taint.value, let fault = NameRules.labelValue(value) {
                errors.invalid("\(here).value", value, fault)
            }
            if taint.effect.isEmpty {
                errors.required("\(here).effect")
            } else {
                errors.oneOf("\(here).effect", taint.effect, ["NoSchedule", "PreferNoSchedule", "NoExecute"])
            }
        }
        errors.unique(
            { "spec.taints[\($0)]" }, (spec?.taints ?? []).map { "\($0.key):\($0.effect)" })
    }
}

extension Namespace: AdmittedObject {
    static var hasStatus: Bool { true }
    static func validateName(_ name: String) -> String? { NameRules.label(name) }

    mutating func prepareForCreate() {
        spec = NamespaceSpec(finalizers: ["kubernetes"])
        status = NamespaceStatus(phase: "Active")
    }

    mutating func prepareForUpdate(old: Namespace) {
        spec = old.spec
        status = old.status
    }

    mutating func prepareForStatusUpdate(old: Namespace) { spec = old.spec }

    mutating func setDefaults() {
        guard !metadata.name.isEmpty else { return }
        metadata.labels = (metadata.labels ?? [:]).merging([WherryLabels.namespaceName: metadata.name]) { $1 }
    }
}

extension Event: AdmittedObject {
    func validate(into errors: inout FieldErrors) {
        // Newer events have a time of their own, and may stand in another namespace than what they are about.
        if eventTime == nil, let namespace = involvedObject.namespace, !namespace.isEmpty,
            namespace != metadata.namespace
        {
            errors.invalid("involvedObject.namespace", namespace, "does not match event.namespace")
        }
    }
}
