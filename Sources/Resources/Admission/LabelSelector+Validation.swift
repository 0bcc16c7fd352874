import JSON

extension LabelSelector {
    /// Whether it has no conditions and so would match everything.
    public var isEmpty: Bool { (matchLabels ?? [:]).isEmpty && (matchExpressions ?? []).isEmpty }

    func validate(_ field: String, into errors: inout FieldErrors) {
        ObjectMeta.validate(labels: matchLabels ?? [:], "\(field).matchLabels", into: &errors)
        for (index, requirement) in (matchExpressions ?? []).enumerated() {
            requirement.validate("\(field).matchExpressions[\(index)]", into: &errors)
        }
    }
}

extension LabelSelectorRequirement {
    func validate(_ field: String, into errors: inout FieldErrors) {
        switch self.operator {
        case "In", "NotIn":
            if values?.isEmpty ?? true {
                errors.required("\(field).values", "must be specified when `operator` is 'In' or 'NotIn'")
            }
        case "Exists", "DoesNotExist":
            if values?.isEmpty == false {
                errors.forbidden(
                    "\(field).values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
            }
        default: errors.invalid("\(field).operator", self.operator, "not a valid selector operator")
        }
        if let fault = NameRules.qualifiedName(key) { errors.invalid("\(field).key", key, fault) }
        for (index, value) in (values ?? []).enumerated() {
            if let fault = NameRules.labelValue(value) { errors.invalid("\(field).values[\(index)]", value, fault) }
        }
    }
}

extension PodTemplateSpec {
    /// Checks the template of a controller that restarts its pods, and that the controller's selector finds them.
    func validate(_ field: String, selector: LabelSelector, kind: String, into errors: inout FieldErrors) {
        let labels = metadata?.labels ?? [:]
        ObjectMeta.validate(labels: labels, "\(field).metadata.labels", into: &errors)
        metadata?.validateAnnotations("\(field).metadata.annotations", into: &errors)
        if !selector.isEmpty, let query = try? LabelSelectorQuery(selector), !query.matches(labels) {
            errors.invalid(
                "\(field).metadata.labels", labels.isEmpty ? .null : .object(labels.mapValues { .string($0) }),
                "`selector` does not match template `labels`")
        }
        spec.validate("\(field).spec", into: &errors)
        spec.refuseEphemeralContainers("\(field).spec", into: &errors)
        if let policy = spec.restartPolicy, policy != "Always", ["OnFailure", "Never"].contains(policy) {
            errors.notSupported("\(field).spec.restartPolicy", policy, ["Always"])
        }
        if spec.activeDeadlineSeconds != nil {
            errors.forbidden(
                "\(field).spec.activeDeadlineSeconds", "activeDeadlineSeconds in ReplicaSet is not Supported")
        }
    }

    static func validate(selector: LabelSelector, _ field: String, into errors: inout FieldErrors) {
        if selector.isEmpty { errors.required(field) } else { selector.validate(field, into: &errors) }
    }
}
