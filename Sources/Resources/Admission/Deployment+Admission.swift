import JSON

extension Deployment: AdmittedObject {
    static var hasStatus: Bool { true }

    mutating func prepareForCreate() { status = nil }
    mutating func prepareForUpdate(old: Deployment) { status = old.status }

    mutating func prepareForStatusUpdate(old: Deployment) {
        spec = old.spec
        metadata.labels = old.metadata.labels
    }

    mutating func setDefaults() {
        spec.replicas = spec.replicas ?? 1
        spec.revisionHistoryLimit = spec.revisionHistoryLimit ?? 10
        spec.progressDeadlineSeconds = spec.progressDeadlineSeconds ?? 600
        var strategy = spec.strategy ?? DeploymentStrategy()
        if strategy.type?.isEmpty ?? true { strategy.type = "RollingUpdate" }
        if strategy.type == "RollingUpdate" {
            strategy.rollingUpdate = RollingUpdateDeployment(
                maxUnavailable: strategy.rollingUpdate?.maxUnavailable ?? .string("25%"),
                maxSurge: strategy.rollingUpdate?.maxSurge ?? .string("25%"))
        }
        spec.strategy = strategy
        spec.template.spec.setDefaults()
    }

    func validate(into errors: inout FieldErrors) {
        errors.notNegative("spec.replicas", spec.replicas)
        errors.notNegative("spec.minReadySeconds", spec.minReadySeconds)
        errors.notNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit)
        errors.notNegative("spec.progressDeadlineSeconds", spec.progressDeadlineSeconds)
        if let deadline = spec.progressDeadlineSeconds, deadline <= spec.minReadySeconds ?? 0 {
            errors.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")
        }
        PodTemplateSpec.validate(selector: spec.selector, "spec.selector", into: &errors)
        spec.strategy?.validate("spec.strategy", into: &errors)
        spec.template.validate("spec.template", selector: spec.selector, kind: "Deployment", into: &errors)
    }

    func validateUpdate(old: Deployment, into errors: inout FieldErrors) {
        errors.notChanged(
            "spec.selector", spec.selector == old.spec.selector,
            (try? JSONValue(encoding: spec.selector)) ?? .null)
    }
}

extension DeploymentStrategy {
    func validate(_ field: String, into errors: inout FieldErrors) {
        errors.oneOf("\(field).type", type, ["Recreate", "RollingUpdate"])
        if type == "Recreate", rollingUpdate != nil {
            errors.forbidden(
                "\(field).rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
        }
        guard type == "RollingUpdate", let rollingUpdate else { return }
        let here = "\(field).rollingUpdate"
        errors.intOrPercent("\(here).maxUnavailable", rollingUpdate.maxUnavailable)
        errors.intOrPercent("\(here).maxSurge", rollingUpdate.maxSurge)
        if Self.isZero(rollingUpdate.maxUnavailable), Self.isZero(rollingUpdate.maxSurge) {
            errors.invalid("\(here).maxUnavailable", 0, "may not be 0 when `maxSurge` is 0")
        }
        errors.notBeyondWhole("\(here).maxUnavailable", rollingUpdate.maxUnavailable)
    }

    private static func isZero(_ value: IntOrString?) -> Bool {
        value?.scaled(total: 100, roundUp: true) == 0
    }
}
