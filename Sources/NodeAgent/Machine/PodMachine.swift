/// The life of one pod on this node: pure, so that every order of events can be tested with a made-up clock.
///
/// Times are durations since an arbitrary start of a monotonic clock; the wall clock decides nothing here.
struct PodMachine: Sendable {
    enum Stage: Sendable, Hashable {
        /// Sandbox and volumes are being made.
        case preparing
        case preparationBlocked(retryAt: Duration)
        case active
        /// Every container has ended for good; the object stays until it is deleted.
        case completed
        case terminating(Termination)
        case tearingDown(Termination)
        case gone
    }

    struct Termination: Sendable, Hashable {
        /// After `deadline` the pod is completed, after the others it is gone.
        enum Cause: Sendable, Hashable { case deleted, vanished, shutdown, deadline }
        var cause: Cause
        var grace: Duration
    }

    private(set) var plan: PodPlan
    private(set) var stage: Stage = .preparing
    /// Init containers in order, then the others, last the ephemeral ones.
    private(set) var containers: [ContainerMachine]
    private var preparationBackOff = BackOff.pull
    private var published: PodView?
    private var hasFailed = false
    /// Sandbox and volumes are being made; a teardown has to wait for that, or it would miss them.
    private var isPreparing = false
    var failure: PodFailure?
    /// When the pod became active; before the clock's start for one that this agent took over.
    private(set) var activeSince: Duration
    var tolerance = TaintTolerance.forever
    /// Since when the node has taints that the pod does not tolerate for ever.
    var taintedSince: Duration?
    var isEvicted = false

    /// - Parameters:
    ///   - activeFor: how long the pod was active before this machine.
    ///   - failure: why a completed pod failed as a whole.
    init(
        plan: PodPlan, history: [String: ContainerHistory] = [:], isCompleted: Bool = false,
        activeFor: Duration = .zero, failure: PodFailure? = nil
    ) {
        self.plan = plan
        self.failure = failure
        activeSince = .zero - activeFor
        containers =
            plan.initContainers.map { ContainerMachine(plan: $0, role: $0.isSidecar ? .sidecar : .initial) }
            + plan.containers.map { ContainerMachine(plan: $0, role: .main) }
            + plan.ephemeralContainers.map { ContainerMachine(plan: $0, role: .ephemeral) }
        for index in containers.indices {
            if let past = history[containers[index].plan.name] { containers[index].remember(past) }
        }
        if isCompleted {
            stage = .completed
            for index in containers.indices { containers[index].state = .ended }
        }
        self.history = isCompleted ? [:] : history
    }

    /// Consumed by ``begin(now:)``.
    private var history: [String: ContainerHistory]

    /// The first effects: adopts what runs, applies the exits that happened meanwhile, prepares the rest.
    mutating func begin(now: Duration) -> [PodEffect] {
        var effects: [PodEffect] = []
        let past = history
        history = [:]
        activeSince += now
        for index in containers.indices {
            guard let past = past[containers[index].plan.name] else { continue }
            effects += containers[index].adopt(past, context(now))
        }
        if stage == .preparing { effects += prepareAgain() }
        return effects + advance(now) + publishIfChanged()
    }

    mutating func handle(_ event: PodEvent, now: Duration) -> [PodEffect] {
        var effects = react(to: event, now: now)
        effects += advance(now)
        return effects + publishIfChanged()
    }

    /// When ``PodEvent/tick`` is wanted next.
    var nextDeadline: Duration? {
        let own = containers.compactMap(\.nextDeadline) + [activeUntil, toleratedUntil].compactMap(\.self)
        return switch stage {
        case .preparationBlocked(let retryAt): (own + [retryAt]).min()
        case .preparing, .active: own.min()
        case .completed, .terminating, .tearingDown, .gone: nil
        }
    }

    func container(named name: String) -> ContainerMachine? { containers.first { $0.plan.name == name } }

    /// Whether something is about to run: its status will change again in a moment.
    var isLaunching: Bool {
        if isPreparing { return true }
        return containers.contains { container in
            switch container.state {
            case .fetchingImage, .starting: true
            case .idle, .blocked, .running, .stopping, .backingOff, .ended: false
            }
        }
    }

    var isTerminating: Bool {
        switch stage {
        case .terminating, .tearingDown, .gone: true
        case .preparing, .preparationBlocked, .active, .completed: false
        }
    }
}

extension PodMachine {
    private func context(_ now: Duration) -> ContainerContext {
        var grace = plan.terminationGracePeriod
        if case .terminating(let termination) = stage { grace = termination.grace }
        return ContainerContext(
            restartPolicy: plan.restartPolicy, grace: grace, podDisplayName: plan.displayName,
            isTerminating: isTerminating, now: now)
    }

    private mutating func react(to event: PodEvent, now: Duration) -> [PodEffect] {
        switch event {
        case .planChanged(let plan): return change(to: plan, now)
        case .prepared:
            isPreparing = false
            guard stage == .preparing else { return [] }
            preparationBackOff.reset()
            stage = .active
            return []
        case .preparationFailed(let reason, let message):
            isPreparing = false
            guard stage == .preparing else { return [] }
            stage = .preparationBlocked(retryAt: now + min(preparationBackOff.next(), .seconds(30)))
            return [.record(.warning(reason, message))]
        case .configurationChanged:
            if case .preparationBlocked = stage { return prepareAgain() }
            return isTerminating ? [] : containers.indices.flatMap { containers[$0].retryIfBlocked() }
        case .toleranceChanged(let tolerance): return tolerate(tolerance, now)
        case .deleted(let grace): return terminate(Termination(cause: .deleted, grace: grace), now)
        case .vanished: return terminate(Termination(cause: .vanished, grace: plan.terminationGracePeriod), now)
        case .shutdown: return terminate(Termination(cause: .shutdown, grace: plan.terminationGracePeriod), now)
        case .tornDown:
            guard case .tearingDown(let termination) = stage else { return [] }
            stage = .gone
            return termination.cause == .deleted ? [.deleteObject] : []
        case .container(let name, let event):
            guard let index = containers.firstIndex(where: { $0.plan.name == name }) else { return [] }
            return containers[index].handle(event, context(now))
        case .tick:
            if case .preparationBlocked(let retryAt) = stage, retryAt <= now { return prepareAgain() }
            guard !isTerminating else { return [] }
            return containers.indices.flatMap { containers[$0].tick(context(now)) }
        }
    }

    private mutating func prepareAgain() -> [PodEffect] {
        stage = .preparing
        isPreparing = true
        return [.prepare]
    }

    private mutating func change(to plan: PodPlan, _ now: Duration) -> [PodEffect] {
        self.plan = plan
        for added in plan.ephemeralContainers where !containers.contains(where: { $0.plan.name == added.name }) {
            containers.append(ContainerMachine(plan: added, role: .ephemeral))
        }
        return (plan.initContainers + plan.containers).flatMap { changed -> [PodEffect] in
            guard let index = containers.firstIndex(where: { $0.plan.name == changed.name }) else { return [] }
            return containers[index].change(to: changed, context(now))
        }
    }

    /// Ends the pod's containers. A later call with a shorter grace makes it quicker, and deletion outranks the rest.
    mutating func terminate(_ wanted: Termination, _ now: Duration) -> [PodEffect] {
        switch stage {
        case .gone: return []
        case .tearingDown(var current):
            if wanted.cause != .shutdown { current.cause = wanted.cause }
            stage = .tearingDown(current)
            return []
        case .terminating(let current):
            // The agent that comes after a shutdown finds the deadline over, too.
            let cause = wanted.cause == .shutdown && current.cause != .deadline ? current.cause : wanted.cause
            let shorter = wanted.grace < current.grace
            stage = .terminating(Termination(cause: cause, grace: min(wanted.grace, current.grace)))
            guard shorter else { return [] }
        case .preparing, .preparationBlocked, .active, .completed:
            stage = .terminating(wanted)
        }
        let context = context(now)
        let mainsRun = containers.contains { $0.role != .sidecar && $0.isActive }
        return containers.indices.flatMap { index -> [PodEffect] in
            if containers[index].role == .sidecar && mainsRun { return [] }
            return containers[index].terminate(context)
        }
    }
}

extension PodMachine {
    /// Compares what is with what should be and takes the next steps.
    private mutating func advance(_ now: Duration) -> [PodEffect] {
        if let effects = endIfOver(now) { return effects + advance(now) }
        switch stage {
        case .active: return advanceContainers(now)
        case .terminating(let termination): return advanceTermination(termination, now)
        case .preparing, .preparationBlocked, .completed, .tearingDown, .gone: return []
        }
    }

    private mutating func advanceContainers(_ now: Duration) -> [PodEffect] {
        guard !hasFailed else { return completeIfAllEnded(now) }
        // Ephemeral containers wait for nothing: they are there to see why an init container fails.
        var effects = launchIdle(.ephemeral)
        for index in containers.indices where [.initial, .sidecar].contains(containers[index].role) {
            let container = containers[index]
            if container.state == .idle { return effects + containers[index].launch() }
            if container.role == .sidecar ? container.isStarted : container.succeeded { continue }
            if container.role == .initial, container.hasEnded { hasFailed = true }
            return hasFailed ? effects + completeIfAllEnded(now) : effects
        }
        effects += launchIdle(.main)
        return effects + completeIfAllEnded(now)
    }

    private mutating func launchIdle(_ role: ContainerMachine.Role) -> [PodEffect] {
        containers.indices.flatMap { index -> [PodEffect] in
            containers[index].role == role && containers[index].state == .idle ? containers[index].launch() : []
        }
    }

    private mutating func completeIfAllEnded(_ now: Duration) -> [PodEffect] {
        let mains = containers.filter { $0.role == .main }
        guard hasFailed || mains.allSatisfy(\.hasEnded) else { return [] }
        var effects: [PodEffect] = []
        for index in containers.indices where containers[index].role != .initial {
            var context = context(now)
            context.isTerminating = true
            if case .stopping = containers[index].state { continue }
            if containers[index].role == .main && containers[index].state == .idle { continue }
            effects += containers[index].terminate(context)
        }
        guard !containers.contains(where: \.isActive) else { return effects }
        stage = .completed
        return effects + [.releaseSandbox]
    }

    private mutating func advanceTermination(_ termination: Termination, _ now: Duration) -> [PodEffect] {
        if isPreparing || containers.contains(where: { $0.role != .sidecar && $0.isActive }) { return [] }
        var effects: [PodEffect] = []
        for index in containers.indices where containers[index].role == .sidecar {
            if case .running = containers[index].state { effects += containers[index].terminate(context(now)) }
            if !containers[index].isActive { containers[index].state = .ended }
        }
        guard !containers.contains(where: \.isActive) else { return effects }
        if termination.cause == .deadline {
            stage = .completed
            return effects + [.releaseSandbox]
        }
        stage = .tearingDown(termination)
        return effects + [.tearDown(removeData: termination.cause != .shutdown)]
    }

    private mutating func publishIfChanged() -> [PodEffect] {
        switch stage {
        case .terminating(let termination), .tearingDown(let termination):
            // A vanished object has no status, and what a shutdown does to containers isn't their story.
            guard termination.cause == .deleted || termination.cause == .deadline else { return [] }
        case .gone: return []
        case .preparing, .preparationBlocked, .active, .completed: break
        }
        let view = view
        guard view != published else { return [] }
        published = view
        return [.publish(view)]
    }
}
