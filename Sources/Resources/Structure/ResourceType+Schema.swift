extension ResourceType {
    /// The struct of this type.
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
    var schema: ObjectSchema { SchemaCatalog.shared[self] }
}

/// The shapes of all types, recorded once.
private struct SchemaCatalog: Sendable {
    static let shared = SchemaCatalog()

    private let schemas: [ResourceType: ObjectSchema]

    private init() {
        schemas = Dictionary(
            uniqueKeysWithValues: ResourceType.all.map { type in
                func record<T: Decodable>(_ object: T.Type) -> SchemaNode { SchemaRecorder.record(object).node }
                return (type, record(type.objectType).object ?? ObjectSchema(name: type.kind, fields: []))
            })
    }

    subscript(type: ResourceType) -> ObjectSchema {
        schemas[type] ?? ObjectSchema(name: type.kind, fields: [])
    }
}
