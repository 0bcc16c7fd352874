import JSON

extension Pod: AdmittedObject {
    static var hasStatus: Bool { true }

    mutating func prepareForCreate() {
        status = PodStatus(phase: "Pending", qosClass: spec.qosClass)
    }

    mutating func prepareForUpdate(old: Pod) { status = old.status }

    mutating func prepareForStatusUpdate(old: Pod) {
        spec = old.spec
        metadata.ownerReferences = old.metadata.ownerReferences
    }

    mutating func setDefaults() { spec.setDefaults() }

    func validate(into errors: inout FieldErrors) { spec.validate("spec", into: &errors) }

    func validateUpdate(old: Pod, into errors: inout FieldErrors) {
        validateDeadline(old: old.spec.activeDeadlineSeconds, into: &errors)
        var allowed = spec
        allowed.activeDeadlineSeconds = old.spec.activeDeadlineSeconds
        allowed.tolerations = old.spec.tolerations
        allowed.terminationGracePeriodSeconds = old.spec.terminationGracePeriodSeconds
        allowed.containers = Self.images(of: old.spec.containers, in: allowed.containers)
        allowed.initContainers = allowed.initContainers.map {
            Self.images(of: old.spec.initContainers ?? [], in: $0)
        }
        // What defaults have added since the old object was stored is no change.
        var before = old.spec
        before.setDefaults()
        guard allowed != before else { return }
        errors.forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
        )
    }

    /// It may be set, or come earlier.
    private func validateDeadline(old: Int?, into errors: inout FieldErrors) {
        guard let old else { return }
        let field = "spec.activeDeadlineSeconds"
        guard let new = spec.activeDeadlineSeconds else {
            errors.invalid(field, JSONValue.null, "must not update from a positive integer to nil value")
            return
        }
        if new > old { errors.invalid(field, new, "must be less than or equal to previous value") }
    }

    private static func images(of old: [Container], in new: [Container]) -> [Container] {
        guard old.count == new.count else { return new }
        return zip(new, old).map { new, old in
            var container = new
            container.image = old.image
            return container
        }
    }
}

extension PodSpec {
    /// The quality-of-service class that follows from limits and requests of cpu and memory.
    public var qosClass: String {
        let all = containers + (initContainers ?? [])
        let names = ["cpu", "memory"]
        var guaranteed = true
        var any = false
        for container in all {
            let limits = container.resources?.limits ?? [:]
            let requests = container.resources?.requests ?? [:]
            for name in names {
                let limit = limits[name].flatMap { $0.isZero ? nil : $0 }
                let request = (requests[name] ?? limits[name]).flatMap { $0.isZero ? nil : $0 }
                any = any || limit != nil || request != nil
                guaranteed = guaranteed && limit != nil && request == limit
            }
        }
        if !any { return "BestEffort" }
        return guaranteed ? "Guaranteed" : "Burstable"
    }
}
