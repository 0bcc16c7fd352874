import JSON

extension ObjectMeta {
    /// Kubernetes' limit for all annotations of an object together.
    private static let annotationBytes = 256 << 10

    func validate(_ type: ResourceType, nameFault: (String) -> String?, into errors: inout FieldErrors) {
        validateName(nameFault, into: &errors)
        if type.namespaced {
            if namespace?.isEmpty ?? true {
                errors.required("metadata.namespace")
            } else if let namespace, let fault = NameRules.label(namespace) {
                errors.invalid("metadata.namespace", namespace, fault)
            }
        } else if namespace?.isEmpty == false {
            errors.forbidden("metadata.namespace", "not allowed on this type")
        }
        Self.validate(labels: labels ?? [:], "metadata.labels", into: &errors)
        validateAnnotations("metadata.annotations", into: &errors)
        validateOwners(into: &errors)
        for finalizer in finalizers ?? [] {
            if let fault = NameRules.qualifiedName(finalizer) {
                errors.invalid("metadata.finalizers", finalizer, fault)
            }
        }
    }

    private func validateName(_ nameFault: (String) -> String?, into errors: inout FieldErrors) {
        if let generateName, !generateName.isEmpty {
            // The generated part ends in a letter or digit, so a trailing dash is fine.
            if let fault = nameFault(generateName + "x") {
                errors.invalid("metadata.generateName", generateName, fault)
            }
        } else if name.isEmpty {
            errors.required("metadata.name", "name or generateName is required")
            return
        }
        if !name.isEmpty, let fault = nameFault(name) { errors.invalid("metadata.name", name, fault) }
    }

    static func validate(labels: [String: String], _ field: String, into errors: inout FieldErrors) {
        for (key, value) in labels.sorted(by: { $0.key < $1.key }) {
            if let fault = NameRules.qualifiedName(key) { errors.invalid(field, key, fault) }
            if let fault = NameRules.labelValue(value) { errors.invalid(field, value, fault) }
        }
    }

    func validateAnnotations(_ field: String, into errors: inout FieldErrors) {
        var size = 0
        for (key, value) in (annotations ?? [:]).sorted(by: { $0.key < $1.key }) {
            if let fault = NameRules.qualifiedName(key.lowercased()) { errors.invalid(field, key, fault) }
            size += key.utf8.count + value.utf8.count
        }
        if size > Self.annotationBytes { errors.tooLong(field, maxBytes: Self.annotationBytes) }
    }

    private func validateOwners(into errors: inout FieldErrors) {
        let field = "metadata.ownerReferences"
        for (index, owner) in (ownerReferences ?? []).enumerated() {
            let here = "\(field)[\(index)]"
            if owner.apiVersion.isEmpty { errors.invalid("\(here).apiVersion", "", "version must not be empty") }
            if owner.kind.isEmpty { errors.invalid("\(here).kind", "", "must not be empty") }
            if owner.name.isEmpty { errors.invalid("\(here).name", "", "must not be empty") }
            if owner.uid.isEmpty { errors.invalid("\(here).uid", "", "must not be empty") }
        }
        if (ownerReferences ?? []).count(where: { $0.controller == true }) > 1 {
            errors.invalid(field, "", "Only one reference can have Controller set to true")
        }
    }
}
