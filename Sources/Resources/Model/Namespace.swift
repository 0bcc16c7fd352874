/// A room for names: objects of one namespace do not see those of another.
public struct Namespace: KubernetesObject {
    public static var resourceType: ResourceType { .namespace }

    /// Standard object's metadata.
    public var metadata: ObjectMeta
    /// What the namespace should be.
    public var spec: NamespaceSpec?
    /// What it is.
    public var status: NamespaceStatus?

    public init(
        metadata: ObjectMeta, spec: NamespaceSpec? = nil, status: NamespaceStatus? = nil
    ) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }
}

/// What a namespace should be.
public struct NamespaceSpec: Codable, Hashable, Sendable {
    /// Who must clean up before the namespace goes.
    public var finalizers: [String]?

    public init(
        finalizers: [String]? = nil
    ) {
        self.finalizers = finalizers
    }
}

/// State of a namespace.
public struct NamespaceStatus: Codable, Hashable, Sendable {
    /// `Active` or `Terminating`.
    public var phase: String?
    /// What holds deletion back.
    public var conditions: [NamespaceCondition]?

    public init(
        phase: String? = nil, conditions: [NamespaceCondition]? = nil
    ) {
        self.phase = phase
        self.conditions = conditions
    }
}

/// One observed fact about a namespace.
public struct NamespaceCondition: Codable, Hashable, Sendable {
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
