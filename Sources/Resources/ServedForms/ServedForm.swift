import JSON

/// The form in which a path serves the objects of a stored type: their own, or that of another version or group.
///
/// The store, tables and rules know the stored type only; requests and answers are in the form's type. Conversions go
/// member by member and leave alone what is not there, so that they also do for a bookmark, which is metadata only.
public struct ServedForm: Sendable {
    /// What paths, documents, discovery and OpenAPI name.
    public let type: ResourceType
    /// What the store keeps.
    public let stored: ResourceType
    /// The shapes of the form's own structs; see ``ShapeLibrary``.
    let schema: String
    let toServed: @Sendable (inout JSONValue) -> Void
    let toStored: @Sendable (inout JSONValue) -> Void
    /// What the form demands beyond the stored kind's rules, of the document in its stored form.
    let rules: @Sendable (JSONValue, inout FieldErrors) -> Void
    /// What an update in this form may not do; both in their stored form, the new one first.
    let updateRules: @Sendable (JSONValue, JSONValue, inout FieldErrors) -> Void
    /// Names of fields in selectors, by what the stored type calls them.
    let selectorFields: [String: String]

    /// Another form of `stored`. Without closures only `apiVersion` and `kind` differ.
    init(
        _ type: ResourceType, of stored: ResourceType, schema: String = "", selectorFields: [String: String] = [:],
        toServed: @escaping @Sendable (inout JSONValue) -> Void = { _ in },
        toStored: @escaping @Sendable (inout JSONValue) -> Void = { _ in },
        rules: @escaping @Sendable (JSONValue, inout FieldErrors) -> Void = { _, _ in },
        updateRules: @escaping @Sendable (JSONValue, JSONValue, inout FieldErrors) -> Void = { _, _, _ in }
    ) {
        self.type = type
        self.stored = stored
        self.schema = schema
        self.selectorFields = selectorFields
        self.toServed = toServed
        self.toStored = toStored
        self.rules = rules
        self.updateRules = updateRules
    }

    /// Whether objects are served as they are stored.
    public var isStored: Bool { type == stored }

    /// Every further form of the built-in kinds.
    static let all: [ServedForm] = [.horizontalPodAutoscalerV1, .eventsV1]

    /// Types that are served and not stored.
    public static let types: [ResourceType] = all.map(\.type)

    private static let byType = Dictionary(uniqueKeysWithValues: all.map { ($0.type, $0) })

    /// The form of a type that a path names; a stored type is a form of itself.
    public static func of(_ type: ResourceType) -> ServedForm {
        if let custom = type.custom { return ServedForm(type, of: custom) }
        return byType[type] ?? ServedForm(type, of: type)
    }

    /// A stored object as clients of this form see it.
    public func served(_ resource: Resource) -> Resource {
        guard !isStored || type.custom != nil else { return resource }
        var value = resource.value
        toServed(&value)
        return Resource(value: value, type: type)
    }

    /// A document of this form as it is stored.
    func storing(_ document: JSONValue) -> JSONValue {
        guard !isStored || type.custom != nil else { return document }
        var value = document
        toStored(&value)
        return Resource(value: value, type: stored).value
    }

    /// A selector that names fields as this form does, for the stored type.
    ///
    /// - Throws: bad request when a field cannot be selected by.
    public func selector(_ query: FieldSelectorQuery) throws(StatusError) -> FieldSelectorQuery {
        guard !isStored || type.custom != nil else {
            try query.check(for: stored)
            return query
        }
        return try query.renamed(by: selectorFields)
    }
}

extension ResourceType {
    /// The type under which objects of this `apiVersion` and `kind` are stored, in whatever form that names them.
    public static func storing(apiVersion: String, kind: String) -> ResourceType? {
        served(apiVersion: apiVersion, kind: kind).map { ServedForm.of($0).stored }
    }

    /// The type of documents with this `apiVersion` and `kind`, stored or a further form.
    public static func served(apiVersion: String, kind: String) -> ResourceType? {
        of(apiVersion: apiVersion, kind: kind)
            ?? ServedForm.types.first { $0.kind == kind && $0.apiVersion == apiVersion }
    }
}

extension JSONValue {
    /// Gives members other names; those that are not there stay away.
    mutating func rename(_ names: [(from: String, to: String)]) {
        for (from, to) in names {
            guard let value = self[from] else { continue }
            self[from] = nil
            self[to] = value
        }
    }
}
