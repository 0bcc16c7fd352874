import JSON

/// The `scale` subresource of custom objects: a definition says where the numbers stand.
enum CustomScale {
    static func value(at path: [String], in value: JSONValue) -> JSONValue? {
        path.reduce(Optional(value)) { $0?[$1] }
    }

    static func set(_ new: JSONValue, at path: ArraySlice<String>, in value: inout JSONValue) {
        guard let first = path.first else {
            value = new
            return
        }
        var member = value[first] ?? [:]
        set(new, at: path.dropFirst(), in: &member)
        value[first] = member
    }

    /// - Throws: internal error, as in kube-apiserver, for an object that has no number of replicas.
    static func of(
        _ resource: Resource, _ paths: CustomKind.ScalePaths
    ) throws(StatusError) -> (replicas: JSONValue, status: JSONValue) {
        guard let replicas = value(at: paths.specReplicas, in: resource.value)?.intValue else {
            throw .internalError(
                "the spec replicas field \".\(paths.specReplicas.joined(separator: "."))\" does not exist")
        }
        let present = value(at: paths.statusReplicas, in: resource.value)?.intValue ?? 0
        var status: JSONValue = ["replicas": .integer(Int64(present))]
        if let selector = paths.selector.flatMap({ value(at: $0, in: resource.value)?.stringValue }), !selector.isEmpty
        {
            status["selector"] = .string(selector)
        }
        return (.integer(Int64(replicas)), status)
    }
}
