public import JSON

/// A machine that runs pods; here the device itself, or at the hub a device of the fleet.
public struct Node: KubernetesObject {
    public static var resourceType: ResourceType { .node }

    /// Standard object's metadata.
    public var metadata: ObjectMeta
    /// What the node should be.
    public var spec: NodeSpec?
    /// What was observed.
    public var status: NodeStatus?

    public init(
        metadata: ObjectMeta, spec: NodeSpec? = nil, status: NodeStatus? = nil
    ) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }
}

/// What a node should be.
public struct NodeSpec: Codable, Hashable, Sendable {
    /// Addresses of its pods.
    public var podCIDR: String?
    /// Addresses of its pods, one range per family.
    public var podCIDRs: [String]?
    /// Id at a provider of machines.
    public var providerID: String?
    /// Whether new pods stay away (`kubectl cordon`).
    public var unschedulable: Bool?
    /// What keeps pods away that do not tolerate it.
    public var taints: [Taint]?
    /// Carried, not used.
    public var configSource: JSONValue?
    /// Carried, not used.
    public var externalID: String?

    public init(
        podCIDR: String? = nil, podCIDRs: [String]? = nil, providerID: String? = nil, unschedulable: Bool? = nil,
        taints: [Taint]? = nil, configSource: JSONValue? = nil, externalID: String? = nil
    ) {
        self.podCIDR = podCIDR
        self.podCIDRs = podCIDRs
        self.providerID = providerID
        self.unschedulable = unschedulable
        self.taints = taints
        self.configSource = configSource
        self.externalID = externalID
    }
}

/// Keeps pods away from a node.
public struct Taint: Codable, Hashable, Sendable {
    /// Name of the taint.
    public var key: String
    /// Its value.
    public var value: String?
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    public var effect: String
    /// When a `NoExecute` taint was set.
    public var timeAdded: Timestamp?

    public init(
        key: String, value: String? = nil, effect: String, timeAdded: Timestamp? = nil
    ) {
        self.key = key
        self.value = value
        self.effect = effect
        self.timeAdded = timeAdded
    }
}

/// What was observed of a node.
public struct NodeStatus: Codable, Hashable, Sendable {
    /// What the machine has.
    public var capacity: [String: Quantity]?
    /// What pods may use.
    public var allocatable: [String: Quantity]?
    /// Carried, not used.
    public var phase: String?
    /// Ready, MemoryPressure, DiskPressure, PIDPressure.
    public var conditions: [NodeCondition]?
    /// How to reach it.
    public var addresses: [NodeAddress]?
    /// Ports of the agent.
    public var daemonEndpoints: JSONValue?
    /// Versions and ids of the machine.
    public var nodeInfo: NodeSystemInfo?
    /// Images in its store.
    public var images: [ContainerImage]?
    /// Carried, not used.
    public var volumesInUse: [String]?
    /// Carried, not used.
    public var volumesAttached: JSONValue?
    /// Carried, not used.
    public var config: JSONValue?
    /// Carried, not used.
    public var runtimeHandlers: JSONValue?
    /// Carried, not used.
    public var features: JSONValue?
    /// Carried, not used.
    public var declaredFeatures: JSONValue?

    public init(
        capacity: [String: Quantity]? = nil, allocatable: [String: Quantity]? = nil, phase: String? = nil,
        conditions: [NodeCondition]? = nil, addresses: [NodeAddress]? = nil, daemonEndpoints: JSONValue? = nil,
        nodeInfo: NodeSystemInfo? = nil, images: [ContainerImage]? = nil, volumesInUse: [String]? = nil,
        volumesAttached: JSONValue? = nil, config: JSONValue? = nil, runtimeHandlers: JSONValue? = nil,
        features: JSONValue? = nil, declaredFeatures: JSONValue? = nil
    ) {
        self.capacity = capacity
        self.allocatable = allocatable
        self.phase = phase
        self.conditions = conditions
        self.addresses = addresses
        self.daemonEndpoints = daemonEndpoints
        self.nodeInfo = nodeInfo
        self.images = images
        self.volumesInUse = volumesInUse
        self.volumesAttached = volumesAttached
        self.config = config
        self.runtimeHandlers = runtimeHandlers
        self.features = features
        self.declaredFeatures = declaredFeatures
    }
}

/// One observed fact about a node.
public struct NodeCondition: Codable, Hashable, Sendable {
    /// Name of the condition.
    public var type: String
    /// `True`, `False` or `Unknown`.
    public var status: String
    /// When it was last observed.
    public var lastHeartbeatTime: Timestamp?
    /// When `status` last changed.
    public var lastTransitionTime: Timestamp?
    /// One word for the last change.
    public var reason: String?
    /// A sentence about the last change.
    public var message: String?

    public init(
        type: String, status: String, lastHeartbeatTime: Timestamp? = nil, lastTransitionTime: Timestamp? = nil,
        reason: String? = nil, message: String? = nil
    ) {
        self.type = type
        self.status = status
        self.lastHeartbeatTime = lastHeartbeatTime
        self.lastTransitionTime = lastTransitionTime
        self.reason = reason
        self.message = message
    }
}

/// One way to reach a node.
public struct NodeAddress: Codable, Hashable, Sendable {
    /// `InternalIP`, `ExternalIP` or `Hostname`.
    public var type: String
    /// The address.
    public var address: String

    public init(
        type: String, address: String
    ) {
        self.type = type
        self.address = address
    }
}

/// Versions and ids of a machine.
public struct NodeSystemInfo: Codable, Hashable, Sendable {
    /// Content of /etc/machine-id.
    public var machineID: String
    /// UUID of the board.
    public var systemUUID: String
    /// Changes with each boot.
    public var bootID: String
    /// As `uname -r` prints it.
    public var kernelVersion: String
    /// PRETTY_NAME of /etc/os-release.
    public var osImage: String
    /// As `wherry://1.0`.
    public var containerRuntimeVersion: String
    /// Version of the agent.
    public var kubeletVersion: String
    /// Empty here.
    public var kubeProxyVersion: String
    /// `linux`.
    public var operatingSystem: String
    /// As Go names it: `amd64`, `arm64`.
    public var architecture: String
    /// Carried, not used.
    public var swap: JSONValue?

    public init(
        machineID: String, systemUUID: String, bootID: String, kernelVersion: String, osImage: String,
        containerRuntimeVersion: String, kubeletVersion: String, kubeProxyVersion: String, operatingSystem: String,
        architecture: String, swap: JSONValue? = nil
    ) {
        self.machineID = machineID
        self.systemUUID = systemUUID
        self.bootID = bootID
        self.kernelVersion = kernelVersion
        self.osImage = osImage
        self.containerRuntimeVersion = containerRuntimeVersion
        self.kubeletVersion = kubeletVersion
        self.kubeProxyVersion = kubeProxyVersion
        self.operatingSystem = operatingSystem
        self.architecture = architecture
        self.swap = swap
    }
}

/// An image in the store of a node.
public struct ContainerImage: Codable, Hashable, Sendable {
    /// References and digests.
    public var names: [String]?
    /// Size in bytes.
    public var sizeBytes: Int?

    public init(
        names: [String]? = nil, sizeBytes: Int? = nil
    ) {
        self.names = names
        self.sizeBytes = sizeBytes
    }
}
