import JSON

extension ResourceType {
    public static let priorityClass = ResourceType(
        group: "scheduling.k8s.io", "PriorityClass", "priorityclasses", ["pc"], namespaced: false)
}

extension Kind {
    /// A name for how important pods are.
    static let priorityClass = Kind(
        .priorityClass,
        schema: """
            PriorityClass
              metadata 1 ObjectMeta
              value 2 int32!
              globalDefault 3 bool
              description 4 string
              preemptionPolicy 5 string?
            """,
        columns: [
            .name, Column("Value", "integer") { $0.value["value"] ?? 0 },
            Column("Global-Default", "boolean") { $0.value["globalDefault"] ?? false }, .age,
            Column("PreemptionPolicy") { $0.value["preemptionPolicy"] ?? "" },
        ],
        defaults: { $0.setDefault("preemptionPolicy", to: "PreemptLowerPriority") },
        rules: { priority, errors in
            let value = priority["value"]?.intValue ?? 0
            let name = priority.text("metadata", "name")
            if name.hasPrefix("system-"), !["system-node-critical", "system-cluster-critical"].contains(name) {
                errors.forbidden(
                    "metadata.name", "priority class names with 'system-' prefix are reserved for system use only")
            } else if value > 1_000_000_000, !name.hasPrefix("system-") {
                errors.forbidden(
                    "value", "maximum allowed value of a user defined priority is 1000000000")
            }
            errors.oneOf("preemptionPolicy", priority.text("preemptionPolicy"), ["Never", "PreemptLowerPriority"])
        },
        updateRules: { new, old, errors in
            if new["value"] != old["value"] { errors.forbidden("value", "may not be changed in an update.") }
            if new["preemptionPolicy"] != old["preemptionPolicy"] {
                errors.invalid("preemptionPolicy", new["preemptionPolicy"] ?? .null, "field is immutable")
            }
        })
}
