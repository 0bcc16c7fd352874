import JSON

/// Applies the LimitRanges of a namespace: defaults for what a container does not ask for, and bounds.
public enum LimitRanges {
    /// Gives the containers of a pod the namespace's defaults.
    ///
    /// - Returns: the pod, with an annotation that says what was set.
    public static func applyDefaults(of ranges: [Resource], to pod: inout Pod) {
        let items = items(of: ranges, "Container")
        let limits = defaults(items, "default")
        let requests = defaults(items, "defaultRequest")
        guard !limits.isEmpty || !requests.isEmpty else { return }
        var notes: [String] = []
        for index in (pod.spec.initContainers ?? []).indices {
            if let note = pod.spec.initContainers?[index].fill("init container", limits, requests) { notes += note }
        }
        for index in pod.spec.containers.indices {
            notes += pod.spec.containers[index].fill("container", limits, requests)
        }
        guard !notes.isEmpty else { return }
        pod.metadata.annotations = (pod.metadata.annotations ?? [:]).merging(
            ["kubernetes.io/limit-ranger": "LimitRanger plugin set: \(notes.joined(separator: "; "))"]) { $1 }
    }

    /// What of a pod is out of bounds, in kube-apiserver's words.
    public static func violations(of pod: PodSpec, ranges: [Resource]) -> [String] {
        var found: [String] = []
        for item in ranges.flatMap({ $0.value.list("spec", "limits") }) {
            switch item.text("type") {
            case "Container":
                for container in pod.allContainers {
                    found += Bounds(item).check(
                        requests: container.resources?.requests ?? [:], limits: container.resources?.limits ?? [:])
                }
            case "Pod":
                found += Bounds(item).check(requests: pod.total(\.requests), limits: pod.total(\.limits))
            default: break
            }
        }
        return found
    }

    /// What of a claim is out of bounds.
    public static func violations(ofClaim claim: Resource, ranges: [Resource]) -> [String] {
        let requests = quantities(claim.value[path: "spec", "resources"]?["requests"])
        return items(of: ranges, "PersistentVolumeClaim").flatMap { item -> [String] in
            Bounds(item).checkRequests(requests)
        }
    }

    private static func items(of ranges: [Resource], _ type: String) -> [JSONValue] {
        ranges.flatMap { $0.value.list("spec", "limits") }.filter { $0.text("type") == type }
    }

    /// The last range counts, as in Kubernetes.
    private static func defaults(_ items: [JSONValue], _ member: String) -> [String: Quantity] {
        items.reduce(into: [:]) { all, item in all.merge(quantities(item[member])) { $1 } }
    }

    static func quantities(_ value: JSONValue?) -> [String: Quantity] {
        (value?.objectValue ?? [:]).compactMapValues { amount in
            amount.stringValue.flatMap { Quantity($0) } ?? amount.intValue.map { Quantity(Int64($0)) }
        }
    }
}

extension Container {
    fileprivate mutating func fill(
        _ word: String, _ limits: [String: Quantity], _ requests: [String: Quantity]
    ) -> [String] {
        var resources = resources ?? ResourceRequirements()
        let newLimits = limits.filter { resources.limits?[$0.key] == nil }
        let newRequests = requests.filter { resources.requests?[$0.key] == nil }
        guard !newLimits.isEmpty || !newRequests.isEmpty else { return [] }
        resources.limits = (resources.limits ?? [:]).merging(newLimits) { mine, _ in mine }
        resources.requests = (resources.requests ?? [:]).merging(newRequests) { mine, _ in mine }
        self.resources = resources
        func note(_ values: [String: Quantity], _ kind: String) -> String? {
            values.isEmpty
                ? nil : "\(values.keys.sorted().joined(separator: ", ")) \(kind) for \(word) \(name)"
        }
        return [note(newRequests, "request"), note(newLimits, "limit")].compactMap { $0 }
    }
}

extension PodSpec {
    /// What the pod asks for in all: its containers together, or the greatest of what runs before them.
    func total(_ part: KeyPath<ResourceRequirements, [String: Quantity]?>) -> [String: Quantity] {
        func amounts(_ container: Container) -> [String: Quantity] { container.resources?[keyPath: part] ?? [:] }
        let together = containers.map(amounts).reduce(into: [:]) { $0.merge($1) { $0 + $1 } }
        return (initContainers ?? []).map(amounts).reduce(into: together) { $0.merge($1) { max($0, $1) } }
    }
}

/// The bounds in one item of a LimitRange.
private struct Bounds {
    private let type: String
    private let least: [String: Quantity]
    private let most: [String: Quantity]
    private let ratio: [String: Quantity]

    init(_ item: JSONValue) {
        type = item.text("type")
        least = LimitRanges.quantities(item["min"])
        most = LimitRanges.quantities(item["max"])
        ratio = LimitRanges.quantities(item["maxLimitRequestRatio"])
    }

    func check(requests: [String: Quantity], limits: [String: Quantity]) -> [String] {
        var found: [String] = []
        for (name, bound) in least.sorted(by: { $0.key < $1.key }) {
            let start = "minimum \(name) usage per \(type) is \(bound)"
            if let request = requests[name] {
                if request < bound { found.append("\(start), but request is \(request)") }
            } else {
                found.append("\(start).  No request is specified")
            }
            if let limit = limits[name], limit < bound { found.append("\(start), but limit is \(limit)") }
        }
        for (name, bound) in most.sorted(by: { $0.key < $1.key }) {
            let start = "maximum \(name) usage per \(type) is \(bound)"
            if let limit = limits[name] {
                if limit > bound { found.append("\(start), but limit is \(limit)") }
            } else {
                found.append("\(start).  No limit is specified")
            }
            if let request = requests[name], request > bound { found.append("\(start), but request is \(request)") }
        }
        for (name, bound) in ratio.sorted(by: { $0.key < $1.key }) {
            let start = "\(name) max limit to request ratio per \(type) is \(bound)"
            guard let request = requests[name], let limit = limits[name], !request.isZero, !limit.isZero else {
                found.append("\(start), but no request is specified or request is 0")
                continue
            }
            let share = Double(limit.millis) / Double(request.millis)
            if share > Double(bound.millis) / 1000 {
                found.append("\(start), but provided ratio is \(Self.fixed(share))")
            }
        }
        return found
    }

    func checkRequests(_ requests: [String: Quantity]) -> [String] {
        check(requests: requests, limits: requests).filter { !$0.contains("limit") }
    }

    /// Six digits after the point, as Go's `%f`.
    private static func fixed(_ number: Double) -> String {
        // A request of a billionth and the greatest limit: the share has no limit of its own.
        let millionths = Int64((min(number, 1e12) * 1_000_000).rounded())
        let fraction = String(1_000_000 + millionths % 1_000_000).dropFirst()
        return "\(millionths / 1_000_000).\(fraction)"
    }
}
