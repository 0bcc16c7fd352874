import JSON

/// Whether a schema can be one of a custom kind: structural, complete and without what Kubernetes forbids.
struct StructuralSchemaRules {
    private(set) var errors = FieldErrors()
    /// Whether rules in CEL stand somewhere: they are carried and not enforced.
    private(set) var hasExpressions = false
    /// How much the patterns that follow may weigh.
    private(set) var room: Int
    /// Steps of matching that all defaults share.
    private(set) var budget = TextPattern.budget

    /// What all patterns of a definition may weigh together.
    static let patternRoom = 200_000
    /// What a pattern that cannot be made has cost.
    private static let faultWeight = 20_000

    /// Where a schema stands: what it may say depends on it.
    private enum Place {
        case root
        case field
        case item
        /// Below `allOf`, `anyOf`, `oneOf` or `not`: values only.
        case combination
    }

    private static let types = ["array", "boolean", "integer", "number", "object", "string"]
    private static let forbidden = [
        "$ref", "$schema", "additionalItems", "definitions", "dependencies", "id", "patternProperties",
    ]
    private static let known: Set<String> = [
        "additionalProperties", "allOf", "anyOf", "default", "description", "enum", "example", "exclusiveMaximum",
        "exclusiveMinimum", "externalDocs", "format", "items", "maxItems", "maxLength", "maxProperties", "maximum",
        "minItems", "minLength", "minProperties", "minimum", "multipleOf", "not", "nullable", "oneOf", "pattern",
        "properties",
        "required", "title", "type", "uniqueItems", "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys", "x-kubernetes-list-type", "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations",
    ]

    /// Checks the schema of a version.
    ///
    /// - Parameter room: what the versions before it left of ``patternRoom``.
    static func check(_ schema: JSONValue, _ path: String, room: Int = patternRoom) -> StructuralSchemaRules {
        var rules = StructuralSchemaRules(room: room)
        rules.check(schema, path, .root)
        if rules.errors.causes.isEmpty { rules.checkDefaults(schema, path) }
        return rules
    }

    /// Fields that no schema has.
    static func unknownFields(of schema: JSONValue, _ path: String) -> [String] {
        guard let members = schema.objectValue else { return [] }
        var unknown = members.keys.filter { !known.contains($0) && !forbidden.contains($0) }.map { "\(path).\($0)" }
        for (field, child) in children(of: schema) { unknown += unknownFields(of: child, "\(path).\(field)") }
        return unknown
    }

    private static func children(of schema: JSONValue) -> [(String, JSONValue)] {
        var found: [(String, JSONValue)] = []
        for (name, property) in (schema["properties"]?.objectValue ?? [:]).sorted(by: { $0.key < $1.key }) {
            found.append(("properties[\(name)]", property))
        }
        for field in ["items", "additionalProperties", "not"] {
            if let child = schema[field], child.objectValue != nil { found.append((field, child)) }
        }
        for field in ["allOf", "anyOf", "oneOf"] {
            found += schema.list(field).enumerated().map { ("\(field)[\($0)]", $1) }
        }
        return found
    }

    private mutating func check(_ schema: JSONValue, _ path: String, _ place: Place) {
        guard schema.objectValue != nil else {
            errors.invalid(path, schema, "must be a schema, which is an object")
            return
        }
        if !schema.list("x-kubernetes-validations").isEmpty { hasExpressions = true }
        checkForbidden(schema, path)
        checkType(schema, path, place)
        checkLists(schema, path)
        checkValues(schema, path)
        if place == .combination { checkCombination(schema, path) }
        for (field, child) in Self.children(of: schema) {
            let inner: Place =
                if place == .combination || ["allOf", "anyOf", "oneOf", "not"].contains(where: field.hasPrefix) {
                    .combination
                } else {
                    field == "items" ? .item : .field
                }
            let isMetadata = place == .root && field == "properties[metadata]"
            if isMetadata { checkMetadata(child, "\(path).\(field)") }
            check(child, "\(path).\(field)", inner)
        }
        if place != .combination { checkCompleteness(schema, path) }
    }

    // MARK: Parts

    private mutating func checkForbidden(_ schema: JSONValue, _ path: String) {
        for field in Self.forbidden where schema[field] != nil {
            errors.forbidden("\(path).\(field)", "\(field) is not supported")
        }
        if schema["uniqueItems"] == true {
            errors.forbidden(
                "\(path).uniqueItems",
                "uniqueItems cannot be set to true since the runtime complexity becomes quadratic")
        }
        if let additional = schema["additionalProperties"] {
            if additional == false {
                errors.forbidden("\(path).additionalProperties", "additionalProperties cannot be set to false")
            }
            if schema["properties"]?.objectValue?.isEmpty == false, additional != false {
                errors.forbidden(
                    "\(path).additionalProperties", "additionalProperties and properties are mutual exclusive")
            }
        }
        if let items = schema["items"], items.arrayValue != nil {
            errors.forbidden("\(path).items", "items must be a schema object and not an array")
        }
        if let preserves = schema["x-kubernetes-preserve-unknown-fields"], preserves != true {
            errors.invalid(
                "\(path).x-kubernetes-preserve-unknown-fields", preserves, "must be true or undefined")
        }
    }

    private mutating func checkType(_ schema: JSONValue, _ path: String, _ place: Place) {
        let type = schema.text("type")
        let isIntOrString = schema["x-kubernetes-int-or-string"] == true
        let keepsAll = schema["x-kubernetes-preserve-unknown-fields"] == true
        if type == "null" {
            errors.forbidden("\(path).type", "type cannot be set to null, use nullable as an alternative")
        } else if !type.isEmpty {
            errors.oneOf("\(path).type", type, Self.types)
        } else if let given = schema["type"], given.stringValue == nil, !given.isNull {
            errors.invalid("\(path).type", given, "must be a string")
        } else if place == .root {
            errors.required("\(path).type", "must not be empty at the root")
        } else if place != .combination, !isIntOrString, !keepsAll {
            errors.required(
                "\(path).type",
                "must not be empty for specified \(place == .item ? "array items" : "object fields")")
        }
        if place == .root, !type.isEmpty, type != "object" {
            errors.invalid("\(path).type", type, "must be object at the root")
        }
        if isIntOrString, !type.isEmpty, place != .combination {
            errors.invalid("\(path).type", type, "must be empty if x-kubernetes-int-or-string is true")
        }
        if schema["x-kubernetes-embedded-resource"] == true {
            if type != "object" {
                errors.invalid("\(path).type", type, "must be object if x-kubernetes-embedded-resource is true")
            }
            if !keepsAll, schema["properties"]?.objectValue?.isEmpty != false {
                errors.required(
                    "\(path).properties",
                    "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
                )
            }
        }
    }

    private mutating func checkLists(_ schema: JSONValue, _ path: String) {
        let type = schema.text("type")
        if type == "array", schema["items"] == nil { errors.required("\(path).items", "must be specified") }
        let listType = schema.text("x-kubernetes-list-type")
        let keys = schema.list("x-kubernetes-list-map-keys").compactMap(\.stringValue)
        if !listType.isEmpty {
            errors.oneOf("\(path).x-kubernetes-list-type", listType, ["atomic", "map", "set"])
            if type != "array" {
                errors.invalid("\(path).type", type, "must be array if x-kubernetes-list-type is specified")
            }
        }
        if listType == "map", keys.isEmpty {
            errors.required(
                "\(path).x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map")
        }
        guard !keys.isEmpty else { return }
        if listType != "map" {
            errors.invalid(
                "\(path).x-kubernetes-list-type", listType, "must be map if x-kubernetes-list-map-keys is non-empty")
        }
        let items = schema["items"] ?? [:]
        let required = Set(items.list("required").compactMap(\.stringValue))
        for (index, key) in keys.enumerated() {
            guard let property = items["properties"]?[key] else {
                errors.invalid(
                    "\(path).x-kubernetes-list-map-keys[\(index)]", key, "entries must all be names of item properties")
                continue
            }
            if !required.contains(key), property["default"] == nil {
                errors.required(
                    "\(path).items.properties[\(key)].default",
                    "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
                )
            }
        }
    }

    private mutating func checkValues(_ schema: JSONValue, _ path: String) {
        if let pattern = schema["pattern"]?.stringValue { checkPattern(pattern, "\(path).pattern") }
        for field in ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"] {
            if let number = schema[field], number.intValue.map({ $0 >= 0 }) != true {
                errors.invalid("\(path).\(field)", number, "must be a whole number that is not negative")
            }
        }
        for field in ["minimum", "maximum", "multipleOf"] {
            if let number = schema[field], number.doubleValue == nil {
                errors.invalid("\(path).\(field)", number, "must be a number")
            }
        }
        for field in ["nullable", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum"] {
            if let flag = schema[field], flag.boolValue == nil {
                errors.invalid("\(path).\(field)", flag, "must be a boolean")
            }
        }
    }

    private mutating func checkPattern(_ pattern: String, _ path: String) {
        guard room > 0 else {
            errors.forbidden(path, "the patterns of a definition must not have more than \(Self.patternRoom) steps")
            return
        }
        do { room -= try TextPattern(pattern).weight } catch {
            room -= Self.faultWeight
            errors.invalid(path, pattern, "must be a valid regular expression, but isn't: \(error.message)")
        }
    }

    private mutating func checkCombination(_ schema: JSONValue, _ path: String) {
        for field in ["description", "title"] where !schema.text(field).isEmpty {
            errors.forbidden("\(path).\(field)", "must be empty to be structural")
        }
        if !schema.text("type").isEmpty, !isIntOrStringHalf(schema) {
            errors.forbidden("\(path).type", "must be empty to be structural")
        }
        if schema["nullable"] == true { errors.forbidden("\(path).nullable", "must be false to be structural") }
        for field in [
            "default", "additionalProperties", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource",
            "x-kubernetes-int-or-string", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
            "x-kubernetes-map-type",
        ] where schema[field] != nil {
            errors.forbidden("\(path).\(field)", "must be undefined to be structural")
        }
    }

    /// `anyOf: [{type: integer}, {type: string}]` is the one use of types below a combination.
    private func isIntOrStringHalf(_ schema: JSONValue) -> Bool {
        schema.objectValue?.count == 1 && ["integer", "string"].contains(schema.text("type"))
    }

    private mutating func checkMetadata(_ schema: JSONValue, _ path: String) {
        let properties = schema["properties"]?.objectValue ?? [:]
        if properties.keys.contains(where: { $0 != "name" && $0 != "generateName" }) {
            errors.forbidden(
                path, "must not specify anything other than name and generateName, but metadata is implicitly specified"
            )
        }
    }

    /// What combinations speak of has to be there outside of them.
    private mutating func checkCompleteness(_ schema: JSONValue, _ path: String) {
        for (field, child) in Self.children(of: schema)
        where ["allOf", "anyOf", "oneOf", "not"].contains(where: field.hasPrefix) {
            checkCovered(child, by: schema, path, because: "\(path).\(field)")
        }
    }

    private mutating func checkCovered(_ child: JSONValue, by schema: JSONValue, _ path: String, because: String) {
        for (name, property) in child["properties"]?.objectValue ?? [:] {
            guard let own = schema["properties"]?[name] ?? schema["additionalProperties"] else {
                errors.required(
                    "\(path).properties[\(name)]", "because it is defined in \(because).properties[\(name)]")
                continue
            }
            checkCovered(property, by: own, "\(path).properties[\(name)]", because: "\(because).properties[\(name)]")
        }
        if let items = child["items"] {
            guard let own = schema["items"] else {
                errors.required("\(path).items", "because it is defined in \(because).items")
                return
            }
            checkCovered(items, by: own, "\(path).items", because: "\(because).items")
        }
        for (field, inner) in Self.children(of: child)
        where ["allOf", "anyOf", "oneOf", "not"].contains(where: field.hasPrefix) {
            checkCovered(inner, by: schema, path, because: "\(because).\(field)")
        }
    }

    // MARK: Defaults

    /// Defaults are values of their schema.
    private mutating func checkDefaults(_ schema: JSONValue, _ path: String) {
        if let value = schema["default"], !value.isNull {
            let structural = StructuralSchema(schema)
            var unknown: [String] = []
            _ = structural.pruned(value, unknown: &unknown)
            if !unknown.isEmpty {
                errors.invalid(
                    "\(path).default", value,
                    "must not have unknown fields: \(unknown.sorted().joined(separator: ", "))")
            }
            var faults = FieldErrors()
            structural.validate(
                structural.defaulted(value), .root.member("default"), former: nil, budget: &budget, into: &faults)
            errors.append(faults.moved(below: path))
        }
        for (field, child) in Self.children(of: schema) { checkDefaults(child, "\(path).\(field)") }
    }
}
