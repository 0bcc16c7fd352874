import JSON

extension ResourceType {
    public static let podDisruptionBudget = ResourceType(
        group: "policy", "PodDisruptionBudget", "poddisruptionbudgets", ["pdb"])
}

extension Kind {
    /// How many pods of a set may be away at once.
    static let podDisruptionBudget = Kind(
        .podDisruptionBudget,
        schema: """
            PodDisruptionBudget
              metadata 1 ObjectMeta
              spec 2 PodDisruptionBudgetSpec
              status 3 PodDisruptionBudgetStatus
            PodDisruptionBudgetSpec
              minAvailable 1 intOrString?
              selector 2 LabelSelector?
              maxUnavailable 3 intOrString?
              unhealthyPodEvictionPolicy 4 string?
            PodDisruptionBudgetStatus
              observedGeneration 1 int64
              disruptedPods 2 {time}
              disruptionsAllowed 3 int32!
              currentHealthy 4 int32!
              desiredHealthy 5 int32!
              expectedPods 6 int32!
              conditions 7 [Condition] merge=type map=type
            """,
        columns: [
            .name, Column("Min Available") { .string($0.value[path: "spec", "minAvailable"].map(plain) ?? "N/A") },
            Column("Max Unavailable") { .string($0.value[path: "spec", "maxUnavailable"].map(plain) ?? "N/A") },
            .count("Allowed Disruptions", "status", "disruptionsAllowed"), .age,
        ],
        hasStatus: true,
        rules: { budget, errors in
            if budget[path: "spec", "minAvailable"] != nil, budget[path: "spec", "maxUnavailable"] != nil {
                errors.invalid(
                    "spec", budget["spec"] ?? [:], "minAvailable and maxUnavailable cannot be both set")
            }
            for field in ["minAvailable", "maxUnavailable"] {
                let value = try? budget[path: "spec", field]?.decode(as: IntOrString.self)
                errors.intOrPercent("spec.\(field)", value)
                errors.notBeyondWhole("spec.\(field)", value)
            }
            if let selector = try? budget[path: "spec", "selector"]?.decode(as: LabelSelector.self) {
                selector.validate("spec.selector", into: &errors)
            }
        })
}

private func plain(_ value: JSONValue) -> String { value.stringValue ?? "\(value)" }
