internal import JSON
internal import ResourceStore
internal import Resources

/// Makes and deletes the pods of a ReplicaSet, in one transaction.
struct ReplicaSetController: Sendable {
    private static let component = "replicaset-controller"
    let ages: AgeTracker

    static func pods(of set: Resource, _ transaction: StoreTransaction) throws -> [PodView] {
        try transaction.dependents(of: set.uid)
            .filter { $0.type == .pod && $0.isManaged(by: set) }
            .map { PodView($0) }
    }

    func reconcile(_ key: ResourceKey, _ transaction: StoreTransaction) throws -> Outcome {
        guard let set = try transaction.find(key) else { return Outcome() }
        try adoptOnFirstSight(set, transaction)
        var pods = try releaseForeign(try Self.pods(of: set, transaction), set, transaction)
        let plan = makePlan(set, pods, transaction)
        var outcome = Outcome()
        for name in plan.delete {
            let deleted = try transaction.delete(
                ResourceKey(type: .pod, namespace: set.namespace, name: name),
                DeleteOptions(propagation: .background))
            pods.removeAll { $0.name == name }
            if case .marked(let pod) = deleted { pods.append(PodView(pod)) }
            outcome.add(
                [PlannedEvent(reason: "SuccessfulDelete", message: "Deleted pod: \(name)")], on: set, Self.component)
        }
        pods += try create(plan.create, set, transaction, &outcome)
        try finish(set, pods, transaction, &outcome)
        return outcome
    }

    private func makePlan(
        _ set: Resource, _ pods: [PodView], _ transaction: StoreTransaction
    ) -> ReplicaSetPlan {
        ReplicaSetPlan.plan(
            set, pods: pods, ages: ages.readyAges(of: pods, ownedBy: set.uid, now: transaction.now))
    }

    /// The status counts the step that was just taken: no second write follows it.
    private func finish(
        _ set: Resource, _ pods: [PodView], _ transaction: StoreTransaction, _ outcome: inout Outcome
    ) throws {
        let plan = makePlan(set, pods, transaction)
        var conditions = DeploymentConditions(plan.status["conditions"], now: transaction.now)
        if let failure = outcome.failure {
            conditions.set("ReplicaFailure", "True", "FailedCreate", failure)
        } else {
            conditions.copy("ReplicaFailure", from: nil)
        }
        var status = plan.status
        status["conditions"] = conditions.json == [] ? nil : conditions.json
        let final = status
        try transaction.update(set.key, subresource: .status) { $0.value["status"] = final }
        outcome.recheck = plan.recheck
        // The last pod of a scaled-down set changes no count, but a recreating Deployment waits for it.
        if set.value[path: "spec", "replicas"] == 0, let owner = set.controllerOwner?.key(in: set.namespace) {
            outcome.followUp.insert(.deployment(owner))
        }
    }

    private func create(
        _ count: Int, _ set: Resource, _ transaction: StoreTransaction, _ outcome: inout Outcome
    ) throws -> [PodView] {
        guard count > 0 else { return [] }
        let template: Resource
        do {
            let document = PodTemplate.makePod(set.value[path: "spec", "template"] ?? [:], owner: set)
            template = try Admission.create(
                document, type: .pod, namespace: set.namespace, validation: .ignore
            ).resource
        } catch {
            fail(error, set, &outcome)
            return []
        }
        var created: [PodView] = []
        for _ in 0..<count {
            let pod: Resource
            do { pod = try transaction.create(template) } catch let error as StatusError where error.code == 403 {
                // A policy of the namespace: what it leaves room for stays, the rest is tried again.
                fail(error, set, &outcome)
                return created
            }
            outcome.add(
                [PlannedEvent(reason: "SuccessfulCreate", message: "Created pod: \(pod.name)")], on: set,
                Self.component)
            created.append(PodView(pod))
        }
        return created
    }

    private func fail(_ error: StatusError, _ set: Resource, _ outcome: inout Outcome) {
        outcome.failure = error.message
        let event = PlannedEvent(
            type: "Warning", reason: "FailedCreate", message: "Error creating: \(error.message)")
        outcome.add([event], on: set, Self.component)
    }

    // MARK: Adoption

    private func adoptOnFirstSight(_ set: Resource, _ transaction: StoreTransaction) throws {
        guard set.value[path: "status", "observedGeneration"] == nil else { return }
        for pod in try transaction.list(.pod, namespace: set.namespace)
        where Adoption.suits(pod, set) && PodView(pod).isActive {
            try Adoption.adopt(pod, by: set, transaction)
        }
    }

    /// A pod whose labels were changed away is let go, for a look at it in peace; a new one takes its place.
    private func releaseForeign(
        _ pods: [PodView], _ set: Resource, _ transaction: StoreTransaction
    ) throws -> [PodView] {
        guard let selector = Adoption.selector(of: set), !set.isTerminating else { return pods }
        return try pods.filter { pod in
            if selector.matches(pod.resource) { return true }
            try Adoption.release(pod.resource, by: set, transaction)
            return false
        }
    }
}
