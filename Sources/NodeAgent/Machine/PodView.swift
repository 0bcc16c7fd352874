/// The state of a pod as its status tells it; compared with the last one to know whether there is something to publish.
struct PodView: Sendable, Hashable {
    enum Phase: String, Sendable, Hashable {
        case pending = "Pending", running = "Running", succeeded = "Succeeded", failed = "Failed"
    }

    var phase: Phase
    var failure: PodFailure?
    var sandboxReady: Bool
    var initialized: Bool
    var initContainers: [ContainerView]
    var containers: [ContainerView]
    var ephemeralContainers: [ContainerView] = []
}

/// Why a pod as a whole has failed, whatever its containers say.
struct PodFailure: Sendable, Hashable {
    var reason: String
    var message: String

    /// In the kubelet's words.
    static let deadlineExceeded = PodFailure(
        reason: "DeadlineExceeded", message: "Pod was active on the node longer than the specified deadline")
}

struct ContainerView: Sendable, Hashable {
    enum State: Sendable, Hashable {
        case waiting(reason: String, message: String?)
        case running(startedAt: String)
        case terminated(ContainerEnd)
    }

    var name: String
    var image: String
    var imageID: String
    var containerID: String?
    var state: State
    var last: ContainerEnd?
    var restartCount: Int
    var ready: Bool
    var started: Bool
}
