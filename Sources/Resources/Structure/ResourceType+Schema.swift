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
        ShapeLibrary.shared.shape(kind, in: package) ?? ObjectSchema(name: kind, fields: [])
    }
}
