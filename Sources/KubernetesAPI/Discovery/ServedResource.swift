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

    /// In the order of discovery: by group, then by name.
    static let all: [ServedResource] = ResourceType.all
        .sorted { ($0.group, $0.plural) < ($1.group, $1.plural) }
        .map { ServedResource(type: $0, verbs: verbs(of: $0), parts: parts(of: $0)) }

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
        switch type {
        case .deployment, .replicaSet: return [scale, status]
        case .pod: return [Part(name: "log", group: "", version: "v1", kind: "Pod", verbs: ["get"]), status]
        case .namespace, .node: return [status]
        default: return []
        }
    }
}

/// Groups and their versions, the preferred one first.
enum APIGroups {
    static let versions: [String: [String]] = Dictionary(grouping: ResourceType.all, by: \.group)
        .mapValues { Array(Set($0.map(\.version))).sorted() }

    /// Groups other than the core group.
    static let named: [String] = versions.keys.filter { !$0.isEmpty }.sorted()
}
