import JSON

/// What a CustomResourceDefinition must be, in the words of apiextensions-apiserver.
enum DefinitionRules {
    static func setDefaults(_ definition: inout JSONValue) {
        guard var spec = definition["spec"] else { return }
        let kind = spec.text("names", "kind")
        if !kind.isEmpty {
            spec.setDefault("names", "singular", to: .string(kind.lowercased()))
            spec.setDefault("names", "listKind", to: .string("\(kind)List"))
        }
        spec.setDefault("conversion", to: ["strategy": "None"])
        definition["spec"] = spec
    }

    static func check(_ definition: JSONValue, _ errors: inout FieldErrors) {
        let spec = definition["spec"] ?? [:]
        let (group, plural) = (spec.text("group"), spec.text("names", "plural"))
        let name = definition.text("metadata", "name")
        if name != "\(plural).\(group)" {
            errors.invalid("metadata.name", name, "must be spec.names.plural+\".\"+spec.group")
        }
        if group.isEmpty {
            errors.required("spec.group")
        } else if let fault = NameRules.subdomain(group) {
            errors.invalid("spec.group", group, fault)
        } else if !group.contains(".") {
            errors.invalid("spec.group", group, "should be a domain with at least one dot")
        }
        checkApproval(definition, group, &errors)
        if spec.text("scope").isEmpty {
            errors.required("spec.scope")
        } else {
            errors.oneOf("spec.scope", spec.text("scope"), ["Cluster", "Namespaced"])
        }
        checkNames(spec["names"] ?? [:], &errors)
        checkVersions(spec, &errors)
        checkConversion(spec, &errors)
        if spec["preserveUnknownFields"] == true {
            errors.invalid(
                "spec.preserveUnknownFields", true,
                "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
            )
        }
    }

    /// Groups of Kubernetes' own need an approval.
    private static func checkApproval(_ definition: JSONValue, _ group: String, _ errors: inout FieldErrors) {
        guard group.hasSuffix(".k8s.io") || group.hasSuffix(".kubernetes.io") || group == "k8s.io" else { return }
        let annotation = "api-approved.kubernetes.io"
        let value = definition["metadata"]?["annotations"]?[annotation]?.stringValue ?? ""
        if value.isEmpty {
            errors.required(
                "metadata.annotations[\(annotation)]",
                "protected groups must have approval annotation \"\(annotation)\", see https://github.com/kubernetes/enhancements/pull/1111"
            )
        } else if !value.hasPrefix("unapproved"), !value.hasPrefix("http") {
            errors.invalid(
                "metadata.annotations[\(annotation)]", value,
                "protected groups must have approval annotation \"\(annotation)\" with either a URL or a reason starting with \"unapproved\", see https://github.com/kubernetes/enhancements/pull/1111"
            )
        }
    }

    private static func checkNames(_ names: JSONValue, _ errors: inout FieldErrors) {
        for field in ["plural", "singular", "kind", "listKind"] {
            let name = names.text(field)
            if name.isEmpty {
                errors.required("spec.names.\(field)")
            } else if let fault = NameRules.dns1035Label(name.lowercased()) {
                errors.invalid("spec.names.\(field)", name, fault)
            }
        }
        for field in ["plural", "singular"] where names.text(field) != names.text(field).lowercased() {
            errors.invalid(
                "spec.names.\(field)", names.text(field), NameRules.dns1035Label(names.text(field)) ?? "")
        }
        if !names.text("kind").isEmpty, names.text("kind") == names.text("listKind") {
            errors.invalid("spec.names.listKind", names.text("listKind"), "kind and listKind may not be the same")
        }
        for list in ["shortNames", "categories"] {
            for (index, name) in names.list(list).enumerated() {
                let text = name.stringValue ?? ""
                if let fault = NameRules.dns1035Label(text) {
                    errors.invalid("spec.names.\(list)[\(index)]", text, fault)
                }
            }
        }
    }

    private static func checkVersions(_ spec: JSONValue, _ errors: inout FieldErrors) {
        let versions = spec.list("versions")
        if Set(versions.map { $0.text("name") }).count < versions.count {
            errors.invalid("spec.versions", .array(versions), "must contain unique version names")
        }
        var room = StructuralSchemaRules.patternRoom
        for (index, version) in versions.enumerated() {
            checkVersion(version, "spec.versions[\(index)]", &room, &errors)
        }
        if versions.count(where: { $0["storage"] == true }) != 1 {
            errors.invalid(
                "spec.versions", .array(versions), "must have exactly one version marked as storage version")
        }
    }

    private static func checkVersion(
        _ version: JSONValue, _ path: String, _ room: inout Int, _ errors: inout FieldErrors
    ) {
        if let fault = NameRules.dns1035Label(version.text("name")) {
            errors.invalid("\(path).name", version.text("name"), fault)
        }
        if !version.text("deprecationWarning").isEmpty, version["deprecated"] != true {
            errors.invalid(
                "\(path).deprecationWarning", version.text("deprecationWarning"),
                "can only be set for deprecated versions")
        }
        if let schema = version[path: "schema", "openAPIV3Schema"], !schema.isNull {
            let rules = StructuralSchemaRules.check(schema, "\(path).schema.openAPIV3Schema", room: room)
            room = rules.room
            errors.append(rules.errors)
        } else {
            errors.required("\(path).schema.openAPIV3Schema", "schemas are required")
        }
        for (index, column) in version.list("additionalPrinterColumns").enumerated() {
            checkColumn(column, "\(path).additionalPrinterColumns[\(index)]", &errors)
        }
        for (index, field) in version.list("selectableFields").enumerated() {
            let text = field.text("jsonPath")
            let members = ColumnPath(text)?.members
            if members == nil || members?.first == "metadata" {
                errors.invalid(
                    "\(path).selectableFields[\(index)].jsonPath", text,
                    "must be a simple path to a field outside of metadata")
            }
        }
        if let scale = version[path: "subresources", "scale"], !scale.isNull {
            checkScale(scale, "\(path).subresources.scale", &errors)
        }
    }

    private static func checkColumn(_ column: JSONValue, _ path: String, _ errors: inout FieldErrors) {
        if column.text("name").isEmpty { errors.required("\(path).name") }
        let type = column.text("type")
        if type.isEmpty {
            errors.required("\(path).type", "must be one of boolean,date,integer,number,string")
        } else if !["integer", "number", "string", "boolean", "date"].contains(type) {
            errors.invalid("\(path).type", type, "must be one of boolean,date,integer,number,string")
        }
        let formats = ["int32", "int64", "float", "double", "byte", "date", "date-time", "password"]
        let format = column.text("format")
        if !format.isEmpty, !formats.contains(format) {
            errors.invalid(
                "\(path).format", format, "must be one of \(formats.sorted().joined(separator: ","))")
        }
        let text = column.text("jsonPath")
        if text.isEmpty {
            errors.required("\(path).jsonPath")
        } else if !text.hasPrefix(".") {
            errors.invalid("\(path).jsonPath", text, "must be a simple json path starting with .")
        } else if ColumnPath(text) == nil {
            errors.invalid("\(path).jsonPath", text, "is an invalid path")
        }
    }

    private static func checkScale(_ scale: JSONValue, _ path: String, _ errors: inout FieldErrors) {
        func check(_ field: String, isRequired: Bool, below: [String], _ words: String) {
            let text = scale.text(field)
            if text.isEmpty {
                if isRequired { errors.required("\(path).\(field)") }
            } else if ColumnPath(text)?.members.map({
                (2...CustomKind.ScalePaths.lengthLimit).contains($0.count) && below.contains($0[0])
            }) != true {
                errors.invalid("\(path).\(field)", text, words)
            }
        }
        check("specReplicasPath", isRequired: true, below: ["spec"], "should be a json path under .spec")
        check("statusReplicasPath", isRequired: true, below: ["status"], "should be a json path under .status")
        check(
            "labelSelectorPath", isRequired: false, below: ["spec", "status"],
            "should be a json path under either .spec or .status")
    }

    private static func checkConversion(_ spec: JSONValue, _ errors: inout FieldErrors) {
        let strategy = spec.text("conversion", "strategy")
        if strategy == "Webhook" {
            errors.forbidden(
                "spec.conversion.strategy",
                "this server calls no conversion webhooks; with None its versions differ in apiVersion only")
        } else {
            errors.oneOf("spec.conversion.strategy", strategy, ["None", "Webhook"])
        }
    }

    // MARK: Updates

    static func checkUpdate(_ new: JSONValue, _ old: JSONValue, _ errors: inout FieldErrors) {
        func same(_ path: [String]) -> Bool {
            CustomScale.value(at: path, in: new) == CustomScale.value(at: path, in: old)
        }
        var fixed = [["spec", "group"], ["spec", "names", "plural"]]
        if DefinitionStatus.isEstablished(old) { fixed += [["spec", "scope"], ["spec", "names", "kind"]] }
        for path in fixed {
            errors.notChanged(path.joined(separator: "."), same(path), CustomScale.value(at: path, in: new) ?? "")
        }
        let names = Set(new.list("spec", "versions").map { $0.text("name") })
        for (index, stored) in old.list("status", "storedVersions").enumerated()
        where !names.contains(stored.stringValue ?? "") {
            errors.invalid(
                "status.storedVersions[\(index)]", stored,
                "missing from spec.versions; \(stored.stringValue ?? "") was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in \(stored.stringValue ?? "") and removes \(stored.stringValue ?? "") from status.storedVersions"
            )
        }
    }

    /// What is carried and has no effect here.
    static func warnings(_ definition: JSONValue) -> [String] {
        definition.list("spec", "versions").enumerated().compactMap { index, version in
            guard let schema = version[path: "schema", "openAPIV3Schema"] else { return nil }
            let path = "spec.versions[\(index)].schema.openAPIV3Schema"
            guard StructuralSchemaRules.check(schema, path).hasExpressions else { return nil }
            return "\(path): x-kubernetes-validations are stored and not enforced by this server"
        }
    }

    /// Fields that a definition's schemas do not have.
    static func unknownFields(_ definition: JSONValue) -> [String] {
        definition.list("spec", "versions").enumerated().flatMap { index, version in
            StructuralSchemaRules.unknownFields(
                of: version[path: "schema", "openAPIV3Schema"] ?? [:], "spec.versions[\(index)].schema.openAPIV3Schema")
        }
    }
}
