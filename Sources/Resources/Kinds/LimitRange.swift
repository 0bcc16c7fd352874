import JSON

extension ResourceType {
    public static let limitRange = ResourceType("LimitRange", "limitranges", ["limits"])
}

extension Kind {
    /// Defaults and bounds for what containers ask for.
    static let limitRange = Kind(
        .limitRange,
        schema: """
            LimitRange
              metadata 1 ObjectMeta
              spec 2 LimitRangeSpec
            LimitRangeItem
              type 1 string!
              max 2 {quantity}
              min 3 {quantity}
              default 4 {quantity}
              defaultRequest 5 {quantity}
              maxLimitRequestRatio 6 {quantity}
            LimitRangeSpec
              limits 1 [LimitRangeItem]! atomic
            """,
        columns: [.name, Column("Created At") { .string($0.creationTimestamp ?? "") }],
        defaults: { range in
            var spec = range["spec"] ?? [:]
            spec.changeEach("limits") { limit in
                guard limit["type"] == "Container" else { return }
                let most = limit["max"]?.objectValue ?? [:]
                let least = limit["min"]?.objectValue ?? [:]
                let given = limit["default"]?.objectValue ?? [:]
                let limits = given.merging(most) { mine, _ in mine }
                let requests = (limit["defaultRequest"]?.objectValue ?? [:]).merging(limits) { mine, _ in mine }
                    .merging(least) { mine, _ in mine }
                if !limits.isEmpty { limit["default"] = .object(limits) }
                if !requests.isEmpty { limit["defaultRequest"] = .object(requests) }
            }
            range["spec"] = spec
        },
        rules: { range, errors in
            let limits = range.list("spec", "limits")
            errors.unique({ "spec.limits[\($0)].type" }, limits.map { $0.text("type") })
            for (index, limit) in limits.enumerated() where limit.text("type").isEmpty {
                errors.required("spec.limits[\(index)].type")
            }
        })
}
