internal import JSON
internal import Resources

/// What to tell about a reconciled object.
struct PlannedEvent: Sendable, Hashable {
    var type = "Normal"
    let reason: String
    let message: String
}

/// The next step of one ReplicaSet; computed without touching anything.
struct ReplicaSetPlan: Sendable {
    /// Pods to make, each as the template says.
    var create = 0
    /// Pods to delete, by name.
    var delete: [String] = []
    var status: JSONValue = [:]
    /// When a pod becomes available only by waiting.
    var recheck: Duration?

    /// Pods made in one step at most, so that a wrong number cannot hold the store for long.
    static let burst = 500

    /// - Parameter pods: the pods it owns.
    static func plan(_ set: Resource, pods: [PodView], ages: ReadyAges) -> ReplicaSetPlan {
        let minReadySeconds = set.value[path: "spec", "minReadySeconds"]?.intValue ?? 0
        let template = set.value[path: "spec", "template"] ?? [:]
        var plan = ReplicaSetPlan()
        let active = pods.filter(\.isActive)
        let wanted = max(0, set.value[path: "spec", "replicas"]?.intValue ?? 1)
        if !set.isTerminating {
            plan.create = min(max(0, wanted - active.count), burst)
            if active.count > wanted {
                plan.delete = active.sorted(by: goesFirst).prefix(active.count - wanted).map(\.name)
            }
        }
        let counts = PodCounts(
            pods, labels: PodTemplate.labels(of: template), minReadySeconds: minReadySeconds, ages: ages)
        plan.status = status(of: set, counts)
        plan.recheck = counts.nextAvailable
        return plan
    }

    /// Kubernetes' preference: unassigned, pending, unready, cheap, lately ready, often restarted and new pods go first.
    private static func goesFirst(_ a: PodView, _ b: PodView) -> Bool {
        if a.isBound != b.isBound { return !a.isBound }
        if rank(a.phase) != rank(b.phase) { return rank(a.phase) < rank(b.phase) }
        if a.isReady != b.isReady { return !a.isReady }
        if a.deletionCost != b.deletionCost { return a.deletionCost < b.deletionCost }
        if a.isReady && a.readySince != b.readySince { return a.readySince > b.readySince }
        if a.restarts != b.restarts { return a.restarts > b.restarts }
        let (created, other) = (a.resource.creationTimestamp ?? "", b.resource.creationTimestamp ?? "")
        return created == other ? a.name > b.name : created > other
    }

    private static func rank(_ phase: String) -> Int {
        switch phase {
        case "Pending": 0
        case "Unknown": 1
        default: 2
        }
    }

    private static func status(of set: Resource, _ counts: PodCounts) -> JSONValue {
        var status: JSONValue = ["replicas": .integer(Int64(counts.replicas))]
        status.setCount("fullyLabeledReplicas", counts.fullyLabeled)
        status.setCount("readyReplicas", counts.ready)
        status.setCount("availableReplicas", counts.available)
        status.setCount("observedGeneration", set.generation)
        status["conditions"] = set.value[path: "status", "conditions"]
        return status
    }
}

extension JSONValue {
    /// Kubernetes leaves zero counts out.
    mutating func setCount(_ field: String, _ count: Int) {
        self[field] = count == 0 ? nil : .integer(Int64(count))
    }
}
