public import JSON

extension Admission {
    /// Checks a new object that is stated in one of its forms: against the shape of the form, then as it is stored.
    ///
    /// - Returns: The object as it is stored, and warnings for the client.
    public static func create(
        _ value: JSONValue, in form: ServedForm, namespace: String?, validation: FieldValidation = .strict
    ) throws(StatusError) -> (resource: Resource, warnings: [String]) {
        if form.type.custom != nil {
            let (resource, warnings) = try create(
                value, type: form.type, namespace: namespace, validation: validation)
            return (Resource(value: resource.value, type: form.stored), warnings)
        }
        guard !form.isStored else {
            return try create(value, type: form.stored, namespace: namespace, validation: validation)
        }
        let (document, warnings) = try stored(value, in: form, namespace: namespace, old: nil, validation: validation)
        let (resource, _) = try create(document, type: form.stored, namespace: namespace, validation: .ignore)
        return (resource, warnings)
    }

    /// Checks the new state of a stored object, stated in one of its forms.
    ///
    /// - Returns: The object as it is stored, and warnings for the client.
    public static func update(
        _ value: JSONValue, in form: ServedForm, old: Resource, subresource: Subresource = .none,
        validation: FieldValidation = .strict
    ) throws(StatusError) -> (resource: Resource, warnings: [String]) {
        if form.type.custom != nil {
            let (resource, warnings) = try update(
                value, old: form.served(old), subresource: subresource, validation: validation)
            return (Resource(value: resource.value, type: form.stored), warnings)
        }
        guard !form.isStored, subresource != .scale else {
            return try update(value, old: old, subresource: subresource, validation: validation)
        }
        let (document, warnings) = try stored(
            value, in: form, namespace: old.namespace, old: subresource == .none ? old : nil, validation: validation)
        let (resource, _) = try update(document, old: old, subresource: subresource, validation: .ignore)
        return (resource, warnings)
    }

    private static func stored(
        _ value: JSONValue, in form: ServedForm, namespace: String?, old: Resource?, validation: FieldValidation
    ) throws(StatusError) -> (JSONValue, warnings: [String]) {
        try checkKind(value, form.type)
        let (checked, warnings) = try structure(value, form.type, validation: validation)
        var document = form.storing(checked)
        if let namespace, document.text("metadata", "namespace").isEmpty {
            document[path: "metadata", "namespace"] = .string(namespace)
        }
        var errors = FieldErrors()
        if let old { form.updateRules(document, old.value, &errors) } else { form.rules(document, &errors) }
        guard errors.causes.isEmpty else {
            throw .invalid(form.stored, name: document.text("metadata", "name"), causes: errors.causes)
        }
        return (document, warnings)
    }
}
