internal import JSON
internal import Resources

/// The next step of one Deployment; computed without touching anything.
struct DeploymentPlan: Sendable {
    /// A new count, new annotations or a new readiness bound for a ReplicaSet.
    struct Change: Sendable, Hashable {
        let name: String
        var replicas: Int
        var annotations: [String: String]
        var minReadySeconds: Int?
    }

    var create: Resource?
    var changes: [Change] = []
    /// ReplicaSets beyond the history limit, by name.
    var delete: [String] = []
    /// The Deployment's own revision annotation.
    var revision: String?
    var status: JSONValue = [:]
    var events: [PlannedEvent] = []
    var recheck: Duration?

    static func plan(_ observation: DeploymentObservation) -> DeploymentPlan {
        var planner = DeploymentPlanner(observation)
        return planner.run()
    }
}

/// Works out a plan, in the order of Kubernetes' deployment controller.
struct DeploymentPlanner {
    /// A ReplicaSet as it will be after the plan.
    struct Working {
        let resource: Resource
        var counts: PodCounts
        let hasRunningPods: Bool
        var replicas: Int
        var annotations: [String: String]

        var name: String { resource.name }
        var created: String { resource.creationTimestamp ?? "" }
        var revision: Int { annotations[WherryLabels.deploymentRevision].flatMap { Int($0) } ?? 0 }
        var template: JSONValue { resource.value[path: "spec", "template"] ?? [:] }

        init(_ observed: ObservedReplicaSet) {
            resource = observed.resource
            counts = observed.counts
            hasRunningPods = observed.hasRunningPods
            replicas = observed.resource.value[path: "spec", "replicas"]?.intValue ?? 1
            annotations = observed.resource.annotations
        }
    }

    let observation: DeploymentObservation
    let fields: DeploymentFields
    /// Old ReplicaSets, oldest first.
    var old: [Working]
    /// The one with the present template, if it exists.
    var new: Working?
    var plan = DeploymentPlan()
    var collisions: Int

    init(_ observation: DeploymentObservation) {
        self.observation = observation
        fields = DeploymentFields(observation.deployment)
        collisions = observation.deployment.value[path: "status", "collisionCount"]?.intValue ?? 0
        let sorted = observation.replicaSets.map { Working($0) }
            .sorted { ($0.created, $0.name) < ($1.created, $1.name) }
        let template = fields.template
        // The oldest of equal ones, so that two do not take turns.
        new = sorted.first { PodTemplate.areEqual($0.template, template) }
        let newName = new?.name
        old = sorted.filter { $0.name != newName }
    }

    mutating func run() -> DeploymentPlan {
        if !observation.deployment.isTerminating { step() }
        finishChanges()
        plan.status = makeStatus()
        return plan
    }

    private mutating func step() {
        if fields.isPaused {
            if new != nil { annotateNew() }
            scale()
            cleanUpHistory()
        } else if isScaling {
            annotateNew()
            scale()
        } else if fields.isRecreate {
            recreate()
        } else {
            rollingUpdate()
        }
    }

    /// The user changed `replicas` while ReplicaSets exist: they are scaled, the rollout goes on afterwards.
    private var isScaling: Bool {
        let active = (old + (new.map { [$0] } ?? [])).filter { $0.replicas > 0 }
        // Between two versions a recreation first ends the old one.
        guard !fields.isRecreate || active.count == 1 else { return false }
        return active.contains {
            $0.annotations[WherryLabels.desiredReplicas] != nil
                && $0.annotations[WherryLabels.desiredReplicas] != String(fields.replicas)
        }
    }

    // MARK: Strategies

    private mutating func recreate() {
        if new != nil { annotateNew() }
        guard old.allSatisfy({ $0.replicas == 0 }) else {
            for index in old.indices { setOldReplicas(index, 0) }
            return
        }
        // A process on its way out still counts: two versions never run at once.
        guard !old.contains(where: \.hasRunningPods) else { return }
        createOrAnnotateNew(replicas: fields.replicas)
        setNewReplicas(fields.replicas)
        if isComplete { cleanUpHistory() }
    }

    private mutating func rollingUpdate() {
        let total = old.reduce(0) { $0 + $1.replicas }
        createOrAnnotateNew(
            replicas: min(fields.replicas, max(0, fields.replicas + fields.maxSurge - total)))
        guard let current = new else { return }
        if current.replicas > fields.replicas { return setNewReplicas(fields.replicas) }
        let room = fields.replicas + fields.maxSurge - total - current.replicas
        if current.replicas < fields.replicas && room > 0 {
            return setNewReplicas(current.replicas + min(room, fields.replicas - current.replicas))
        }
        scaleDownOld(total: total, current)
        if isComplete { cleanUpHistory() }
    }

    /// Never goes below `replicas - maxUnavailable` available pods; broken old pods go first.
    private mutating func scaleDownOld(total: Int, _ current: Working) {
        guard total > 0 else { return }
        let newUnavailable = current.replicas - current.counts.available
        var budget = total + current.replicas - fields.minAvailable - newUnavailable
        guard budget > 0 else { return }
        for index in old.indices where old[index].replicas > 0 {
            let unhealthy = old[index].replicas - min(old[index].replicas, old[index].counts.available)
            let count = min(budget, unhealthy)
            if count > 0 { setOldReplicas(index, old[index].replicas - count) }
            budget -= count
        }
        let available =
            current.counts.available + old.reduce(0) { $0 + min($1.replicas, $1.counts.available) }
        var surplus = available - fields.minAvailable
        for index in old.indices where old[index].replicas > 0 && surplus > 0 {
            let count = min(old[index].replicas, surplus)
            setOldReplicas(index, old[index].replicas - count)
            surplus -= count
        }
    }
}
