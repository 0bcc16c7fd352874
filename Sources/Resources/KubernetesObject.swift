/// A typed Kubernetes object. `apiVersion` and `kind` are no properties: they follow from ``resourceType``.
public protocol KubernetesObject: Codable, Hashable, Sendable {
    static var resourceType: ResourceType { get }
    var metadata: ObjectMeta { get set }
}

extension KubernetesObject {
    /// Where the object lives.
    public var key: ResourceKey {
        ResourceKey(type: Self.resourceType, namespace: metadata.namespace, name: metadata.name)
    }
}
