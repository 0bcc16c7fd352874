import JSON

extension Scale {
    /// What a write of it changes in the object.
    static let fields = FieldSet(["f:spec", "f:replicas"])

    /// The shape of `autoscaling/v1` `Scale`.
    static var ownership: any OwnershipSchema {
        StructuralOwnership([
            "type": "object",
            "properties": [
                "spec": ["type": "object", "properties": ["replicas": ["type": "integer"]]],
                "status": [
                    "type": "object", "properties": ["replicas": ["type": "integer"], "selector": ["type": "string"]],
                ],
            ],
        ])
    }

    /// The owners of an object's number of replicas, as owners of a `Scale`.
    static func owners(_ resource: Resource) -> JSONValue? {
        var owners = ManagedFields(resource.managedFields) ?? ManagedFields()
        owners.entries = owners.entries.filter { $0.value.fields.contains(["f:spec", "f:replicas"]) }
            .mapValues { ManagedFields.Entry(fields: fields, apiVersion: apiVersion, time: $0.time) }
        return owners.value
    }
}
