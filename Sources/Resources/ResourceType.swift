/// A kind of object and the names the API knows it by.
public struct ResourceType: Hashable, Sendable, CustomStringConvertible {
    /// API group; empty for the core group.
    public let group: String
    /// API version, as `v1`.
    public let version: String
    /// As `Deployment`.
    public let kind: String
    /// As `deployments`: the name in paths.
    public let plural: String
    /// As `deployment`.
    public let singular: String
    /// As `deploy`.
    public let shortNames: [String]
    /// Whether its objects live in namespaces.
    public let namespaced: Bool
    /// As `all`, for `kubectl get all`.
    public let categories: [String]
    /// What defines it; nil for built-in types.
    public let custom: CustomKind?

    /// `group/version`, or `version` in the core group.
    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// `deployments.apps`, or `pods` in the core group: how messages name it.
    public var qualifiedName: String { group.isEmpty ? plural : "\(plural).\(group)" }

    /// `Deployment.apps`, or `Pod` in the core group.
    public var qualifiedKind: String { group.isEmpty ? kind : "\(kind).\(group)" }

    /// `kind` followed by `List`.
    public var listKind: String { custom?.listKind ?? "\(kind)List" }

    public var description: String { qualifiedName }

    public static func == (a: ResourceType, b: ResourceType) -> Bool {
        a.plural == b.plural && a.group == b.group && a.version == b.version
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(plural)
        hasher.combine(group)
    }

    init(
        group: String = "", version: String = "v1", _ kind: String, _ plural: String, _ shortNames: [String] = [],
        namespaced: Bool = true, categories: [String] = []
    ) {
        self.group = group
        self.version = version
        self.kind = kind
        self.plural = plural
        singular = kind.lowercased()
        self.shortNames = shortNames
        self.namespaced = namespaced
        self.categories = categories
        custom = nil
    }

    /// A version of a custom kind.
    init(_ custom: CustomKind, version: String) {
        group = custom.group
        self.version = version
        kind = custom.kind
        plural = custom.plural
        singular = custom.singular
        shortNames = custom.shortNames
        namespaced = custom.isNamespaced
        categories = custom.categories
        self.custom = custom
    }

    public static let namespace = ResourceType("Namespace", "namespaces", ["ns"], namespaced: false)
    public static let node = ResourceType("Node", "nodes", ["no"], namespaced: false)
    public static let pod = ResourceType("Pod", "pods", ["po"], categories: ["all"])
    public static let configMap = ResourceType("ConfigMap", "configmaps", ["cm"])
    public static let secret = ResourceType("Secret", "secrets")
    public static let event = ResourceType("Event", "events", ["ev"])
    public static let replicaSet = ResourceType(
        group: "apps", "ReplicaSet", "replicasets", ["rs"], categories: ["all"])
    public static let deployment = ResourceType(
        group: "apps", "Deployment", "deployments", ["deploy"], categories: ["all"])

    /// Types whose objects have a struct.
    static let modelled: [ResourceType] = [
        .configMap, .event, .namespace, .node, .pod, .secret, .deployment, .replicaSet,
    ]
    /// Every type the store and the API know.
    public static let all: [ResourceType] = modelled + Kind.all.map(\.type)

    private static let byName = Dictionary(
        uniqueKeysWithValues: (all + ServedForm.types).map { ("\($0.group)/\($0.version)/\($0.plural)", $0) })
    private static let byKind = Dictionary(uniqueKeysWithValues: all.map { ("\($0.apiVersion)/\($0.kind)", $0) })

    /// The type with this plural name, as it stands in an API path: a stored one, or a further form (``ServedForm``).
    public static func named(group: String, version: String, plural: String) -> ResourceType? {
        byName["\(group)/\(version)/\(plural)"]
    }

    /// The type of a stored object with this `apiVersion` and `kind`.
    public static func of(apiVersion: String, kind: String) -> ResourceType? { byKind["\(apiVersion)/\(kind)"] }

    /// The type of a plain resource name as users type it: plural, singular, short name or kind, with or without group.
    public static func matching(_ word: String) -> ResourceType? {
        let word = word.lowercased()
        return all.first {
            $0.plural == word || $0.singular == word || $0.shortNames.contains(word) || $0.qualifiedName == word
        }
    }
}

/// Names one object in the store.
public struct ResourceKey: Hashable, Sendable, CustomStringConvertible {
    public let type: ResourceType
    /// nil exactly for types without namespaces.
    public let namespace: String?
    public let name: String

    public init(type: ResourceType, namespace: String?, name: String) {
        self.type = type
        self.namespace = type.namespaced ? namespace : nil
        self.name = name
    }

    /// `pods default/web-0`, or `nodes gateway`.
    public var description: String { "\(type.qualifiedName) \(namespace.map { "\($0)/" } ?? "")\(name)" }
}
