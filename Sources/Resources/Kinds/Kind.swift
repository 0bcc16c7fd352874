public import JSON

/// Everything the API knows of one kind: names, shape, defaults, rules and columns. One file declares a kind.
///
/// Its objects stay documents; what must be computed with has a struct of its own (``AdmittedObject``) instead.
public struct Kind: Sendable {
    /// One column of `kubectl get`.
    public struct Column: Sendable {
        public let name: String
        public let type: String
        /// Only with `-o wide`.
        public let isWide: Bool
        /// The cell, with the date in Unix seconds.
        public let cell: @Sendable (_ object: Resource, _ now: Int64) -> JSONValue

        init(
            _ name: String, _ type: String = "string", wide: Bool = false,
            _ cell: @escaping @Sendable (_ object: Resource) -> JSONValue
        ) {
            self.name = name
            self.type = type
            isWide = wide
            self.cell = { object, _ in cell(object) }
        }

        init(_ name: String, cell: @escaping @Sendable (_ object: Resource, _ now: Int64) -> JSONValue) {
            self.name = name
            type = "string"
            isWide = false
            self.cell = cell
        }

        static let name = Column("Name") { .string($0.name) }
        static let age = Column("Age") { .string(HumanDuration.since($0.creationTimestamp, now: $1)) }
    }

    let type: ResourceType
    /// The shapes of its own structs; see ``SchemaText``.
    let schema: String
    public let columns: [Column]
    /// Whether there is a `status` that is written apart from the rest.
    let hasStatus: Bool
    /// The form of `metadata.name`.
    let nameFault: @Sendable (String) -> String?
    let defaults: @Sendable (inout JSONValue) -> Void
    /// What an update keeps of the old object though it does not say so; the new object first.
    let keepsOfOld: @Sendable (inout JSONValue, JSONValue) -> Void
    /// What is wrong with an object that has its defaults.
    let rules: @Sendable (JSONValue, inout FieldErrors) -> Void
    /// What an update may not do; the new object first.
    let updateRules: @Sendable (JSONValue, JSONValue, inout FieldErrors) -> Void

    init(
        _ type: ResourceType, schema: String, columns: [Column] = [.name, .age], hasStatus: Bool = false,
        isScalable: Bool = false, nameFault: @escaping @Sendable (String) -> String? = NameRules.subdomain,
        defaults: @escaping @Sendable (inout JSONValue) -> Void = { _ in },
        keepsOfOld: @escaping @Sendable (inout JSONValue, JSONValue) -> Void = { _, _ in },
        rules: @escaping @Sendable (JSONValue, inout FieldErrors) -> Void = { _, _ in },
        updateRules: @escaping @Sendable (JSONValue, JSONValue, inout FieldErrors) -> Void = { _, _, _ in }
    ) {
        self.type = type
        self.schema = schema
        self.columns = columns
        self.hasStatus = hasStatus
        self.isScalable = isScalable
        self.nameFault = nameFault
        self.defaults = defaults
        self.keepsOfOld = keepsOfOld
        self.rules = rules
        self.updateRules = updateRules
    }

    /// Whether types of this kind can be scaled: they have `spec.replicas`.
    let isScalable: Bool

    /// The declaration of a type; nil for those that have a struct.
    public static func of(_ type: ResourceType) -> Kind? { byType[type] }

    private static let byType = Dictionary(uniqueKeysWithValues: all.map { ($0.type, $0) })
}

extension ResourceType {
    /// Whether there is a `status` that is written through its own subresource only.
    public var hasStatus: Bool {
        if custom != nil { return customVersion?.hasStatus ?? false }
        return Kind.of(self)?.hasStatus ?? objectType.hasStatus
    }
    /// Whether there is a `scale` subresource.
    public var isScalable: Bool {
        if custom != nil { return customVersion?.scale != nil }
        return Kind.of(self)?.isScalable ?? (self == .deployment || self == .replicaSet)
    }
}

extension JSONValue {
    /// A text at a path; empty when there is none.
    func text(_ path: String...) -> String {
        path.reduce(self as JSONValue?) { $0?[$1] }?.stringValue ?? ""
    }

    func list(_ path: String...) -> [JSONValue] {
        path.reduce(self as JSONValue?) { $0?[$1] }?.arrayValue ?? []
    }

    /// Sets a member that is absent, null or an empty text.
    mutating func setDefault(_ path: String..., to value: JSONValue) {
        func set(_ target: inout JSONValue, _ rest: ArraySlice<String>) {
            guard let first = rest.first else { return }
            if rest.count == 1 {
                let present = target[first]
                if present == nil || present?.isNull == true || present?.stringValue == "" { target[first] = value }
            } else {
                var member = target[first] ?? [:]
                set(&member, rest.dropFirst())
                target[first] = member
            }
        }
        set(&self, path[...])
    }

    /// Changes each element of a list.
    mutating func changeEach(_ list: String, _ change: (inout JSONValue) -> Void) {
        guard case .array(var elements)? = self[list] else { return }
        for index in elements.indices { change(&elements[index]) }
        self[list] = .array(elements)
    }
}
