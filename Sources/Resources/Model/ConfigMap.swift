/// Settings for pods.
public struct ConfigMap: KubernetesObject {
    public static var resourceType: ResourceType { .configMap }

    /// Standard object's metadata.
    public var metadata: ObjectMeta
    /// Whether the data can no longer change.
    public var immutable: Bool?
    /// Text values.
    public var data: [String: String]?
    /// Other values, as base64.
    public var binaryData: [String: String]?

    public init(
        metadata: ObjectMeta, immutable: Bool? = nil, data: [String: String]? = nil, binaryData: [String: String]? = nil
    ) {
        self.metadata = metadata
        self.immutable = immutable
        self.data = data
        self.binaryData = binaryData
    }
}
