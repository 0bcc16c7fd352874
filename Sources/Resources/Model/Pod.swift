/// Containers that run together on one machine.
public struct Pod: KubernetesObject {
    public static var resourceType: ResourceType { .pod }

    /// Standard object's metadata.
    public var metadata: ObjectMeta
    /// What should run.
    public var spec: PodSpec
    /// What was observed.
    public var status: PodStatus?

    public init(
        metadata: ObjectMeta, spec: PodSpec, status: PodStatus? = nil
    ) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }
}

/// The pods that a controller makes.
public struct PodTemplateSpec: Codable, Hashable, Sendable {
    /// Labels and annotations of the pods.
    public var metadata: ObjectMeta?
    /// What each of them runs.
    public var spec: PodSpec

    public init(
        metadata: ObjectMeta? = nil, spec: PodSpec
    ) {
        self.metadata = metadata
        self.spec = spec
    }
}
