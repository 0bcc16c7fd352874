internal import JSON
internal import Resources

/// A Deployment's spec with its defaults and bounds worked out.
struct DeploymentFields: Sendable {
    let resource: Resource
    let replicas: Int
    let template: JSONValue
    let isRecreate: Bool
    let isPaused: Bool
    let minReadySeconds: Int
    /// Seconds; nil for none.
    let progressDeadline: Int?
    let historyLimit: Int
    /// Pods beyond `replicas` that a rolling update may have.
    let maxSurge: Int
    /// Pods that may be missing.
    let maxUnavailable: Int

    init(_ resource: Resource) {
        let spec = resource.value["spec"] ?? [:]
        self.resource = resource
        replicas = max(0, spec["replicas"]?.intValue ?? 1)
        template = spec["template"] ?? [:]
        isRecreate = spec[path: "strategy", "type"] == "Recreate"
        isPaused = spec["paused"]?.boolValue ?? false
        minReadySeconds = spec["minReadySeconds"]?.intValue ?? 0
        // Kubernetes' word for "no deadline" is the greatest 32-bit number.
        let deadline = spec["progressDeadlineSeconds"]?.intValue ?? 600
        progressDeadline = deadline >= Int(Int32.max) ? nil : deadline
        historyLimit = spec["revisionHistoryLimit"]?.intValue ?? 10
        let rolling = spec[path: "strategy", "rollingUpdate"]
        let surge = Self.scaled(rolling?["maxSurge"], replicas, roundUp: true)
        let unavailable = Self.scaled(rolling?["maxUnavailable"], replicas, roundUp: false)
        maxSurge = isRecreate ? 0 : surge
        // Both zero would never make progress.
        maxUnavailable = isRecreate ? 0 : min(replicas, surge == 0 && unavailable == 0 ? 1 : unavailable)
    }

    var minAvailable: Int { replicas - maxUnavailable }
    var name: String { resource.name }

    private static func scaled(_ value: JSONValue?, _ total: Int, roundUp: Bool) -> Int {
        let bound: IntOrString =
            switch value {
            case .string(let text)?: .string(text)
            case let number?: number.intValue.map { .int($0) } ?? .string("25%")
            case nil: .string("25%")
            }
        return max(0, bound.scaled(total: total, roundUp: roundUp) ?? 0)
    }
}

/// A ReplicaSet of a Deployment with what its pods add up to.
struct ObservedReplicaSet: Sendable {
    let resource: Resource
    let counts: PodCounts
    /// Whether a process of it may still run, on its way out or not.
    let hasRunningPods: Bool

    init(_ resource: Resource, pods: [PodView], minReadySeconds: Int, ages: ReadyAges) {
        self.resource = resource
        let template = resource.value[path: "spec", "template"] ?? [:]
        counts = PodCounts(
            pods, labels: PodTemplate.labels(of: template), minReadySeconds: minReadySeconds, ages: ages)
        hasRunningPods = pods.contains { !$0.hasEnded }
    }
}

/// Everything a plan for a Deployment depends on.
struct DeploymentObservation: Sendable {
    let deployment: Resource
    let replicaSets: [ObservedReplicaSet]
    /// For condition times only.
    let now: Timestamp
    /// Time since the last progress, on the monotonic clock.
    let progressAge: Duration
}
