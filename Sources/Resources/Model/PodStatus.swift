public import JSON

/// What was observed of a pod.
public struct PodStatus: Codable, Hashable, Sendable {
    /// Generation of the spec that was seen.
    public var observedGeneration: Int?
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    public var phase: String?
    /// PodScheduled, Initialized, ContainersReady, Ready.
    public var conditions: [PodCondition]?
    /// Why it is in this state.
    public var message: String?
    /// One word for it.
    public var reason: String?
    /// Carried, not used.
    public var nominatedNodeName: String?
    /// Address of the node.
    public var hostIP: String?
    /// Addresses of the node.
    public var hostIPs: [HostIP]?
    /// Address of the pod.
    public var podIP: String?
    /// Addresses of the pod.
    public var podIPs: [PodIP]?
    /// When the agent accepted it.
    public var startTime: Timestamp?
    /// One per init container.
    public var initContainerStatuses: [ContainerStatus]?
    /// One per container.
    public var containerStatuses: [ContainerStatus]?
    /// `Guaranteed`, `Burstable` or `BestEffort`.
    public var qosClass: String?
    /// One per ephemeral container.
    public var ephemeralContainerStatuses: [ContainerStatus]?
    /// Carried, not used.
    public var resize: String?
    /// Carried, not used.
    public var resourceClaimStatuses: JSONValue?
    /// Carried, not used.
    public var extendedResourceClaimStatus: JSONValue?
    /// Carried, not used.
    public var allocatedResources: JSONValue?
    /// Carried, not used.
    public var resources: JSONValue?

    public init(
        observedGeneration: Int? = nil, phase: String? = nil, conditions: [PodCondition]? = nil, message: String? = nil,
        reason: String? = nil, nominatedNodeName: String? = nil, hostIP: String? = nil, hostIPs: [HostIP]? = nil,
        podIP: String? = nil, podIPs: [PodIP]? = nil, startTime: Timestamp? = nil,
        initContainerStatuses: [ContainerStatus]? = nil, containerStatuses: [ContainerStatus]? = nil,
        qosClass: String? = nil, ephemeralContainerStatuses: [ContainerStatus]? = nil, resize: String? = nil,
        resourceClaimStatuses: JSONValue? = nil, extendedResourceClaimStatus: JSONValue? = nil,
        allocatedResources: JSONValue? = nil, resources: JSONValue? = nil
    ) {
        self.observedGeneration = observedGeneration
        self.phase = phase
        self.conditions = conditions
        self.message = message
        self.reason = reason
        self.nominatedNodeName = nominatedNodeName
        self.hostIP = hostIP
        self.hostIPs = hostIPs
        self.podIP = podIP
        self.podIPs = podIPs
        self.startTime = startTime
        self.initContainerStatuses = initContainerStatuses
        self.containerStatuses = containerStatuses
        self.qosClass = qosClass
        self.ephemeralContainerStatuses = ephemeralContainerStatuses
        self.resize = resize
        self.resourceClaimStatuses = resourceClaimStatuses
        self.extendedResourceClaimStatus = extendedResourceClaimStatus
        self.allocatedResources = allocatedResources
        self.resources = resources
    }
}

/// An address of a node.
public struct HostIP: Codable, Hashable, Sendable {
    /// The address.
    public var ip: String

    public init(
        ip: String
    ) {
        self.ip = ip
    }
}

/// An address of a pod.
public struct PodIP: Codable, Hashable, Sendable {
    /// The address.
    public var ip: String

    public init(
        ip: String
    ) {
        self.ip = ip
    }
}

/// One observed fact about a pod.
public struct PodCondition: Codable, Hashable, Sendable {
    /// Name of the condition.
    public var type: String
    /// Generation of the spec that was seen.
    public var observedGeneration: Int?
    /// `True`, `False` or `Unknown`.
    public var status: String
    /// When it was last checked.
    public var lastProbeTime: Timestamp?
    /// When `status` last changed.
    public var lastTransitionTime: Timestamp?
    /// One word for the last change.
    public var reason: String?
    /// A sentence about the last change.
    public var message: String?

    public init(
        type: String, observedGeneration: Int? = nil, status: String, lastProbeTime: Timestamp? = nil,
        lastTransitionTime: Timestamp? = nil, reason: String? = nil, message: String? = nil
    ) {
        self.type = type
        self.observedGeneration = observedGeneration
        self.status = status
        self.lastProbeTime = lastProbeTime
        self.lastTransitionTime = lastTransitionTime
        self.reason = reason
        self.message = message
    }
}

/// What was observed of a container.
public struct ContainerStatus: Codable, Hashable, Sendable {
    /// Name of the container.
    public var name: String
    /// What it does now.
    public var state: ContainerState?
    /// How it ended before.
    public var lastState: ContainerState?
    /// Whether it passes its readiness probe.
    public var ready: Bool
    /// How often it was started again.
    public var restartCount: Int
    /// The image it runs.
    public var image: String
    /// Digest of that image.
    public var imageID: String
    /// As `wherry://<id>`.
    public var containerID: String?
    /// Whether it passed its startup probe.
    public var started: Bool?
    /// Carried, not used.
    public var allocatedResources: JSONValue?
    /// Carried, not used.
    public var resources: JSONValue?
    /// Carried, not used.
    public var volumeMounts: JSONValue?
    /// Carried, not used.
    public var user: JSONValue?
    /// Carried, not used.
    public var allocatedResourcesStatus: JSONValue?
    /// Carried, not used.
    public var stopSignal: String?

    public init(
        name: String, state: ContainerState? = nil, lastState: ContainerState? = nil, ready: Bool, restartCount: Int,
        image: String, imageID: String, containerID: String? = nil, started: Bool? = nil,
        allocatedResources: JSONValue? = nil, resources: JSONValue? = nil, volumeMounts: JSONValue? = nil,
        user: JSONValue? = nil, allocatedResourcesStatus: JSONValue? = nil, stopSignal: String? = nil
    ) {
        self.name = name
        self.state = state
        self.lastState = lastState
        self.ready = ready
        self.restartCount = restartCount
        self.image = image
        self.imageID = imageID
        self.containerID = containerID
        self.started = started
        self.allocatedResources = allocatedResources
        self.resources = resources
        self.volumeMounts = volumeMounts
        self.user = user
        self.allocatedResourcesStatus = allocatedResourcesStatus
        self.stopSignal = stopSignal
    }
}

/// Exactly one of these.
public struct ContainerState: Codable, Hashable, Sendable {
    /// Not yet running.
    public var waiting: ContainerStateWaiting?
    /// Running.
    public var running: ContainerStateRunning?
    /// Ended.
    public var terminated: ContainerStateTerminated?

    public init(
        waiting: ContainerStateWaiting? = nil, running: ContainerStateRunning? = nil,
        terminated: ContainerStateTerminated? = nil
    ) {
        self.waiting = waiting
        self.running = running
        self.terminated = terminated
    }
}

/// Not yet running.
public struct ContainerStateWaiting: Codable, Hashable, Sendable {
    /// As `ContainerCreating`, `CrashLoopBackOff`, `ErrImagePull`.
    public var reason: String?
    /// A sentence about it.
    public var message: String?

    public init(
        reason: String? = nil, message: String? = nil
    ) {
        self.reason = reason
        self.message = message
    }
}

/// Running.
public struct ContainerStateRunning: Codable, Hashable, Sendable {
    /// Since when.
    public var startedAt: Timestamp?

    public init(
        startedAt: Timestamp? = nil
    ) {
        self.startedAt = startedAt
    }
}

/// Ended.
public struct ContainerStateTerminated: Codable, Hashable, Sendable {
    /// Exit status; 128 and the signal when killed.
    public var exitCode: Int
    /// The signal that killed it.
    public var signal: Int?
    /// As `Completed`, `Error`, `OOMKilled`.
    public var reason: String?
    /// Its final message.
    public var message: String?
    /// When it started.
    public var startedAt: Timestamp?
    /// When it ended.
    public var finishedAt: Timestamp?
    /// As `wherry://<id>`.
    public var containerID: String?

    public init(
        exitCode: Int, signal: Int? = nil, reason: String? = nil, message: String? = nil, startedAt: Timestamp? = nil,
        finishedAt: Timestamp? = nil, containerID: String? = nil
    ) {
        self.exitCode = exitCode
        self.signal = signal
        self.reason = reason
        self.message = message
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.containerID = containerID
    }
}
