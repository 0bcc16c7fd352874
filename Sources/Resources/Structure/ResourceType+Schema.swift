extension ResourceType {
    /// The struct of a type that has one.
    var objectType: any AdmittedObject.Type {
        switch self {
        case .namespace: Namespace.self
        case .node: Node.self
        case .replicaSet: ReplicaSet.self
        case .deployment: Deployment.self
        case .configMap: ConfigMap.self
        case .secret: Secret.self
        case .event: Event.self
        default: Pod.self
        }
    }

    /// The shape of its documents, without `apiVersion` and `kind`.
    var schema: ObjectSchema {
        guard custom == nil else { return Self.customShape }
        return ShapeLibrary.shared.shape(kind, in: package) ?? ObjectSchema(name: kind, fields: [])
    }

    /// What the shapes say of a custom object: its metadata. The rest is a matter of its ``StructuralSchema``.
    private static let customShape = ObjectSchema(
        name: "",
        fields: [
            ObjectSchema.Field(
                name: "metadata",
                node: ShapeLibrary.shared.shape("ObjectMeta", in: "meta.v1").map { .object($0) } ?? .any,
                required: false, merge: nil, number: 1)
        ])
}
