internal import JSON
internal import Resources

/// The metadata fields that the store itself writes.
extension Resource {
    func metadata(_ field: String) -> JSONValue? { value[path: "metadata", field] }

    mutating func setMetadata(_ field: String, _ new: JSONValue?) { value[path: "metadata", field] = new }

    var deletionGracePeriodSeconds: Int? { metadata("deletionGracePeriodSeconds")?.intValue }

    /// A namespace is held by `spec.finalizers` until its content is gone, beside the usual finalizers.
    var holds: [String] {
        let own = type == .namespace ? value[path: "spec", "finalizers"]?.arrayValue?.compactMap(\.stringValue) : nil
        return finalizers + (own ?? [])
    }

    /// Marked, and nothing left to wait for.
    var isReadyToRemove: Bool { isTerminating && holds.isEmpty && (deletionGracePeriodSeconds ?? 0) == 0 }

    var ownerUIDs: [String] {
        metadata("ownerReferences")?.arrayValue?.compactMap { $0["uid"]?.stringValue } ?? []
    }

    /// Whether a change of `spec` counts generations.
    var countsGenerations: Bool {
        type.custom != nil || (value["spec"] != nil && type != .namespace && type != .node)
    }

    /// What generations count the changes of: the spec, and of custom objects all but metadata and a status of its own.
    var content: JSONValue? {
        guard type.custom != nil else { return value["spec"] }
        var content = value
        content["metadata"] = nil
        if type.hasStatus { content["status"] = nil }
        return content
    }

    static func bookmark(of type: ResourceType, version: Int64) -> Resource {
        Resource(
            value: ["metadata": ["resourceVersion": .string(String(version)), "creationTimestamp": .null]], type: type)
    }
}
