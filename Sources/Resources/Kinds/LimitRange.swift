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
            for (index, limit) in limits.enumerated() { checkBounds("spec.limits[\(index)]", limit, into: &errors) }
        })
}

/// What is least, given and most must be in that order, for each resource.
private func checkBounds(_ field: String, _ limit: JSONValue, into errors: inout FieldErrors) {
    func quantities(_ name: String) -> [String: Quantity] {
        (limit[name]?.objectValue ?? [:]).compactMapValues { try? $0.decode(as: Quantity.self) }
    }
    let (least, most) = (quantities("min"), quantities("max"))
    let (given, asked) = (quantities("default"), quantities("defaultRequest"))
    for name in Set(least.keys).union(most.keys).union(given.keys).union(asked.keys).sorted() {
        func check(
            _ low: Quantity?, _ lowName: String, _ high: Quantity?, _ highName: String, at part: String,
            _ bad: Quantity?
        ) {
            guard let low, let high, let bad, low > high else { return }
            errors.invalid(
                "\(field).\(part)[\(name)]", "\(bad)",
                "\(lowName) value \(low) is greater than \(highName) value \(high)")
        }
        check(least[name], "min", most[name], "max", at: "min", least[name])
        check(least[name], "min", asked[name], "default request", at: "defaultRequest", asked[name])
        check(asked[name], "default request", most[name], "max", at: "defaultRequest", asked[name])
        check(asked[name], "default request", given[name], "default limit", at: "defaultRequest", asked[name])
        check(least[name], "min", given[name], "default", at: "default", least[name])
        check(given[name], "default", most[name], "max", at: "default", most[name])
    }
}
