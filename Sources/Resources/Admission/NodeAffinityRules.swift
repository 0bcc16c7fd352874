import JSON

/// Checks of `validateNodeAffinity` in k8s.io/kubernetes/pkg/apis/core/validation.
enum NodeAffinityRules {
    static func validate(_ affinity: JSONValue?, _ field: String, into errors: inout FieldErrors) {
        guard let affinity = affinity?["nodeAffinity"] else { return }
        if let required = affinity["requiredDuringSchedulingIgnoredDuringExecution"], required != .null {
            let here = "\(field).nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
            let terms = required.list("nodeSelectorTerms")
            if terms.isEmpty { errors.required(here, "must have at least one node selector term") }
            for (index, term) in terms.enumerated() {
                validate(term: term, "\(here)[\(index)]", isRequired: true, into: &errors)
            }
        }
        let preferred = affinity.list("preferredDuringSchedulingIgnoredDuringExecution")
        for (index, term) in preferred.enumerated() {
            let here = "\(field).nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[\(index)]"
            let weight = term["weight"]?.intValue ?? 0
            if !(1...100).contains(weight) { errors.invalid("\(here).weight", weight, "must be in the range 1-100") }
            validate(term: term["preference"] ?? [:], "\(here).preference", isRequired: false, into: &errors)
        }
    }

    private static func validate(
        term: JSONValue, _ field: String, isRequired: Bool, into errors: inout FieldErrors
    ) {
        for (index, expression) in term.list("matchExpressions").enumerated() {
            validate(
                expression: expression, "\(field).matchExpressions[\(index)]", checksValues: isRequired, into: &errors)
        }
        for (index, requirement) in term.list("matchFields").enumerated() {
            validate(requirement: requirement, "\(field).matchFields[\(index)]", into: &errors)
        }
    }

    /// - Parameter checksValues: a preferred term may ask for values that no label can have.
    private static func validate(
        expression: JSONValue, _ field: String, checksValues: Bool, into errors: inout FieldErrors
    ) {
        let operation = expression["operator"]?.stringValue ?? ""
        let values = expression.list("values").compactMap(\.stringValue)
        switch operation {
        case "In", "NotIn":
            if values.isEmpty {
                errors.required("\(field).values", "must be specified when `operator` is 'In' or 'NotIn'")
            }
        case "Exists", "DoesNotExist":
            if !values.isEmpty {
                errors.forbidden(
                    "\(field).values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
            }
        case "Gt", "Lt":
            if values.count != 1 {
                errors.required(
                    "\(field).values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
            }
        default: errors.invalid("\(field).operator", operation, "not a valid selector operator")
        }
        let key = expression["key"]?.stringValue ?? ""
        if let fault = NameRules.qualifiedName(key) { errors.invalid("\(field).key", key, fault) }
        for (index, value) in values.enumerated() where checksValues {
            if let fault = NameRules.labelValue(value) { errors.invalid("\(field).values[\(index)]", value, fault) }
        }
    }

    private static func validate(requirement: JSONValue, _ field: String, into errors: inout FieldErrors) {
        let operation = requirement["operator"]?.stringValue ?? ""
        let values = requirement.list("values").compactMap(\.stringValue)
        if operation != "In", operation != "NotIn" {
            errors.invalid("\(field).operator", operation, "not a valid selector operator")
        } else if values.count != 1 {
            errors.required(
                "\(field).values", "must be only one value when `operator` is 'In' or 'NotIn' for node field selector")
        }
        let key = requirement["key"]?.stringValue ?? ""
        guard key == "metadata.name" else {
            errors.invalid("\(field).key", key, "not a valid field selector key")
            return
        }
        for (index, value) in values.enumerated() {
            if let fault = NameRules.subdomain(value) { errors.invalid("\(field).values[\(index)]", value, fault) }
        }
    }
}
