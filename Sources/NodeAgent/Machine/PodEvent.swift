/// What can happen to a pod, as its state machine sees it.
enum PodEvent: Sendable, Hashable {
    /// The specification changed (only images may, in a running pod).
    case planChanged(PodPlan)
    /// Volumes and sandbox stand.
    case prepared
    case preparationFailed(reason: String, message: String)
    /// A ConfigMap or Secret that the pod names has changed: what was missing may be there now.
    case configurationChanged
    /// The object carries a deletion timestamp; `grace` is what is granted in all.
    case deleted(grace: Duration)
    /// The node's taints have changed, or what the pod tolerates of them.
    case toleranceChanged(TaintTolerance)
    /// The object is gone from the store.
    case vanished
    /// The agent ends: stop the containers, but keep the object.
    case shutdown
    case tornDown
    case container(String, ContainerEvent)
    case tick
}

enum ContainerEvent: Sendable, Hashable {
    case imageReady
    /// `reason` is `ErrImagePull`, `ErrImageNeverPull` or `InvalidImageName`.
    case imageFailed(reason: String, message: String)
    case started(attempt: Int, ContainerStart)
    /// `reason` is `CreateContainerConfigError`, `CreateContainerError` or `RunContainerError`.
    case startFailed(attempt: Int, reason: String, message: String)
    case exited(attempt: Int, ContainerEnd)
    case postStartFinished(attempt: Int, failure: String?)
    case probed(attempt: Int, ProbeKind, success: Bool, message: String)
}

/// What a pod's state machine wants done. The shell answers with events; none of these may be lost, all may be late.
enum PodEffect: Sendable, Hashable {
    case prepare
    case ensureImage(container: String)
    case start(container: String, attempt: Int)
    case runPostStart(container: String, attempt: Int)
    case probe(container: String, attempt: Int, kind: ProbeKind)
    /// Runs the preStop hook if told, then the stop signal, then SIGKILL when `grace` is over.
    case stop(container: String, attempt: Int, grace: Duration, runPreStop: Bool)
    /// The container of this attempt isn't needed any more; its log stays for `logs --previous`.
    case discard(container: String, attempt: Int)
    case record(PodEventRecord)
    case publish(PodView)
    /// The pod has ended for good: its namespaces and memory volumes can go.
    case releaseSandbox
    case tearDown(removeData: Bool)
    /// Deletes the object with its grace, because of a taint.
    case evict
    /// The pod is torn down: delete the object for good.
    case deleteObject
}

/// A Kubernetes event to be recorded on the pod.
struct PodEventRecord: Sendable, Hashable {
    var isWarning: Bool
    var reason: String
    var message: String
    var container: String?

    static func normal(_ reason: String, _ message: String, container: String? = nil) -> PodEventRecord {
        PodEventRecord(isWarning: false, reason: reason, message: message, container: container)
    }

    static func warning(_ reason: String, _ message: String, container: String? = nil) -> PodEventRecord {
        PodEventRecord(isWarning: true, reason: reason, message: message, container: container)
    }
}
