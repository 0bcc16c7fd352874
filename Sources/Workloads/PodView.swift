internal import JSON
internal import Resources

/// What controllers look at in a pod.
struct PodView: Sendable {
    let resource: Resource
    let phase: String
    let isReady: Bool
    /// When readiness last changed, as the pod says; identifies one stretch of readiness.
    let readySince: String
    let restarts: Int
    let deletionCost: Int

    init(_ resource: Resource) {
        self.resource = resource
        phase = resource.value[path: "status", "phase"]?.stringValue ?? "Pending"
        let ready = resource.value[path: "status", "conditions"]?.arrayValue?.first { $0["type"] == "Ready" }
        isReady = ready?["status"] == "True"
        readySince = ready?["lastTransitionTime"]?.stringValue ?? ""
        restarts =
            resource.value[path: "status", "containerStatuses"]?.arrayValue?
            .compactMap { $0["restartCount"]?.intValue }.max() ?? 0
        deletionCost = resource.annotations["controller.kubernetes.io/pod-deletion-cost"].flatMap { Int($0) } ?? 0
    }

    var name: String { resource.name }
    var uid: String { resource.uid }
    var isTerminating: Bool { resource.isTerminating }
    var isBound: Bool { !(resource.value[path: "spec", "nodeName"]?.stringValue ?? "").isEmpty }
    var hasEnded: Bool { phase == "Succeeded" || phase == "Failed" }
    /// Counts as one of its ReplicaSet's pods.
    var isActive: Bool { !hasEnded && !isTerminating }
}

/// How long each ready pod has been ready, by uid; a missing one just became ready.
typealias ReadyAges = [String: Duration]

/// What a ReplicaSet's pods add up to.
struct PodCounts: Sendable, Hashable {
    var replicas = 0
    var fullyLabeled = 0
    var ready = 0
    /// Ready for `minReadySeconds`.
    var available = 0
    /// When the next ready pod becomes available, if one waits.
    var nextAvailable: Duration?

    init() {}

    init(_ pods: [PodView], labels: [String: String], minReadySeconds: Int, ages: ReadyAges) {
        for pod in pods where pod.isActive {
            replicas += 1
            if labels.allSatisfy({ pod.resource.labels[$0.key] == $0.value }) { fullyLabeled += 1 }
            guard pod.isReady else { continue }
            ready += 1
            let missing = Duration.seconds(minReadySeconds) - (ages[pod.uid] ?? .zero)
            if missing <= .zero {
                available += 1
            } else {
                nextAvailable = min(missing, nextAvailable ?? missing)
            }
        }
    }
}
