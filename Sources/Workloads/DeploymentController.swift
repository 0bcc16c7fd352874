internal import JSON
internal import ResourceStore
internal import Resources

/// Brings the ReplicaSets of a Deployment a step closer to its spec, in one transaction.
struct DeploymentController: Sendable {
    private static let component = "deployment-controller"
    let ages: AgeTracker

    func reconcile(_ key: ResourceKey, _ transaction: StoreTransaction) throws -> Outcome {
        guard let deployment = try transaction.find(key) else { return Outcome() }
        try adoptOnFirstSight(deployment, transaction)
        let observation = try observe(deployment, transaction)
        let plan = DeploymentPlan.plan(observation)
        try perform(plan, deployment, transaction)
        var outcome = Outcome(recheck: plan.recheck)
        outcome.add(plan.events, on: deployment, Self.component)
        return outcome
    }

    private func observe(
        _ deployment: Resource, _ transaction: StoreTransaction
    ) throws -> DeploymentObservation {
        let now = transaction.now
        let minReadySeconds = DeploymentFields(deployment).minReadySeconds
        let sets = try transaction.dependents(of: deployment.uid)
            .filter { $0.type == .replicaSet && $0.isManaged(by: deployment) }
        let observed = try sets.map { set in
            let pods = try ReplicaSetController.pods(of: set, transaction)
            return ObservedReplicaSet(
                set, pods: pods, minReadySeconds: minReadySeconds,
                ages: ages.readyAges(of: pods, ownedBy: set.uid, now: now))
        }
        let progressing = deployment.value[path: "status", "conditions"]?.arrayValue?
            .first { $0["type"] == "Progressing" }
        let updated = progressing?["lastUpdateTime"]?.stringValue ?? ""
        return DeploymentObservation(
            deployment: deployment, replicaSets: observed, now: now,
            progressAge: ages.progressAge(of: deployment.uid, updated: updated))
    }

    private func perform(
        _ plan: DeploymentPlan, _ deployment: Resource, _ transaction: StoreTransaction
    ) throws {
        if let new = plan.create { try transaction.create(new) }
        for change in plan.changes {
            try transaction.update(replicaSetKey(change.name, deployment)) { set in
                set.value[path: "spec", "replicas"] = .integer(Int64(change.replicas))
                set.annotations = change.annotations
                if let seconds = change.minReadySeconds {
                    set.value[path: "spec", "minReadySeconds"] = seconds == 0 ? nil : .integer(Int64(seconds))
                }
            }
        }
        for name in plan.delete {
            try transaction.delete(replicaSetKey(name, deployment), DeleteOptions(propagation: .background))
        }
        if let revision = plan.revision {
            try transaction.update(deployment.key) {
                $0.annotations[WherryLabels.deploymentRevision] = revision
            }
        }
        try transaction.update(deployment.key, subresource: .status) { $0.value["status"] = plan.status }
    }

    private func replicaSetKey(_ name: String, _ deployment: Resource) -> ResourceKey {
        ResourceKey(type: .replicaSet, namespace: deployment.namespace, name: name)
    }

    // MARK: Adoption

    /// A Deployment that was never looked at takes the ReplicaSets that its selector chooses and nobody manages.
    private func adoptOnFirstSight(_ deployment: Resource, _ transaction: StoreTransaction) throws {
        guard deployment.value[path: "status", "observedGeneration"] == nil else { return }
        for set in try transaction.list(.replicaSet, namespace: deployment.namespace)
        where Adoption.suits(set, deployment) {
            try Adoption.adopt(set, by: deployment, transaction)
        }
    }
}
