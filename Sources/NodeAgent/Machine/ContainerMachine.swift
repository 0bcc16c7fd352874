/// The life of one container of a pod over all its attempts.
struct ContainerMachine: Sendable, Hashable {
    enum Role: Sendable, Hashable { case initial, sidecar, main, ephemeral }

    enum State: Sendable, Hashable {
        /// Not wanted yet: the sandbox or an earlier init container is missing.
        case idle
        case fetchingImage
        /// Create and start are under way. The exit of a short-lived container can overtake the news of its start.
        case starting(earlyExit: ContainerEnd?)
        /// Can't start now; tried again at `retryAt`, or at once when the configuration changes.
        case blocked(Blockage)
        case running(RunningContainer)
        case stopping(RunningContainer, StopCause)
        case backingOff(until: Duration, delay: Duration)
        case ended
    }

    struct Blockage: Sendable, Hashable {
        var reason: String
        var message: String
        var retryAt: Duration
        /// A failed pull is first shown as `ErrImagePull`, then as `ImagePullBackOff`.
        var becomesBackOffAt: Duration?
    }

    enum StopCause: Sendable, Hashable { case unhealthy, changed, terminating }

    var plan: ContainerPlan
    let role: Role
    var state: State = .idle
    /// Restarts so far, and so the number of the current attempt.
    var attempt = 0
    var last: ContainerEnd?
    var beforeLast: ContainerEnd?
    var imageID = ""
    var containerID: String?
    var restartBackOff = BackOff.restart
    var pullBackOff = BackOff.pull

    init(plan: ContainerPlan, role: Role) {
        self.plan = plan
        self.role = role
    }

    /// Whether a process of this container exists or may come to exist.
    var isActive: Bool {
        switch state {
        case .starting, .running, .stopping: true
        case .idle, .fetchingImage, .blocked, .backingOff, .ended: false
        }
    }

    var hasEnded: Bool { state == .ended }
    var succeeded: Bool { hasEnded && last?.succeeded == true }

    var isStarted: Bool {
        if case .running(let running) = state { return running.isStarted }
        return false
    }

    var isReady: Bool {
        switch role {
        case .initial: succeeded
        case .ephemeral: false
        case .sidecar, .main: if case .running(let running) = state { running.isReady } else { false }
        }
    }

    /// The time at which a tick would change something.
    var nextDeadline: Duration? {
        switch state {
        case .blocked(let blockage): min(blockage.retryAt, blockage.becomesBackOffAt ?? blockage.retryAt)
        case .backingOff(let until, _): until
        case .running(let running): running.nextProbe
        case .idle, .fetchingImage, .starting, .stopping, .ended: nil
        }
    }
}

/// A running container: its probes and what they said.
struct RunningContainer: Sendable, Hashable {
    let start: ContainerStart
    let startedAt: Duration
    var awaitsPostStart: Bool
    var isStarted = false
    var isReady = false
    var probes: [ProbeMachine] = []

    var nextProbe: Duration? { probes.compactMap(\.nextRun).min() }
}
