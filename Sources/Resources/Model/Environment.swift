public import JSON

/// An environment variable.
public struct EnvVar: Codable, Hashable, Sendable {
    /// Its name.
    public var name: String
    /// Its value; `$(NAME)` is expanded.
    public var value: String?
    /// Where to take the value from instead.
    public var valueFrom: EnvVarSource?

    public init(
        name: String, value: String? = nil, valueFrom: EnvVarSource? = nil
    ) {
        self.name = name
        self.value = value
        self.valueFrom = valueFrom
    }
}

/// Where the value of a variable comes from: exactly one of these.
public struct EnvVarSource: Codable, Hashable, Sendable {
    /// A field of the pod.
    public var fieldRef: ObjectFieldSelector?
    /// A limit or request of a container.
    public var resourceFieldRef: ResourceFieldSelector?
    /// A key of a ConfigMap.
    public var configMapKeyRef: ConfigMapKeySelector?
    /// A key of a Secret.
    public var secretKeyRef: SecretKeySelector?
    /// Carried; the agent refuses it.
    public var fileKeyRef: JSONValue?

    public init(
        fieldRef: ObjectFieldSelector? = nil, resourceFieldRef: ResourceFieldSelector? = nil,
        configMapKeyRef: ConfigMapKeySelector? = nil, secretKeyRef: SecretKeySelector? = nil,
        fileKeyRef: JSONValue? = nil
    ) {
        self.fieldRef = fieldRef
        self.resourceFieldRef = resourceFieldRef
        self.configMapKeyRef = configMapKeyRef
        self.secretKeyRef = secretKeyRef
        self.fileKeyRef = fileKeyRef
    }
}

/// A field of the pod.
public struct ObjectFieldSelector: Codable, Hashable, Sendable {
    /// `v1`.
    public var apiVersion: String?
    /// As `metadata.name` or `status.podIP`.
    public var fieldPath: String

    public init(
        apiVersion: String? = nil, fieldPath: String
    ) {
        self.apiVersion = apiVersion
        self.fieldPath = fieldPath
    }
}

/// A limit or request of a container.
public struct ResourceFieldSelector: Codable, Hashable, Sendable {
    /// The container; this one by default.
    public var containerName: String?
    /// As `limits.cpu`.
    public var resource: String
    /// The unit; 1 by default.
    public var divisor: Quantity?

    public init(
        containerName: String? = nil, resource: String, divisor: Quantity? = nil
    ) {
        self.containerName = containerName
        self.resource = resource
        self.divisor = divisor
    }
}

/// A key of a ConfigMap.
public struct ConfigMapKeySelector: Codable, Hashable, Sendable {
    /// Name of the ConfigMap.
    public var name: String?
    /// The key.
    public var key: String
    /// Whether it may be missing.
    public var optional: Bool?

    public init(
        name: String? = nil, key: String, optional: Bool? = nil
    ) {
        self.name = name
        self.key = key
        self.optional = optional
    }
}

/// A key of a Secret.
public struct SecretKeySelector: Codable, Hashable, Sendable {
    /// Name of the Secret.
    public var name: String?
    /// The key.
    public var key: String
    /// Whether it may be missing.
    public var optional: Bool?

    public init(
        name: String? = nil, key: String, optional: Bool? = nil
    ) {
        self.name = name
        self.key = key
        self.optional = optional
    }
}

/// A whole ConfigMap or Secret as environment.
public struct EnvFromSource: Codable, Hashable, Sendable {
    /// Put before each key.
    public var prefix: String?
    /// The ConfigMap.
    public var configMapRef: ConfigMapEnvSource?
    /// The Secret.
    public var secretRef: SecretEnvSource?

    public init(
        prefix: String? = nil, configMapRef: ConfigMapEnvSource? = nil, secretRef: SecretEnvSource? = nil
    ) {
        self.prefix = prefix
        self.configMapRef = configMapRef
        self.secretRef = secretRef
    }
}

/// A ConfigMap as environment.
public struct ConfigMapEnvSource: Codable, Hashable, Sendable {
    /// Its name.
    public var name: String?
    /// Whether it may be missing.
    public var optional: Bool?

    public init(
        name: String? = nil, optional: Bool? = nil
    ) {
        self.name = name
        self.optional = optional
    }
}

/// A Secret as environment.
public struct SecretEnvSource: Codable, Hashable, Sendable {
    /// Its name.
    public var name: String?
    /// Whether it may be missing.
    public var optional: Bool?

    public init(
        name: String? = nil, optional: Bool? = nil
    ) {
        self.name = name
        self.optional = optional
    }
}
