import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import ResourceStore
import Resources

extension KubernetesRoutes {
    /// `pods/NAME/eviction`: a deletion that PodDisruptionBudgets may refuse.
    func evict(_ request: ObjectRequest) async throws -> Response {
        guard request.request.method == .post else { throw StatusError.methodNotAllowed() }
        let document = try RequestKind.eviction.checked(try await RequestDocument(request.request).object())
        if let name = document[path: "metadata", "name"]?.stringValue, !name.isEmpty, name != request.key.name {
            throw StatusError.badRequest("name in URL does not match name in Eviction object")
        }
        let isDryRun = try request.query.dryRun()
        var options = try deleteOptions(document["deleteOptions"] ?? [:])
        if isDryRun { options.dryRun = true }
        let decided = options
        try await admit(try await store.get(request.key), nil, request.user)
        try await store.transaction(dryRun: decided.dryRun) { transaction in
            let pod = try transaction.get(request.key)
            try DisruptionBudget.admitEviction(of: pod, in: transaction)
            try transaction.delete(request.key, decided)
        }
        return .json(
            ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "code": 201], status: .created)
    }
}

/// Whether a pod may be taken away without breaking a PodDisruptionBudget, by the pods as they are at this moment.
enum DisruptionBudget {
    static func admitEviction(of pod: Resource, in transaction: StoreTransaction) throws {
        // What has ended serves nobody; what goes already is counted as gone.
        guard !hasEnded(pod), !pod.isTerminating else { return }
        let budgets = try transaction.list(.podDisruptionBudget, namespace: pod.namespace)
            .filter { try selector(of: $0).matches(pod) }
        guard budgets.count <= 1 else {
            throw StatusError.internalError(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.")
        }
        guard let budget = budgets.first else { return }
        let pods = try transaction.list(.pod, namespace: pod.namespace)
            .filter { try selector(of: budget).matches($0) && !hasEnded($0) }
        let wanted = wanted(budget, of: try expected(pods, transaction))
        let healthy = pods.filter { isReady($0) && !$0.isTerminating }.count
        guard isReady(pod) else {
            // An unhealthy pod may go while the healthy ones suffice, or always when the budget says so.
            let always = budget.value[path: "spec", "unhealthyPodEvictionPolicy"] == "AlwaysAllow"
            if always || healthy >= wanted { return }
            throw refusal(budget, wanted, healthy)
        }
        guard healthy > wanted else { throw refusal(budget, wanted, healthy) }
    }

    /// How many pods there should be: what their controllers want, and not what is there while some are being replaced.
    private static func expected(_ pods: [Resource], _ transaction: StoreTransaction) throws -> Int {
        var count = 0
        var counted: Set<String> = []
        for pod in pods {
            guard var owner = try controller(of: pod, transaction) else {
                count += 1
                continue
            }
            if let above = try controller(of: owner, transaction) { owner = above }
            guard counted.insert(owner.uid).inserted else { continue }
            let replicas = Scale.stated(by: owner.value, of: owner.type)[path: "spec", "replicas"]?.intValue ?? 1
            count += min(max(0, replicas), Int(Int32.max))
        }
        return count
    }

    private static func controller(of object: Resource, _ transaction: StoreTransaction) throws -> Resource? {
        guard let reference = object.controllerOwner,
            let type = transaction.types.storing(apiVersion: reference.apiVersion, kind: reference.kind),
            type.isScalable,
            let owner = try transaction.find(
                ResourceKey(type: type, namespace: object.namespace, name: reference.name)),
            owner.uid == reference.uid
        else { return nil }
        return owner
    }

    private static func refusal(_ budget: Resource, _ wanted: Int, _ healthy: Int) -> StatusError {
        // Without Retry-After: client libraries would wait by themselves ten times before they tell anybody.
        StatusError(
            code: 429, reason: .tooManyRequests,
            message: "Cannot evict pod as it would violate the pod's disruption budget.",
            details: StatusError.Details(causes: [
                StatusError.Cause(
                    reason: "DisruptionBudget",
                    message:
                        "The disruption budget \(budget.name) needs \(wanted) healthy pods and has \(healthy) currently",
                    field: "")
            ]))
    }

    /// How many pods must stay healthy.
    private static func wanted(_ budget: Resource, of count: Int) -> Int {
        if let least = budget.value[path: "spec", "minAvailable"], !least.isNull { return amount(least, of: count) }
        guard let most = budget.value[path: "spec", "maxUnavailable"], !most.isNull else { return 0 }
        return max(0, count - amount(most, of: count))
    }

    /// A percentage is rounded up, as Kubernetes does for budgets.
    private static func amount(_ value: JSONValue, of count: Int) -> Int {
        if let number = value.intValue { return number }
        guard let text = value.stringValue, text.hasSuffix("%"), let percent = Int(text.dropLast()) else {
            return count
        }
        // The number is a user's: what is more than all is all.
        return (count * min(max(percent, 0), 100) + 99) / 100
    }

    private static func selector(of budget: Resource) throws -> LabelSelectorQuery {
        // No selector selects nothing, an empty one everything.
        guard let selector = budget.value[path: "spec", "selector"], !selector.isNull else {
            return LabelSelectorQuery(requirements: [.init(key: "", operation: .exists)])
        }
        return try LabelSelectorQuery(try selector.decode(as: LabelSelector.self))
    }

    private static func hasEnded(_ pod: Resource) -> Bool {
        ["Succeeded", "Failed"].contains(pod.value[path: "status", "phase"]?.stringValue ?? "")
    }

    private static func isReady(_ pod: Resource) -> Bool {
        pod.value[path: "status", "conditions"]?.arrayValue?.contains {
            $0["type"] == "Ready" && $0["status"] == "True"
        } ?? false
    }
}
