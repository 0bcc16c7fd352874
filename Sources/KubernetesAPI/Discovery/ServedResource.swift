import Resources

/// A resource type with the verbs and parts that this server offers.
struct ServedResource: Sendable {
    /// A subresource.
    struct Part: Sendable {
        let name: String
        let group: String
        let version: String
        let kind: String
        let verbs: [String]
    }

    let type: ResourceType
    let verbs: [String]
    let parts: [Part]

    init(_ type: ResourceType) {
        self.init(type: type, verbs: Self.verbs(of: type), parts: Self.parts(of: type))
    }

    private init(type: ResourceType, verbs: [String], parts: [Part]) {
        self.type = type
        self.verbs = verbs
        self.parts = parts
    }

    /// Those of the built-in types in the order of discovery: by group, then by name.
    static let all: [ServedResource] = sorted(
        (ResourceType.all + ServedForm.types).map { ServedResource($0) }
            + RequestKind.reviews.map { ServedResource(type: $0.type, verbs: ["create"], parts: []) }
            + [ResourceType.nodeMetrics, .podMetrics].map {
                ServedResource(type: $0, verbs: ["get", "list"], parts: [])
            })

    fileprivate static func sorted(_ resources: [ServedResource]) -> [ServedResource] {
        resources.sorted { ($0.type.group, $0.type.plural) < ($1.type.group, $1.type.plural) }
    }

    private static func verbs(of type: ResourceType) -> [String] {
        let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
        return type == .namespace ? verbs.filter { $0 != "deletecollection" } : verbs
    }

    private static func parts(of type: ResourceType) -> [Part] {
        let status = Part(
            name: "status", group: type.group, version: type.version, kind: type.kind,
            verbs: ["get", "patch", "update"])
        let scale = Part(
            name: "scale", group: "autoscaling", version: "v1", kind: "Scale", verbs: ["get", "patch", "update"])
        var parts: [Part] = []
        if type == .pod {
            for (name, kind) in [("attach", "PodAttachOptions"), ("exec", "PodExecOptions")] {
                parts.append(Part(name: name, group: "", version: "v1", kind: kind, verbs: ["create", "get"]))
            }
            parts.append(
                Part(
                    name: Subresource.ephemeralContainers.rawValue, group: "", version: "v1", kind: "Pod",
                    verbs: ["get", "patch", "update"]))
            parts.append(Part(name: "log", group: "", version: "v1", kind: "Pod", verbs: ["get"]))
            parts.append(
                Part(
                    name: "portforward", group: "", version: "v1", kind: "PodPortForwardOptions",
                    verbs: ["create", "get"]))
        }
        for request in [RequestKind.eviction, .tokenRequest] where request.parent == type.plural {
            let own = request.type
            parts.append(
                Part(name: own.plural, group: own.group, version: own.version, kind: own.kind, verbs: ["create"]))
        }
        if type.isScalable { parts.append(scale) }
        if type.hasStatus { parts.append(status) }
        return parts
    }
}

/// What one server offers.
struct ServedCatalog: Sendable {
    /// In the order of discovery.
    let resources: [ServedResource]
    /// Groups and their versions, the preferred one first.
    let versions: [String: [String]]
    /// Groups other than the core group.
    let named: [String]

    init(_ resources: [ServedResource]) {
        self.resources = resources
        versions = Dictionary(grouping: resources.map(\.type), by: \.group)
            .mapValues { Set($0.map(\.version)).sorted(by: VersionPriority.precedes) }
        named = versions.keys.filter { !$0.isEmpty }.sorted()
    }

    static let whole = ServedCatalog(ServedResource.all)
    /// For a server that cannot measure what pods use.
    static let withoutUsage = ServedCatalog(
        ServedResource.all.filter { $0.type.group != ResourceType.podMetrics.group })

    /// The same with the custom kinds of a store.
    func adding(_ types: TypeCatalog) -> ServedCatalog {
        guard !types.isBuiltIn else { return self }
        return ServedCatalog(
            ServedResource.sorted(resources + types.customKinds.flatMap(\.servedTypes).map { ServedResource($0) }))
    }
}
