import JSON

extension ReplicaSet: AdmittedObject {
    static var hasStatus: Bool { true }

    mutating func prepareForCreate() { status = ReplicaSetStatus(replicas: 0) }
    mutating func prepareForUpdate(old: ReplicaSet) { status = old.status }

    mutating func prepareForStatusUpdate(old: ReplicaSet) {
        spec = old.spec
        metadata.labels = old.metadata.labels
    }

    mutating func setDefaults() {
        spec.replicas = spec.replicas ?? 1
        spec.template.spec.setDefaults()
    }

    func validate(into errors: inout FieldErrors) {
        errors.notNegative("spec.replicas", spec.replicas)
        errors.notNegative("spec.minReadySeconds", spec.minReadySeconds)
        PodTemplateSpec.validate(selector: spec.selector, "spec.selector", into: &errors)
        spec.template.validate("spec.template", selector: spec.selector, kind: "ReplicaSet", into: &errors)
    }

    func validateUpdate(old: ReplicaSet, into errors: inout FieldErrors) {
        errors.notChanged(
            "spec.selector", spec.selector == old.spec.selector,
            (try? JSONValue(encoding: spec.selector)) ?? .null)
    }
}
