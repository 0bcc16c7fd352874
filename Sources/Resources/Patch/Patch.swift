public import JSON

/// Changes to objects, in the three forms the API takes.
public enum Patch {
    public enum Kind: Sendable, Hashable, CaseIterable {
        /// RFC 6902.
        case json
        /// RFC 7386.
        case merge
        /// Kubernetes' own: lists of objects are merged by key.
        case strategicMerge

        /// As `application/merge-patch+json`.
        public var mediaType: String {
            switch self {
            case .json: "application/json-patch+json"
            case .merge: "application/merge-patch+json"
            case .strategicMerge: "application/strategic-merge-patch+json"
            }
        }
    }

    /// The document after the patch; not yet checked (``Admission/update(_:old:subresource:validation:)`` does that).
    ///
    /// - Throws: bad request when the patch is malformed, invalid when it does not apply to this object.
    public static func apply(
        _ kind: Kind, patch: JSONValue, to resource: Resource
    ) throws(StatusError) -> JSONValue {
        switch kind {
        case .json: return try JSONPatch.apply(patch, to: resource.value)
        case .merge:
            guard case .object = patch else { throw notAnObject(patch) }
            return MergePatch.apply(patch, to: resource.value)
        case .strategicMerge:
            guard case .object(let members) = patch else { throw notAnObject(patch) }
            return try StrategicMergePatch.apply(members, to: resource.value, schema: resource.type.schema)
        }
    }

    private static func notAnObject(_ patch: JSONValue) -> StatusError {
        .badRequest("error decoding patch: json: cannot unmarshal \(patch.typeName) into a JSON object")
    }
}

/// RFC 7386: members replace, null removes, everything that is no object replaces as a whole.
enum MergePatch {
    static func apply(_ patch: JSONValue, to target: JSONValue?) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var members = target?.objectValue ?? [:]
        for (key, change) in changes {
            if change.isNull {
                members[key] = nil
            } else {
                members[key] = apply(change, to: members[key])
            }
        }
        return .object(members)
    }
}
