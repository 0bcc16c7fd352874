import JSON

/// A metric of an autoscaler as `autoscaling/v1` keeps it in an annotation: without v2's `metric`, `target` and `current`.
enum FlatMetric {
    /// Whether the amounts are wanted or seen; the member of v2 that they stand in, and how their flat names begin.
    enum Side: String {
        case target
        case current
    }

    private static let sources = ["object", "pods", "resource", "containerResource", "external"]

    static func flattened(_ metric: JSONValue, _ side: Side) -> JSONValue {
        change(metric) { source, kind in flatten(&source, Names(kind, side), side) }
    }

    static func raised(_ metric: JSONValue, _ side: Side) -> JSONValue {
        change(metric) { source, kind in raise(&source, Names(kind, side), side) }
    }

    private static func change(_ metric: JSONValue, _ body: (inout JSONValue, String) -> Void) -> JSONValue {
        var metric = metric
        for kind in sources {
            guard var source = metric[kind], case .object = source else { continue }
            body(&source, kind)
            metric[kind] = source
        }
        return metric
    }

    private struct Names {
        /// Whether the metric has a name and a selector of its own, rather than a resource's name.
        let hasMetric: Bool
        let isObject: Bool
        let selector: String
        let value: String
        let average: String
        let utilization: String

        init(_ kind: String, _ side: Side) {
            hasMetric = !kind.lowercased().hasSuffix("resource")
            isObject = kind == "object"
            selector = kind == "external" ? "metricSelector" : "selector"
            value = "\(side.rawValue)Value"
            average = isObject ? "averageValue" : "\(side.rawValue)AverageValue"
            utilization = "\(side.rawValue)AverageUtilization"
        }
    }

    private static func flatten(_ source: inout JSONValue, _ names: Names, _ side: Side) {
        let amounts = source[side.rawValue] ?? [:]
        source[side.rawValue] = nil
        if names.hasMetric {
            source["metricName"] = source[path: "metric", "name"]
            source[names.selector] = source[path: "metric", "selector"]
            source["metric"] = nil
        }
        if names.isObject {
            source["target"] = source["describedObject"]
            source["describedObject"] = nil
        }
        source[names.value] = amounts["value"] ?? (names.isObject ? "0" : nil)
        source[names.average] = amounts["averageValue"]
        source[names.utilization] = amounts["averageUtilization"]
    }

    private static func raise(_ source: inout JSONValue, _ names: Names, _ side: Side) {
        var amounts: JSONValue = [:]
        func take(_ name: String) -> JSONValue? {
            defer { source[name] = nil }
            return source[name].flatMap { $0.isNull ? nil : $0 }
        }
        amounts["averageUtilization"] = take(names.utilization)
        amounts["averageValue"] = take(names.average)
        let value = take(names.value)
        // What v1 demands and the average makes needless.
        if !(names.isObject && value == "0" && amounts["averageValue"] != nil) { amounts["value"] = value }
        if names.isObject { source["describedObject"] = take("target") }
        if names.hasMetric {
            source["metric"] = ["name": take("metricName") ?? ""]
            source[path: "metric", "selector"] = take(names.selector)
        }
        if side == .target { amounts["type"] = .string(kind(of: amounts)) }
        source[side.rawValue] = amounts
    }

    private static func kind(of amounts: JSONValue) -> String {
        if amounts["averageUtilization"] != nil { return "Utilization" }
        return amounts["averageValue"] == nil && amounts["value"] != nil ? "Value" : "AverageValue"
    }
}

/// An autoscaler's behaviour as Kubernetes keeps it in an annotation: its own struct, whose fields have no JSON names.
enum ScalingBehavior {
    private static let rules = ["stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"]
    private static let names = Dictionary(
        uniqueKeysWithValues: (["scaleUp", "scaleDown", "type", "value", "periodSeconds"] + rules).map {
            ($0.lowercased(), $0)
        })

    static func unnamed(_ behavior: JSONValue) -> JSONValue {
        var result: JSONValue = [:]
        for direction in ["scaleUp", "scaleDown"] {
            guard let own = behavior[direction], !own.isNull else {
                result[capitalized(direction)] = .null
                continue
            }
            var rules: JSONValue = [:]
            for name in Self.rules { rules[capitalized(name)] = own[name] ?? .null }
            rules.changeEach("Policies") { policy in
                for name in ["type", "value", "periodSeconds"] { policy.rename([(name, capitalized(name))]) }
            }
            result[capitalized(direction)] = rules
        }
        return result
    }

    /// Names are read as Go reads them, in whatever case.
    static func named(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members):
            var result: JSONValue = [:]
            for (name, member) in members where !member.isNull {
                result[names[name.lowercased()] ?? name] = named(member)
            }
            return result
        case .array(let elements): return .array(elements.map(named))
        default: return value
        }
    }

    private static func capitalized(_ name: String) -> String { name.prefix(1).uppercased() + name.dropFirst() }
}
