import JSON

/// What objects count against a ResourceQuota.
public struct QuotaUsage: Sendable, Equatable {
    /// By the names that quotas use, as `pods` or `requests.cpu`.
    public private(set) var amounts: [String: Quantity] = [:]

    public init() {}

    private init(_ amounts: [String: Quantity]) { self.amounts = amounts }

    public static func + (a: QuotaUsage, b: QuotaUsage) -> QuotaUsage {
        QuotaUsage(a.amounts.merging(b.amounts) { $0 + $1 })
    }

    /// What is used of each thing beyond what was; empty when nothing is.
    public func growth(from old: QuotaUsage) -> QuotaUsage {
        var grown: [String: Quantity] = [:]
        for (name, amount) in amounts {
            let was = old.amounts[name] ?? Quantity(0)
            if amount > was { grown[name] = amount - was }
        }
        return QuotaUsage(grown)
    }

    /// What one object uses. A pod that has ended uses nothing.
    public init(of object: Resource) {
        let type = object.type
        let counter = "count/\(type.qualifiedName)"
        let one = Quantity(1)
        amounts = [counter: one]
        switch type {
        case .pod:
            guard !Self.hasEnded(object) else {
                amounts = [:]
                return
            }
            amounts["pods"] = one
            addPod(object)
        case .service:
            amounts["services"] = one
            let serviceType = object.value.text("spec", "type")
            if serviceType == "LoadBalancer" { amounts["services.loadbalancers"] = one }
            if serviceType == "NodePort" || serviceType == "LoadBalancer" {
                amounts["services.nodeports"] = Quantity(Int64(object.value.list("spec", "ports").count))
            }
        case .persistentVolumeClaim:
            amounts["persistentvolumeclaims"] = one
            if let size = LimitRanges.quantities(object.value[path: "spec", "resources"]?["requests"])["storage"] {
                amounts["requests.storage"] = size
            }
        case .configMap, .secret, .replicationController, .resourceQuota: amounts[type.plural] = one
        default: break
        }
    }

    /// What pods count besides themselves.
    static let computeNames: Set = ["cpu", "memory", "ephemeral-storage"]

    private mutating func addPod(_ object: Resource) {
        guard let pod = try? object.decode(as: Pod.self) else { return }
        for (name, amount) in pod.spec.total(\.requests) {
            amounts["requests.\(name)"] = amount
            if Self.computeNames.contains(name) { amounts[name] = amount }
        }
        for (name, amount) in pod.spec.total(\.limits) { amounts["limits.\(name)"] = amount }
    }

    private static func hasEnded(_ pod: Resource) -> Bool {
        ["Succeeded", "Failed"].contains(pod.value.text("status", "phase"))
    }

    // MARK: Quotas

    /// The types whose objects a quota counts.
    public static func types(of quota: Resource, in catalog: TypeCatalog) -> Set<ResourceType> {
        var types: Set<ResourceType> = []
        for name in hard(quota).keys {
            if let type = type(of: name, in: catalog) { types.insert(type) }
        }
        return types
    }

    private static func type(of name: String, in catalog: TypeCatalog) -> ResourceType? {
        if name.hasPrefix("count/") {
            let type = catalog.stored(String(name.dropFirst("count/".count)))
            return type?.namespaced == true ? type : nil
        }
        if name == "requests.storage" { return .persistentVolumeClaim }
        if name.hasPrefix("services") { return .service }
        let counted: [ResourceType] = [
            .configMap, .secret, .persistentVolumeClaim, .replicationController, .resourceQuota,
        ]
        return counted.first { $0.plural == name } ?? .pod
    }

    public static func hard(_ quota: Resource) -> [String: Quantity] {
        LimitRanges.quantities(quota.value[path: "spec", "hard"])
    }

    /// Whether a quota's scopes take in an object.
    public static func takes(_ quota: Resource, _ object: Resource) -> Bool {
        var terms = quota.value.list("spec", "scopes").compactMap(\.stringValue)
            .map { Scope(name: $0, operation: "Exists", values: []) }
        terms += quota.value.list("spec", "scopeSelector", "matchExpressions").map {
            Scope(
                name: $0.text("scopeName"), operation: $0.text("operator"),
                values: $0.list("values").compactMap(\.stringValue))
        }
        guard !terms.isEmpty else { return true }
        // Only pods have scopes.
        guard object.type == .pod else { return false }
        return terms.allSatisfy { $0.holds(object) }
    }

    private struct Scope {
        let name: String
        let operation: String
        let values: [String]

        func holds(_ pod: Resource) -> Bool {
            let deadline = pod.value[path: "spec", "activeDeadlineSeconds"]?.intValue
            switch name {
            case "Terminating": return deadline != nil
            case "NotTerminating": return deadline == nil
            case "BestEffort": return isBestEffort(pod)
            case "NotBestEffort": return !isBestEffort(pod)
            case "PriorityClass":
                let priority = pod.value.text("spec", "priorityClassName")
                switch operation {
                case "In": return values.contains(priority)
                case "NotIn": return !values.contains(priority)
                case "Exists": return !priority.isEmpty
                default: return priority.isEmpty
                }
            default: return false
            }
        }

        private func isBestEffort(_ pod: Resource) -> Bool {
            QuotaUsage(of: pod).amounts.keys.allSatisfy { !$0.hasPrefix("requests.") && !$0.hasPrefix("limits.") }
        }
    }

    // MARK: Admission

    /// Why a quota refuses that an object uses `added` on top of `used`; nil when it does not.
    public static func refusal(
        _ quota: Resource, of object: Resource, used: QuotaUsage, added: QuotaUsage
    ) -> String? {
        let hard = hard(quota)
        if object.type == .pod, let missing = missing(of: object, hard: hard) {
            return "failed quota: \(quota.name): must specify \(missing)"
        }
        let exceeded = hard.filter { name, limit in
            guard let more = added.amounts[name], !more.isZero else { return false }
            return (used.amounts[name] ?? Quantity(0)) + more > limit
        }.keys.sorted()
        guard !exceeded.isEmpty else { return nil }
        func list(_ amounts: [String: Quantity]) -> String {
            exceeded.map { "\($0)=\(amounts[$0] ?? Quantity(0))" }.joined(separator: ",")
        }
        return "exceeded quota: \(quota.name), requested: \(list(added.amounts)), used: \(list(used.amounts)), "
            + "limited: \(list(hard))"
    }

    /// A quota on something that pods ask for makes asking for it a duty.
    private static func missing(of object: Resource, hard: [String: Quantity]) -> String? {
        guard let pod = try? object.decode(as: Pod.self) else { return nil }
        let duties = hard.keys.sorted().compactMap { name -> String? in
            let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
            let part: KeyPath<ResourceRequirements, [String: Quantity]?>
            let wanted: String
            if computeNames.contains(name) {
                (part, wanted) = (\.requests, name)
            } else if parts.count == 2, parts[0] == "requests", computeNames.contains(parts[1]) {
                (part, wanted) = (\.requests, parts[1])
            } else if parts.count == 2, parts[0] == "limits", computeNames.contains(parts[1]) {
                (part, wanted) = (\.limits, parts[1])
            } else {
                return nil
            }
            let lacking = pod.spec.allContainers.filter { $0.resources?[keyPath: part]?[wanted] == nil }.map(\.name)
            return lacking.isEmpty ? nil : "\(name) for: \(lacking.joined(separator: ","))"
        }
        return duties.isEmpty ? nil : duties.joined(separator: "; ")
    }
}
