import JSON

extension ResourceType {
    public static let controllerRevision = ResourceType(
        group: "apps", "ControllerRevision", "controllerrevisions")
}

extension Kind {
    /// A state that a controller can go back to.
    static let controllerRevision = Kind(
        .controllerRevision,
        schema: """
            ControllerRevision
              metadata 1 ObjectMeta
              data 2 raw
              revision 3 int64!
            """,
        columns: [
            .name, Column("Controller") { .string(owner(of: $0)) },
            Column("Revision", "integer") { $0.value["revision"] ?? 0 }, .age,
        ],
        rules: { revision, errors in
            errors.notNegative("revision", revision["revision"]?.intValue)
            if revision["data"] == nil { errors.required("data", "data is mandatory") }
        },
        updateRules: { new, old, errors in
            errors.notChanged("data", new["data"] == old["data"], new["data"] ?? .null)
        })
}

/// As `kubectl get` shows it: `statefulset.apps/web`.
private func owner(of revision: Resource) -> String {
    guard let owner = revision.controllerOwner else { return "<none>" }
    let group = owner.apiVersion.contains("/") ? "." + owner.apiVersion.prefix { $0 != "/" } : ""
    return "\(owner.kind.lowercased())\(group)/\(owner.name)"
}
