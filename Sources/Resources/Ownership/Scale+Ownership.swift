public import JSON

extension Scale {
    /// Where the number of replicas stands in an object.
    static func path(in type: ResourceType) -> [String] {
        type.customVersion?.scale?.specReplicas ?? ["spec", "replicas"]
    }

    /// What a write of a scale changes in the object.
    static func fields(of type: ResourceType) -> FieldSet { FieldSet(path(in: type).map { "f:\($0)" }) }

    /// The replicas that an object states, as a scale: what an apply of one part hands to admission.
    public static func stated(by object: JSONValue, of type: ResourceType) -> JSONValue {
        var scale: JSONValue = ["metadata": [:], "spec": [:]]
        scale[path: "metadata", "resourceVersion"] = object[path: "metadata", "resourceVersion"]
        scale[path: "spec", "replicas"] = CustomScale.value(at: path(in: type), in: object)
        return scale
    }

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
        let fields = FieldSet(["f:spec", "f:replicas"])
        var owners = ManagedFields(resource.managedFields) ?? ManagedFields()
        owners.entries = owners.entries.filter { $0.value.fields.contains(path(in: resource.type).map { "f:\($0)" }) }
            .mapValues { ManagedFields.Entry(fields: fields, apiVersion: apiVersion, time: $0.time) }
        return owners.value
    }
}
