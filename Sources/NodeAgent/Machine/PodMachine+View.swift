extension PodMachine {
    /// The pod's state as its status shows it.
    var view: PodView {
        let initial = containers.filter { $0.role == .initial || $0.role == .sidecar }
        let mains = containers.filter { $0.role == .main }
        let initialized = initial.allSatisfy { $0.role == .sidecar ? $0.isStarted || $0.hasEnded : $0.succeeded }
        return PodView(
            phase: phase(initialized: initialized),
            failure: isEndingByDeadline ? nil : failure,
            sandboxReady: isPrepared,
            initialized: initialized,
            initContainers: initial.map { view(of: $0, waiting: "PodInitializing") },
            containers: mains.map { view(of: $0, waiting: initial.isEmpty ? "ContainerCreating" : "PodInitializing") },
            ephemeralContainers: containers.filter { $0.role == .ephemeral }
                .map { view(of: $0, waiting: "ContainerCreating") })
    }

    private var isPrepared: Bool {
        switch stage {
        case .active, .terminating: true
        case .preparing, .preparationBlocked, .completed, .tearingDown, .gone: false
        }
    }

    /// A pod has failed once its containers have ended.
    private var isEndingByDeadline: Bool {
        if case .terminating(let termination) = stage { termination.cause == .deadline } else { false }
    }

    private func phase(initialized: Bool) -> PodView.Phase {
        guard failure != nil else { return phaseOfContainers(initialized: initialized) }
        guard isEndingByDeadline else { return .failed }
        let phase = phaseOfContainers(initialized: initialized)
        return phase == .pending ? .pending : .running
    }

    /// The kubelet's rules for the phase.
    private func phaseOfContainers(initialized: Bool) -> PodView.Phase {
        if containers.contains(where: { $0.role == .initial && $0.hasEnded && $0.last?.succeeded == false }),
            plan.restartPolicy == .never
        {
            return .failed
        }
        let mains = containers.filter { $0.role == .main }
        if stage == .completed || mains.allSatisfy(\.hasEnded) {
            if mains.contains(where: { $0.last == nil }) {
                return initialized || stage != .completed ? .pending : .failed
            }
            return mains.allSatisfy(\.succeeded) ? .succeeded : .failed
        }
        if !initialized { return .pending }
        if mains.contains(where: { $0.neverRan }) { return .pending }
        return .running
    }

    private func view(of container: ContainerMachine, waiting: String) -> ContainerView {
        var state = container.viewState(waiting: waiting, podDisplayName: plan.displayName)
        // In a pod that has failed, nothing waits any more; the kubelet names such an end so.
        if failure != nil, stage == .completed, case .waiting = state, container.role == .main {
            state = .terminated(.neverRan)
        }
        return ContainerView(
            name: container.plan.name,
            image: container.plan.image,
            imageID: container.imageID,
            containerID: container.containerID,
            state: state,
            last: container.showsLastAsState ? container.beforeLast : container.last,
            restartCount: container.attempt,
            ready: container.isReady,
            started: container.isStarted)
    }
}

extension ContainerMachine {
    /// Whether no attempt has run yet.
    fileprivate var neverRan: Bool {
        switch state {
        case .running, .stopping: false
        case .idle, .fetchingImage, .starting, .blocked, .backingOff, .ended: last == nil
        }
    }

    /// Between two attempts the last end is the state, not the last state.
    fileprivate var showsLastAsState: Bool {
        switch state {
        case .ended: true
        case .fetchingImage, .starting: last != nil && attempt > 0
        case .idle, .blocked, .running, .stopping, .backingOff: false
        }
    }

    fileprivate func viewState(waiting: String, podDisplayName: String) -> ContainerView.State {
        switch state {
        case .running(let running), .stopping(let running, _):
            return .running(startedAt: running.start.startedAt)
        case .blocked(let blockage):
            return .waiting(reason: blockage.reason, message: blockage.message)
        case .backingOff(_, let delay):
            let seconds = delay.components.seconds
            let text =
                "back-off \(Self.display(seconds)) restarting failed container=\(plan.name) pod=\(podDisplayName)"
            return .waiting(reason: "CrashLoopBackOff", message: text)
        case .idle, .fetchingImage, .starting, .ended:
            if showsLastAsState, let last { return .terminated(last) }
            let isNext = state != .idle && state != .ended
            return .waiting(reason: isNext ? "ContainerCreating" : waiting, message: nil)
        }
    }

    /// As Go prints a duration: `10s`, `1m20s`, `5m0s`.
    private static func display(_ seconds: Int64) -> String {
        seconds < 60 ? "\(seconds)s" : "\(seconds / 60)m\(seconds % 60)s"
    }
}
