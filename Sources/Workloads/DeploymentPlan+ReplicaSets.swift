internal import JSON
internal import Resources

extension DeploymentPlanner {
    /// Annotations of a Deployment that its ReplicaSets do not inherit.
    private static let ownAnnotations: Set<String> = [
        WherryLabels.lastApplied, WherryLabels.deploymentRevision, WherryLabels.desiredReplicas,
        WherryLabels.maxReplicas, "deployment.kubernetes.io/revision-history",
        "deprecated.deployment.rollback.to", WherryLabels.owner, WherryLabels.hubHash, WherryLabels.bundleHash,
    ]

    private var nextRevision: Int { (old.map(\.revision).max() ?? 0) + 1 }

    mutating func createOrAnnotateNew(replicas: Int) {
        if new != nil { return annotateNew() }
        let template = fields.template
        let taken = Set(old.map(\.name))
        var hash = PodTemplate.hash(of: template, collisions: collisions)
        while taken.contains(fields.name + "-" + hash) {
            collisions += 1
            hash = PodTemplate.hash(of: template, collisions: collisions)
        }
        var set = Working(
            ObservedReplicaSet(
                makeReplicaSet(hash, replicas), pods: [], minReadySeconds: fields.minReadySeconds, ages: [:]))
        annotate(&set)
        var resource = set.resource
        resource.annotations = set.annotations
        plan.create = resource
        plan.events.append(
            PlannedEvent(
                reason: "ScalingReplicaSet", message: "Scaled up replica set \(set.name) to \(replicas) from 0"))
        new = set
    }

    private func makeReplicaSet(_ hash: String, _ replicas: Int) -> Resource {
        let deployment = observation.deployment
        var template = fields.template
        template[path: "metadata", "labels", WherryLabels.podTemplateHash] = .string(hash)
        var selector = deployment.value[path: "spec", "selector"] ?? [:]
        selector[path: "matchLabels", WherryLabels.podTemplateHash] = .string(hash)
        var spec: JSONValue = [
            "replicas": .integer(Int64(replicas)), "selector": selector, "template": template,
        ]
        spec.setCount("minReadySeconds", fields.minReadySeconds)
        var set = Resource(
            value: [
                "metadata": [
                    "name": .string(fields.name + "-" + hash), "namespace": .string(deployment.namespace ?? "default"),
                ], "spec": spec, "status": ["replicas": 0],
            ], type: .replicaSet)
        set.labels = PodTemplate.labels(of: template)
        set.ownerReferences = [deployment.asControllerOwner]
        return set
    }

    mutating func annotateNew() {
        guard var set = new else { return }
        annotate(&set)
        new = set
    }

    /// Revision, counts and the Deployment's own annotations, among them the change cause.
    private mutating func annotate(_ set: inout Working) {
        for (key, value) in observation.deployment.annotations where !Self.ownAnnotations.contains(key) {
            set.annotations[key] = value
        }
        if set.revision < nextRevision {
            if set.revision > 0 {
                let key = "deployment.kubernetes.io/revision-history"
                let former = set.annotations[key].map { $0 + "," } ?? ""
                set.annotations[key] = former + String(set.revision)
            }
            set.annotations[WherryLabels.deploymentRevision] = String(nextRevision)
        }
        annotateCounts(&set)
        let revision = String(set.revision)
        if observation.deployment.annotations[WherryLabels.deploymentRevision] != revision { plan.revision = revision }
    }

    func annotateCounts(_ set: inout Working) {
        set.annotations[WherryLabels.desiredReplicas] = String(fields.replicas)
        set.annotations[WherryLabels.maxReplicas] = String(fields.replicas + fields.maxSurge)
    }

    mutating func setNewReplicas(_ count: Int) {
        guard var set = new else { return }
        setReplicas(of: &set, count)
        new = set
    }

    mutating func setOldReplicas(_ index: Int, _ count: Int) {
        var set = old[index]
        setReplicas(of: &set, count)
        old[index] = set
    }

    mutating func setReplicas(of set: inout Working, _ count: Int) {
        let former = set.replicas
        set.replicas = count
        annotateCounts(&set)
        guard count != former else { return }
        let direction = count > former ? "up" : "down"
        plan.events.append(
            PlannedEvent(
                reason: "ScalingReplicaSet",
                message: "Scaled \(direction) replica set \(set.name) to \(count) from \(former)"))
    }

    /// Writes down what differs from the stored ReplicaSets.
    mutating func finishChanges() {
        for set in old + (new.map { [$0] } ?? []) where !plan.delete.contains(set.name) {
            let stored = set.resource.value[path: "spec", "replicas"]?.intValue ?? 1
            let isNew = set.name == new?.name
            let minReady = set.resource.value[path: "spec", "minReadySeconds"]?.intValue ?? 0
            if set.name == plan.create?.name {
                plan.create?.value[path: "spec", "replicas"] = .integer(Int64(set.replicas))
                continue
            }
            guard
                set.replicas != stored || set.annotations != set.resource.annotations
                    || (isNew && minReady != fields.minReadySeconds)
            else { continue }
            plan.changes.append(
                DeploymentPlan.Change(
                    name: set.name, replicas: set.replicas, annotations: set.annotations,
                    minReadySeconds: isNew ? fields.minReadySeconds : nil))
        }
    }

    /// Removes the oldest revisions that run nothing, beyond the limit.
    mutating func cleanUpHistory() {
        let idle = old.filter { !$0.resource.isTerminating }
        guard idle.count > fields.historyLimit else { return }
        plan.delete = idle.sorted { $0.revision < $1.revision }.prefix(idle.count - fields.historyLimit)
            .filter { $0.replicas == 0 && $0.counts.replicas == 0 }.map(\.name)
    }

    var all: [Working] { old + (new.map { [$0] } ?? []) }

    /// Every pod is of the present template, and all are available.
    var isComplete: Bool {
        let total = all.reduce(0) { $0 + $1.counts.replicas }
        let available = all.reduce(0) { $0 + $1.counts.available }
        return new?.counts.replicas == fields.replicas && total == fields.replicas && available == fields.replicas
    }
}
