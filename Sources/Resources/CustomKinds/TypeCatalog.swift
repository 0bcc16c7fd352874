public import JSON

/// The types of one store: the built-in ones and those of its CustomResourceDefinitions. A value; a store holds the present one.
public struct TypeCatalog: Sendable {
    public static let builtIn = TypeCatalog(kinds: [:])

    /// By the definitions' names.
    private let kinds: [String: CustomKind]
    private let names: [String: ResourceType]
    private let documents: [String: ResourceType]
    private let rows: [String: ResourceType]

    private init(kinds: [String: CustomKind]) {
        self.kinds = kinds
        let served = kinds.values.flatMap(\.servedTypes)
        names = Dictionary(served.map { ("\($0.apiVersion)/\($0.plural)", $0) }) { first, _ in first }
        // A version that is not served is known all the same: objects may name it.
        let every = kinds.values.flatMap { kind in kind.versions.map { ResourceType(kind, version: $0.name) } }
        documents = Dictionary(every.map { ("\($0.apiVersion)/\($0.kind)", $0) }) { first, _ in first }
        rows = Dictionary(kinds.values.map { ($0.name, $0.storedType) }) { first, _ in first }
    }

    /// The catalogue of a set of definitions.
    ///
    /// - Parameter all: also those that no server has accepted yet, as in a manifest.
    public init(_ definitions: some Sequence<JSONValue>, all: Bool = false) {
        var kinds: [String: CustomKind] = [:]
        for definition in definitions where all || DefinitionStatus.isEstablished(definition) {
            if let kind = CustomKind(definition) { kinds[kind.name] = kind }
        }
        self.init(kinds: kinds)
    }

    /// The same with the present state of one definition; nil when it is gone.
    public func replacing(_ name: String, with definition: JSONValue?) -> TypeCatalog {
        var kinds = kinds
        kinds[name] = definition.flatMap { DefinitionStatus.isEstablished($0) ? CustomKind($0) : nil }
        return TypeCatalog(kinds: kinds)
    }

    /// The same with the kinds of another one that are not known here.
    public func adding(_ other: TypeCatalog) -> TypeCatalog {
        TypeCatalog(kinds: kinds.merging(other.kinds) { own, _ in own })
    }

    /// The custom kinds, in the order of their names.
    public var customKinds: [CustomKind] { kinds.values.sorted { $0.name < $1.name } }

    public var isBuiltIn: Bool { kinds.isEmpty }

    /// Every type that is stored.
    public var all: [ResourceType] { isBuiltIn ? ResourceType.all : ResourceType.all + customKinds.map(\.storedType) }

    /// The type with this plural name, as it stands in an API path.
    public func named(group: String, version: String, plural: String) -> ResourceType? {
        ResourceType.named(group: group, version: version, plural: plural) ?? names["\(group)/\(version)/\(plural)"]
    }

    /// The type of documents with this `apiVersion` and `kind`, stored or a further form.
    public func served(apiVersion: String, kind: String) -> ResourceType? {
        ResourceType.served(apiVersion: apiVersion, kind: kind) ?? documents["\(apiVersion)/\(kind)"]
    }

    /// The type under which objects of this `apiVersion` and `kind` are stored.
    public func storing(apiVersion: String, kind: String) -> ResourceType? {
        ResourceType.storing(apiVersion: apiVersion, kind: kind)
            ?? documents["\(apiVersion)/\(kind)"]?.custom?.storedType
    }

    /// The stored type of a row, by `plural.group`.
    public func stored(_ qualifiedName: String) -> ResourceType? { builtIns[qualifiedName] ?? rows[qualifiedName] }

    /// Whether the type's kind is still defined as it was when somebody took the type.
    public func has(_ type: ResourceType) -> Bool {
        guard let kind = type.custom else { return true }
        return kinds[kind.name]?.fingerprint == kind.fingerprint
    }

    /// The type of a plain resource name as users type it: plural, singular, short name or kind, with or without group.
    public func matching(_ word: String) -> ResourceType? {
        let word = word.lowercased()
        return all.first { $0.plural == word || $0.qualifiedName == word }
            ?? all.first {
                $0.singular == word || $0.kind.lowercased() == word || $0.shortNames.contains(word)
            }
    }
}

private let builtIns = Dictionary(ResourceType.all.map { ($0.qualifiedName, $0) }) { first, _ in first }
