/// Settings for pods that only they should see.
public struct Secret: KubernetesObject {
    public static var resourceType: ResourceType { .secret }

    /// Standard object's metadata.
    public var metadata: ObjectMeta
    /// Whether the data can no longer change.
    public var immutable: Bool?
    /// Values as base64.
    public var data: [String: String]?
    /// Values as text, for writing only: moved to data.
    public var stringData: [String: String]?
    /// As `Opaque` or `kubernetes.io/tls`.
    public var type: String?

    public init(
        metadata: ObjectMeta, immutable: Bool? = nil, data: [String: String]? = nil,
        stringData: [String: String]? = nil, type: String? = nil
    ) {
        self.metadata = metadata
        self.immutable = immutable
        self.data = data
        self.stringData = stringData
        self.type = type
    }
}
