public import JSON

/// A column of `kubectl get` that a definition adds.
public struct CustomColumn: Sendable {
    public let name: String
    public let type: String
    public let format: String
    public let description: String
    /// Columns above 0 are shown with `-o wide` only.
    public let priority: Int
    /// Its JSONPath, as it is written.
    public let path: String
    private let compiled: ColumnPath

    /// nil without a path.
    init?(_ column: JSONValue) {
        path = column.text("jsonPath")
        guard let compiled = ColumnPath(path) else { return nil }
        self.compiled = compiled
        name = column.text("name")
        type = column.text("type")
        format = column.text("format")
        description = column.text("description")
        priority = column["priority"]?.intValue ?? 0
    }

    /// What kubectl shows where a definition names no columns.
    static let age = CustomColumn([
        "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp",
        "description":
            "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
    ])

    /// The first value that the path finds, as the column's type has it; null for one of another type.
    ///
    /// - Parameter now: Unix seconds, for ages.
    public func cell(_ object: Resource, now: Int64) -> JSONValue {
        guard let value = compiled.values(in: object.value).first, !value.isNull else { return .null }
        switch type {
        case "integer":
            return value.doubleValue.flatMap { Int64(exactly: $0.rounded(.towardZero)) }.map { .integer($0) } ?? .null
        case "number": return value.doubleValue == nil ? .null : value
        case "boolean": return value.boolValue == nil ? .null : value
        case "string": return .string(value.stringValue ?? value.description)
        case "date":
            guard let text = value.stringValue else { return .null }
            return .string(Timestamp(text) == nil ? "<invalid>" : HumanDuration.since(text, now: now))
        default: return .null
        }
    }
}
