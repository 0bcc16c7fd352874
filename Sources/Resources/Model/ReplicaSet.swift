/// Keeps a number of equal pods.
public struct ReplicaSet: KubernetesObject {
    public static var resourceType: ResourceType { .replicaSet }

    /// Standard object's metadata.
    public var metadata: ObjectMeta
    /// What should run.
    public var spec: ReplicaSetSpec
    /// What was observed.
    public var status: ReplicaSetStatus?

    public init(
        metadata: ObjectMeta, spec: ReplicaSetSpec, status: ReplicaSetStatus? = nil
    ) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }
}

/// What a ReplicaSet keeps.
public struct ReplicaSetSpec: Codable, Hashable, Sendable {
    /// How many pods.
    public var replicas: Int?
    /// Seconds a pod must be ready to count as available.
    public var minReadySeconds: Int?
    /// Its pods; must match the template's labels.
    public var selector: LabelSelector
    /// The pods it makes.
    public var template: PodTemplateSpec

    public init(
        replicas: Int? = nil, minReadySeconds: Int? = nil, selector: LabelSelector, template: PodTemplateSpec
    ) {
        self.replicas = replicas
        self.minReadySeconds = minReadySeconds
        self.selector = selector
        self.template = template
    }
}

/// What was observed of a ReplicaSet.
public struct ReplicaSetStatus: Codable, Hashable, Sendable {
    /// Pods that exist.
    public var replicas: Int
    /// Pods with the labels of the template.
    public var fullyLabeledReplicas: Int?
    /// Pods that are ready.
    public var readyReplicas: Int?
    /// Pods ready for minReadySeconds.
    public var availableReplicas: Int?
    /// Pods on their way out.
    public var terminatingReplicas: Int?
    /// Generation of the spec that was seen.
    public var observedGeneration: Int?
    /// ReplicaFailure.
    public var conditions: [ReplicaSetCondition]?

    public init(
        replicas: Int, fullyLabeledReplicas: Int? = nil, readyReplicas: Int? = nil, availableReplicas: Int? = nil,
        terminatingReplicas: Int? = nil, observedGeneration: Int? = nil, conditions: [ReplicaSetCondition]? = nil
    ) {
        self.replicas = replicas
        self.fullyLabeledReplicas = fullyLabeledReplicas
        self.readyReplicas = readyReplicas
        self.availableReplicas = availableReplicas
        self.terminatingReplicas = terminatingReplicas
        self.observedGeneration = observedGeneration
        self.conditions = conditions
    }
}

/// One observed fact about a ReplicaSet.
public struct ReplicaSetCondition: Codable, Hashable, Sendable {
    /// Name of the condition.
    public var type: String
    /// `True`, `False` or `Unknown`.
    public var status: String
    /// When `status` last changed.
    public var lastTransitionTime: Timestamp?
    /// One word for the last change.
    public var reason: String?
    /// A sentence about the last change.
    public var message: String?

    public init(
        type: String, status: String, lastTransitionTime: Timestamp? = nil, reason: String? = nil,
        message: String? = nil
    ) {
        self.type = type
        self.status = status
        self.lastTransitionTime = lastTransitionTime
        self.reason = reason
        self.message = message
    }
}
