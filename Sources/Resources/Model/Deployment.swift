/// Keeps equal pods and replaces them step by step when their template changes.
public struct Deployment: KubernetesObject {
    public static var resourceType: ResourceType { .deployment }

    /// Standard object's metadata.
    public var metadata: ObjectMeta
    /// What should run.
    public var spec: DeploymentSpec
    /// What was observed.
    public var status: DeploymentStatus?

    public init(
        metadata: ObjectMeta, spec: DeploymentSpec, status: DeploymentStatus? = nil
    ) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }
}

/// What a Deployment keeps.
public struct DeploymentSpec: Codable, Hashable, Sendable {
    /// How many pods.
    public var replicas: Int?
    /// Its pods; must match the template's labels; immutable.
    public var selector: LabelSelector
    /// The pods it makes.
    public var template: PodTemplateSpec
    /// How old pods are replaced.
    public var strategy: DeploymentStrategy?
    /// Seconds a pod must be ready to count as available.
    public var minReadySeconds: Int?
    /// Old ReplicaSets to keep.
    public var revisionHistoryLimit: Int?
    /// Whether template changes wait.
    public var paused: Bool?
    /// Seconds without progress after which it counts as failed.
    public var progressDeadlineSeconds: Int?

    public init(
        replicas: Int? = nil, selector: LabelSelector, template: PodTemplateSpec, strategy: DeploymentStrategy? = nil,
        minReadySeconds: Int? = nil, revisionHistoryLimit: Int? = nil, paused: Bool? = nil,
        progressDeadlineSeconds: Int? = nil
    ) {
        self.replicas = replicas
        self.selector = selector
        self.template = template
        self.strategy = strategy
        self.minReadySeconds = minReadySeconds
        self.revisionHistoryLimit = revisionHistoryLimit
        self.paused = paused
        self.progressDeadlineSeconds = progressDeadlineSeconds
    }
}

/// How old pods are replaced.
public struct DeploymentStrategy: Codable, Hashable, Sendable {
    /// `RollingUpdate` or `Recreate`.
    public var type: String?
    /// Bounds of a rolling update.
    public var rollingUpdate: RollingUpdateDeployment?

    public init(
        type: String? = nil, rollingUpdate: RollingUpdateDeployment? = nil
    ) {
        self.type = type
        self.rollingUpdate = rollingUpdate
    }
}

/// Bounds of a rolling update.
public struct RollingUpdateDeployment: Codable, Hashable, Sendable {
    /// Pods that may be missing; a percentage is rounded down.
    public var maxUnavailable: IntOrString?
    /// Pods that may exist beyond replicas; a percentage is rounded up.
    public var maxSurge: IntOrString?

    public init(
        maxUnavailable: IntOrString? = nil, maxSurge: IntOrString? = nil
    ) {
        self.maxUnavailable = maxUnavailable
        self.maxSurge = maxSurge
    }
}

/// What was observed of a Deployment.
public struct DeploymentStatus: Codable, Hashable, Sendable {
    /// Generation of the spec that was seen.
    public var observedGeneration: Int?
    /// Pods that exist.
    public var replicas: Int?
    /// Pods of the current template.
    public var updatedReplicas: Int?
    /// Pods that are ready.
    public var readyReplicas: Int?
    /// Pods ready for minReadySeconds.
    public var availableReplicas: Int?
    /// Pods still missing.
    public var unavailableReplicas: Int?
    /// Pods on their way out.
    public var terminatingReplicas: Int?
    /// Available, Progressing, ReplicaFailure.
    public var conditions: [DeploymentCondition]?
    /// Hash collisions of ReplicaSet names.
    public var collisionCount: Int?

    public init(
        observedGeneration: Int? = nil, replicas: Int? = nil, updatedReplicas: Int? = nil, readyReplicas: Int? = nil,
        availableReplicas: Int? = nil, unavailableReplicas: Int? = nil, terminatingReplicas: Int? = nil,
        conditions: [DeploymentCondition]? = nil, collisionCount: Int? = nil
    ) {
        self.observedGeneration = observedGeneration
        self.replicas = replicas
        self.updatedReplicas = updatedReplicas
        self.readyReplicas = readyReplicas
        self.availableReplicas = availableReplicas
        self.unavailableReplicas = unavailableReplicas
        self.terminatingReplicas = terminatingReplicas
        self.conditions = conditions
        self.collisionCount = collisionCount
    }
}

/// One observed fact about a Deployment.
public struct DeploymentCondition: Codable, Hashable, Sendable {
    /// Name of the condition.
    public var type: String
    /// `True`, `False` or `Unknown`.
    public var status: String
    /// When it was last written.
    public var lastUpdateTime: Timestamp?
    /// When `status` last changed.
    public var lastTransitionTime: Timestamp?
    /// One word for the last change.
    public var reason: String?
    /// A sentence about the last change.
    public var message: String?

    public init(
        type: String, status: String, lastUpdateTime: Timestamp? = nil, lastTransitionTime: Timestamp? = nil,
        reason: String? = nil, message: String? = nil
    ) {
        self.type = type
        self.status = status
        self.lastUpdateTime = lastUpdateTime
        self.lastTransitionTime = lastTransitionTime
        self.reason = reason
        self.message = message
    }
}
