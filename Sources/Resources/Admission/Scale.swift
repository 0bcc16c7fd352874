public import JSON

/// The `scale` subresource of what has replicas: `autoscaling/v1` `Scale`.
public enum Scale {
    public static let apiVersion = "autoscaling/v1"
    public static let kind = "Scale"

    /// The `Scale` of an object.
    ///
    /// - Throws: not found for types that cannot be scaled.
    public static func of(_ resource: Resource) throws(StatusError) -> JSONValue {
        try check(resource)
        var metadata: JSONValue = [:]
        for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            metadata[field] = resource.value[path: "metadata", field]
        }
        metadata["managedFields"] = owners(resource)
        if let paths = resource.type.customVersion?.scale {
            let (replicas, status) = try CustomScale.of(resource, paths)
            return [
                "apiVersion": .string(apiVersion), "kind": .string(kind), "metadata": metadata,
                "spec": ["replicas": replicas], "status": status,
            ]
        }
        var status: JSONValue = ["replicas": resource.value[path: "status", "replicas"] ?? 0]
        var selector = resource.value[path: "spec", "selector"] ?? [:]
        if resource.type == .replicationController { selector = ["matchLabels": selector] }
        if let selector = try? selector.decode(as: LabelSelector.self), let query = try? LabelSelectorQuery(selector) {
            status["selector"] = .string(query.description)
        }
        return [
            "apiVersion": .string(apiVersion), "kind": .string(kind), "metadata": metadata,
            "spec": ["replicas": resource.value[path: "spec", "replicas"] ?? 1], "status": status,
        ]
    }

    /// The object with the number of replicas of a `Scale`; its resource version is taken over for the store to check.
    static func applying(_ scale: JSONValue, to old: Resource) throws(StatusError) -> Resource {
        try check(old)
        guard
            scale["spec"] == nil || scale[path: "spec", "replicas"] == nil
                || scale[path: "spec", "replicas"]?.intValue != nil
        else {
            throw .badRequest(
                "Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal "
                    + "\(scale[path: "spec", "replicas"]?.typeName ?? "null") into Go struct field "
                    + "ScaleSpec.spec.replicas of type int32")
        }
        let replicas = scale[path: "spec", "replicas"]?.intValue ?? 0
        guard (0...Int(Int32.max)).contains(replicas) else {
            throw StatusError.invalid(
                old.type, name: old.name,
                causes: [
                    StatusError.Cause(
                        reason: "FieldValueInvalid",
                        message: "Invalid value: \(replicas): must be greater than or equal to 0",
                        field: "spec.replicas")
                ])
        }
        var result = old
        let path = old.type.customVersion?.scale?.specReplicas ?? ["spec", "replicas"]
        CustomScale.set(.integer(Int64(replicas)), at: path[...], in: &result.value)
        result.resourceVersion = scale[path: "metadata", "resourceVersion"]?.stringValue ?? ""
        return result
    }

    private static func check(_ resource: Resource) throws(StatusError) {
        guard resource.type.isScalable else { throw .unknownPath() }
    }
}
