import JSON

extension ResourceType {
    public static let resourceQuota = ResourceType("ResourceQuota", "resourcequotas", ["quota"])
}

extension Kind {
    /// Bounds what a namespace may use.
    static let resourceQuota = Kind(
        .resourceQuota,
        schema: """
            ResourceQuota
              metadata 1 ObjectMeta
              spec 2 ResourceQuotaSpec
              status 3 ResourceQuotaStatus
            ResourceQuotaSpec
              hard 1 {quantity}
              scopes 2 [string] atomic
              scopeSelector 3 ScopeSelector?
            ResourceQuotaStatus
              hard 1 {quantity}
              used 2 {quantity}
            ScopeSelector atomic
              matchExpressions 1 [ScopedResourceSelectorRequirement] atomic
            ScopedResourceSelectorRequirement
              scopeName 1 string!
              operator 2 string!
              values 3 [string] atomic
            """,
        columns: [
            .name, Column("Request") { .string(usage($0.value, limits: false)) },
            Column("Limit") { .string(usage($0.value, limits: true)) }, .age,
        ],
        hasStatus: true,
        rules: { quota, errors in
            for (name, value) in quota[path: "spec", "hard"]?.objectValue ?? [:] {
                if let fault = NameRules.qualifiedName(name) { errors.invalid("spec.hard[\(name)]", name, fault) }
                if let text = value.stringValue, text.hasPrefix("-") {
                    errors.invalid("spec.hard[\(name)]", text, "must be greater than or equal to 0")
                }
            }
        })
}

/// As `kubectl get` shows it: `cpu: 1/2, pods: 3/10`.
private func usage(_ quota: JSONValue, limits: Bool) -> String {
    let used = quota[path: "status", "used"]
    return (quota[path: "status", "hard"]?.objectValue ?? [:]).sorted { $0.key < $1.key }
        .filter { $0.key.hasPrefix("limits.") == limits }
        .map { "\($0.key): \(used?[$0.key]?.stringValue ?? "0")/\($0.value.stringValue ?? "")" }
        .joined(separator: ", ")
}
