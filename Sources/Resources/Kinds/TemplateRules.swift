import JSON

/// What the kinds with a pod template have in common. The template itself is checked by its struct.
enum TemplateRules {
    /// Sets the defaults of the pods in `holder.template`, beside what is there.
    static func setDefaults(_ holder: inout JSONValue) {
        guard let template = holder["template"], var typed = typed(template) else { return }
        typed.spec.setDefaults()
        guard let full = try? JSONValue(encoding: typed) else { return }
        holder["template"] = merged(template, full)
    }

    static func setDefaults(ofSpecOf object: inout JSONValue) {
        var spec = object["spec"] ?? [:]
        setDefaults(&spec)
        object["spec"] = spec
    }

    /// A DaemonSet's or StatefulSet's selector and template.
    static func check(workload: JSONValue, into errors: inout FieldErrors) {
        let selector = (try? workload[path: "spec", "selector"]?.decode(as: LabelSelector.self)) ?? LabelSelector()
        PodTemplateSpec.validate(selector: selector, "spec.selector", into: &errors)
        check(
            workload[path: "spec", "template"], "spec.template", selector: workload[path: "spec", "selector"] ?? [:],
            into: &errors)
    }

    /// The template of a controller that restarts its pods.
    static func check(_ template: JSONValue?, _ field: String, selector: JSONValue, into errors: inout FieldErrors) {
        guard let template, let typed = typed(template) else { return errors.required(field) }
        let selector = (try? selector.decode(as: LabelSelector.self)) ?? LabelSelector()
        typed.validate(field, selector: selector, kind: "", into: &errors)
    }

    /// A template whose pods may end. `policyIsNeeded`: the one it has is the default, which is none of `policies`.
    static func check(
        _ template: JSONValue?, _ field: String, policies: [String]?, policyIsNeeded: Bool = false,
        into errors: inout FieldErrors
    ) {
        guard let template, let typed = typed(template) else { return errors.required(field) }
        ObjectMeta.validate(labels: typed.metadata?.labels ?? [:], "\(field).metadata.labels", into: &errors)
        typed.spec.validate("\(field).spec", into: &errors)
        typed.spec.refuseEphemeralContainers("\(field).spec", into: &errors)
        guard let policies else { return }
        let names = policies.map { "\"\($0)\"" }.joined(separator: ", ")
        if policyIsNeeded {
            errors.required("\(field).spec.restartPolicy", "valid values: \(names)")
        } else {
            errors.oneOf("\(field).spec.restartPolicy", typed.spec.restartPolicy, policies)
        }
    }

    static func selectorIsFixed(_ new: JSONValue, _ old: JSONValue, into errors: inout FieldErrors) {
        let value = new[path: "spec", "selector"]
        errors.notChanged("spec.selector", value == old[path: "spec", "selector"], value ?? .null)
    }

    private static func typed(_ template: JSONValue) -> PodTemplateSpec? {
        try? template.decode(as: PodTemplateSpec.self)
    }

    /// `full` over `own`, keeping what only `own` has.
    private static func merged(_ own: JSONValue, _ full: JSONValue) -> JSONValue {
        switch (own, full) {
        case (.object(let mine), .object(let theirs)):
            return .object(mine.merging(theirs) { merged($0, $1) })
        case (.array(let mine), .array(let theirs)) where mine.count == theirs.count:
            return .array(zip(mine, theirs).map(merged))
        default: return full
        }
    }

    // MARK: Cells

    static func containers(_ template: JSONValue?) -> JSONValue { names(template, "name") }
    static func images(_ template: JSONValue?) -> JSONValue { names(template, "image") }

    private static func names(_ template: JSONValue?, _ field: String) -> JSONValue {
        let containers = template?.list("spec", "containers") ?? []
        return .string(containers.compactMap { $0[field]?.stringValue }.joined(separator: ","))
    }

    /// `app=web,tier in (a,b)`; also of a plain map of labels.
    static func selector(_ selector: JSONValue?) -> JSONValue {
        guard let selector, selector != [:] else { return "<none>" }
        if selector["matchLabels"] == nil, selector["matchExpressions"] == nil { return labels(selector) }
        guard let typed = try? selector.decode(as: LabelSelector.self), let query = try? LabelSelectorQuery(typed)
        else {
            return "<none>"
        }
        return .string(query.description.orNone)
    }

    static func labels(_ labels: JSONValue?) -> JSONValue {
        let pairs = (labels?.objectValue ?? [:]).sorted { $0.key < $1.key }
        return .string(pairs.map { "\($0.key)=\($0.value.stringValue ?? "")" }.joined(separator: ",").orNone)
    }
}

extension Kind.Column {
    /// A number at a path, 0 when it is not there.
    static func count(_ name: String, _ path: String...) -> Kind.Column {
        Kind.Column(name, "integer") { object in
            .integer(Int64(path.reduce(object.value as JSONValue?) { $0?[$1] }?.intValue ?? 0))
        }
    }
}

extension String {
    /// What kubectl shows for nothing.
    var orNone: String { isEmpty ? "<none>" : self }
    var orUnset: String { isEmpty ? "<unset>" : self }
}
