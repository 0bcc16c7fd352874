/// How one run of a container ended, as `kubectl` shows it under `terminated`.
struct ContainerEnd: Sendable, Hashable {
    var containerID: String
    var exitCode: Int32
    var signal: Int32?
    var reason: String
    var message: String?
    /// RFC 3339, for display only.
    var startedAt: String
    var finishedAt: String

    var succeeded: Bool { exitCode == 0 }

    /// Of a container whose pod failed before it ran.
    static let neverRan = ContainerEnd(
        containerID: "", exitCode: 137, reason: "ContainerStatusUnknown",
        message: "The container could not be located when the pod was terminated", startedAt: "", finishedAt: "")
}

/// What the shell knows of a container once it runs.
struct ContainerStart: Sendable, Hashable {
    var containerID: String
    var imageID: String
    /// RFC 3339, for display only.
    var startedAt: String
    /// The specification it was made from; see ``ContainerPlan/specHash``.
    var specHash: String
}

/// A container found at the start of the agent, from the runtime's directory or else from the pod's last status.
struct ContainerHistory: Sendable, Hashable {
    enum State: Sendable, Hashable {
        case running(ContainerStart)
        case ended(ContainerEnd, imageID: String)
        /// The status says it ran, but nothing is left of it: the machine was rebooted.
        case lost(ContainerEnd)
        case none
    }

    var state: State = .none
    /// Restarts so far; also the attempt number of `state`.
    var restartCount = 0
    var last: ContainerEnd?
    /// From the pod's last status: whether the container had passed its startup and readiness probes.
    var wasStarted = false
    var wasReady = false
}
