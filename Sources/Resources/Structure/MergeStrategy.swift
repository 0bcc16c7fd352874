/// How a strategic-merge patch treats a field: what Kubernetes keeps in the struct tags `patchStrategy` and
/// `patchMergeKey`. A list without a strategy is replaced as a whole.
struct MergeStrategy: Sendable {
    /// Whether lists are merged (by ``keys``, or as a set of plain values).
    var mergesList = true
    /// Only members named in `$retainKeys` stay.
    var retainsKeys = false
    /// Names an element of the list; the first one is the patch merge key, all together make it unique.
    var keys: [String] = []

    /// The value of `x-kubernetes-patch-strategy`.
    var openAPIName: String {
        [mergesList ? "merge" : nil, retainsKeys ? "retainKeys" : nil].compactMap { $0 }.joined(separator: ",")
    }

    private static func by(_ keys: String...) -> MergeStrategy { MergeStrategy(keys: keys) }

    /// Strategy by `Type.field` (k8s.io/api v0.31).
    static let table: [String: MergeStrategy] = [
        "ObjectMeta.ownerReferences": by("uid"),
        "ObjectMeta.finalizers": MergeStrategy(),
        "PodSpec.volumes": MergeStrategy(retainsKeys: true, keys: ["name"]),
        "PodSpec.containers": by("name"),
        "PodSpec.initContainers": by("name"),
        "PodSpec.ephemeralContainers": by("name"),
        "PodSpec.imagePullSecrets": by("name"),
        "PodSpec.hostAliases": by("ip"),
        "PodSpec.topologySpreadConstraints": by("topologyKey", "whenUnsatisfiable"),
        "PodSpec.schedulingGates": by("name"),
        "PodSpec.resourceClaims": MergeStrategy(retainsKeys: true, keys: ["name"]),
        "Container.env": by("name"),
        "Container.ports": by("containerPort", "protocol"),
        "Container.volumeMounts": by("mountPath"),
        "Container.volumeDevices": by("devicePath"),
        "PodStatus.conditions": by("type"),
        "PodStatus.podIPs": by("ip"),
        "PodStatus.hostIPs": by("ip"),
        "NodeSpec.podCIDRs": MergeStrategy(),
        "NodeStatus.conditions": by("type"),
        "NodeStatus.addresses": by("type"),
        "NamespaceStatus.conditions": by("type"),
        "ReplicaSetStatus.conditions": by("type"),
        "DeploymentSpec.strategy": MergeStrategy(mergesList: false, retainsKeys: true),
        "DeploymentStatus.conditions": by("type"),
    ]
}
