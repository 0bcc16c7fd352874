import JSON

/// The schema of a custom kind's version: what its fields are, what they default to and what they may hold.
///
/// It is made of a schema that ``StructuralSchemaRules`` let pass. Descriptions are not kept: documents for clients are made of the
/// definition itself.
final class StructuralSchema: Sendable {
    /// Empty where any type may stand.
    let type: String
    let isNullable: Bool
    let keepsUnknown: Bool
    /// Whether it holds a whole object with `apiVersion`, `kind` and `metadata`.
    let isEmbedded: Bool
    let isIntOrString: Bool
    let defaultValue: JSONValue?
    let properties: [String: StructuralSchema]
    /// Of members without a property of their own; nil where there may be none.
    let additional: StructuralSchema?
    let items: StructuralSchema?
    let required: [String]
    /// `atomic`, `set` or `map`.
    let listType: String
    let listKeys: [String]
    /// `atomic`, `granular`, or empty.
    let mapType: String
    /// nil where nothing more is demanded of values.
    let limits: Limits?
    let allOf: [StructuralSchema]
    let anyOf: [StructuralSchema]
    let oneOf: [StructuralSchema]
    let negated: StructuralSchema?

    /// What values must fulfil beyond their type.
    final class Limits: Sendable {
        let format: String
        let allowed: [JSONValue]
        let pattern: (text: String, compiled: TextPattern)?
        let minimum: Double?
        let maximum: Double?
        let excludesMinimum: Bool
        let excludesMaximum: Bool
        let multipleOf: Double?
        let minLength: Int?
        let maxLength: Int?
        let minItems: Int?
        let maxItems: Int?
        let minProperties: Int?
        let maxProperties: Int?
        let hasUniqueItems: Bool

        private static let names = [
            "format", "enum", "pattern", "minimum", "maximum", "multipleOf", "minLength", "maxLength", "minItems",
            "maxItems", "minProperties", "maxProperties", "uniqueItems",
        ]

        /// nil when the schema demands nothing.
        init?(_ schema: JSONValue) {
            guard Self.names.contains(where: { schema[$0] != nil }) else { return nil }
            format = schema.text("format")
            allowed = schema.list("enum")
            let text = schema.text("pattern")
            pattern = text.isEmpty ? nil : (try? TextPattern(text)).map { (text, $0) }
            minimum = schema["minimum"]?.doubleValue
            maximum = schema["maximum"]?.doubleValue
            excludesMinimum = schema["exclusiveMinimum"]?.boolValue ?? false
            excludesMaximum = schema["exclusiveMaximum"]?.boolValue ?? false
            multipleOf = schema["multipleOf"]?.doubleValue
            minLength = schema["minLength"]?.intValue
            maxLength = schema["maxLength"]?.intValue
            minItems = schema["minItems"]?.intValue
            maxItems = schema["maxItems"]?.intValue
            minProperties = schema["minProperties"]?.intValue
            maxProperties = schema["maxProperties"]?.intValue
            hasUniqueItems = schema["uniqueItems"]?.boolValue ?? false
        }
    }

    init(_ schema: JSONValue) {
        type = schema.text("type")
        isNullable = schema["nullable"]?.boolValue ?? false
        keepsUnknown = schema["x-kubernetes-preserve-unknown-fields"]?.boolValue ?? false
        isEmbedded = schema["x-kubernetes-embedded-resource"]?.boolValue ?? false
        isIntOrString = schema["x-kubernetes-int-or-string"]?.boolValue ?? false
        defaultValue = schema["default"]
        properties = (schema["properties"]?.objectValue ?? [:]).mapValues(StructuralSchema.init)
        switch schema["additionalProperties"] {
        // Whatever stands there stays, null too.
        case .bool(true)?:
            additional = StructuralSchema(["nullable": true, "x-kubernetes-preserve-unknown-fields": true])
        case .object(let members)?: additional = StructuralSchema(.object(members))
        default: additional = nil
        }
        items = schema["items"].map(StructuralSchema.init)
        required = schema.list("required").compactMap(\.stringValue)
        listType = schema.text("x-kubernetes-list-type")
        listKeys = schema.list("x-kubernetes-list-map-keys").compactMap(\.stringValue)
        mapType = schema.text("x-kubernetes-map-type")
        limits = Limits(schema)
        allOf = schema.list("allOf").map(StructuralSchema.init)
        anyOf = schema.list("anyOf").map(StructuralSchema.init)
        oneOf = schema.list("oneOf").map(StructuralSchema.init)
        negated = schema["not"].map(StructuralSchema.init)
    }

    /// Of a version without a schema: everything is kept.
    static let open = StructuralSchema(["type": "object", "x-kubernetes-preserve-unknown-fields": true])
}
