/// What a container's transitions depend on beyond the container itself.
struct ContainerContext: Sendable {
    var restartPolicy: PodPlan.RestartPolicy
    var grace: Duration
    /// `name_namespace(uid)`, as the kubelet's messages have it.
    var podDisplayName: String
    /// The pod is being deleted or the agent ends: nothing may start any more.
    var isTerminating: Bool
    var now: Duration
}

extension ContainerMachine {
    mutating func launch() -> [PodEffect] {
        state = .fetchingImage
        return [.ensureImage(container: plan.name)]
    }

    mutating func handle(_ event: ContainerEvent, _ context: ContainerContext) -> [PodEffect] {
        switch event {
        case .imageReady:
            return imageReady()
        case .imageFailed(let reason, let message):
            return imageFailed(reason: reason, message: message, context)
        case .started(let attempt, let start):
            guard attempt == self.attempt, case .starting(let earlyExit) = state else { return [] }
            return began(start, earlyExit: earlyExit, context)
        case .startFailed(let attempt, let reason, let message):
            guard attempt == self.attempt, case .starting = state else { return [] }
            return startFailed(reason: reason, message: message, context)
        case .exited(let attempt, let end):
            guard attempt == self.attempt else { return [] }
            return exited(end, context)
        case .postStartFinished(let attempt, let failure):
            guard attempt == self.attempt, case .running(var running) = state, running.awaitsPostStart else {
                return []
            }
            running.awaitsPostStart = false
            state = .running(running)
            guard let failure else { return beginProbing(context) }
            return [.record(.warning("FailedPostStartHook", failure, container: plan.name))]
                + stop(.unhealthy, message: "Container \(plan.name) failed postStart hook, will be restarted", context)
        case .probed(let attempt, let kind, let success, let message):
            guard attempt == self.attempt else { return [] }
            return probed(kind, success: success, message: message, context)
        }
    }

    mutating func tick(_ context: ContainerContext) -> [PodEffect] {
        switch state {
        case .blocked(var blockage):
            if blockage.retryAt <= context.now { return launch() }
            if let shown = blockage.becomesBackOffAt, shown <= context.now {
                blockage.becomesBackOffAt = nil
                blockage.reason = "ImagePullBackOff"
                blockage.message = "Back-off pulling image \"\(plan.image)\": \(blockage.message)"
                state = .blocked(blockage)
                return [
                    .record(.normal("BackOff", "Back-off pulling image \"\(plan.image)\"", container: plan.name)),
                    .record(.warning("Failed", "Error: ImagePullBackOff", container: plan.name)),
                ]
            }
            return []
        case .backingOff(let until, _):
            guard until <= context.now else { return [] }
            return nextAttempt()
        case .running(var running):
            var effects: [PodEffect] = []
            for index in running.probes.indices where running.probes[index].beginIfDue(now: context.now) {
                effects.append(.probe(container: plan.name, attempt: attempt, kind: running.probes[index].kind))
            }
            if !effects.isEmpty { state = .running(running) }
            return effects
        case .idle, .fetchingImage, .starting, .stopping, .ended:
            return []
        }
    }

    /// Something it was waiting for may have appeared.
    mutating func retryIfBlocked() -> [PodEffect] {
        guard case .blocked = state else { return [] }
        return launch()
    }

    mutating func change(to plan: ContainerPlan, _ context: ContainerContext) -> [PodEffect] {
        let needsNew = plan.specHash != self.plan.specHash
        self.plan = plan
        guard needsNew, !context.isTerminating, role != .ephemeral else { return [] }
        switch state {
        case .running:
            return stopBecauseChanged(context)
        case .blocked:
            pullBackOff.reset()
            return launch()
        case .backingOff:
            restartBackOff.reset()
            return nextAttempt()
        case .idle, .fetchingImage, .starting, .stopping, .ended:
            return []
        }
    }

    /// Asks a running container to stop; one that isn't running simply won't start any more.
    mutating func terminate(_ context: ContainerContext) -> [PodEffect] {
        switch state {
        case .running:
            return stop(.terminating, message: "Stopping container \(plan.name)", context)
        case .stopping(let running, _):
            state = .stopping(running, .terminating)
            return [.stop(container: plan.name, attempt: attempt, grace: context.grace, runPreStop: false)]
        case .idle, .fetchingImage, .blocked, .backingOff:
            state = .ended
            return []
        case .starting, .ended:
            return []
        }
    }
}

extension ContainerMachine {
    mutating func stopBecauseChanged(_ context: ContainerContext) -> [PodEffect] {
        stop(.changed, message: "Container \(plan.name) definition changed, will be restarted", context)
    }

    private mutating func imageReady() -> [PodEffect] {
        guard state == .fetchingImage else { return [] }
        pullBackOff.reset()
        state = .starting(earlyExit: nil)
        return [.start(container: plan.name, attempt: attempt)]
    }

    private mutating func imageFailed(reason: String, message: String, _ context: ContainerContext) -> [PodEffect] {
        guard state == .fetchingImage else { return [] }
        let isPull = reason == "ErrImagePull"
        state = .blocked(
            Blockage(
                reason: reason, message: message, retryAt: context.now + pullBackOff.next(),
                becomesBackOffAt: isPull ? context.now + .seconds(1) : nil))
        return [.record(.warning("Failed", isPull ? "Error: ErrImagePull" : message, container: plan.name))]
    }

    private mutating func startFailed(reason: String, message: String, _ context: ContainerContext) -> [PodEffect] {
        if context.isTerminating {
            state = .ended
            return []
        }
        // A reference that is missing now may appear; it is looked for again every 10 s and on every change of it.
        let delay = reason == "CreateContainerConfigError" ? .seconds(10) : pullBackOff.next()
        state = .blocked(Blockage(reason: reason, message: message, retryAt: context.now + delay))
        return [.record(.warning("Failed", "Error: \(message)", container: plan.name))]
    }

    private mutating func began(
        _ start: ContainerStart, earlyExit: ContainerEnd?, _ context: ContainerContext
    ) -> [PodEffect] {
        imageID = start.imageID
        containerID = start.containerID
        pullBackOff.reset()
        state = .running(
            RunningContainer(start: start, startedAt: context.now, awaitsPostStart: plan.hasPostStart))
        if let earlyExit { return exited(earlyExit, context) }
        if context.isTerminating { return terminate(context) }
        if start.specHash != plan.specHash, role != .ephemeral { return stopBecauseChanged(context) }
        if plan.hasPostStart { return [.runPostStart(container: plan.name, attempt: attempt)] }
        return beginProbing(context)
    }

    /// Arms the probes: the startup probe alone first, the others once it has passed.
    private mutating func beginProbing(_ context: ContainerContext) -> [PodEffect] {
        guard case .running(var running) = state else { return [] }
        if let startup = plan.startup {
            running.probes = [ProbeMachine(kind: .startup, plan: startup, startedAt: running.startedAt)]
        } else {
            running.becomeStarted(plan)
        }
        state = .running(running)
        return tick(context)
    }

    private mutating func probed(
        _ kind: ProbeKind, success: Bool, message: String, _ context: ContainerContext
    ) -> [PodEffect] {
        guard case .running(var running) = state,
            let index = running.probes.firstIndex(where: { $0.kind == kind })
        else { return [] }
        let step = running.probes[index].finish(success: success, startedBefore: context.now)
        let grace = running.probes[index].plan.terminationGracePeriod
        var effects: [PodEffect] = []
        if !success && step != .ignored {
            effects.append(
                .record(.warning("Unhealthy", "\(kind.rawValue) probe failed: \(message)", container: plan.name)))
        }
        switch (kind, step) {
        case (.readiness, .decided(let verdict)): running.isReady = verdict == .passing
        case (.startup, .decided(.passing)): running.becomeStarted(plan)
        default: break
        }
        state = .running(running)
        if kind != .readiness, step == .decided(.failing) {
            let text = "Container \(plan.name) failed \(kind.rawValue.lowercased()) probe, will be restarted"
            var context = context
            context.grace = grace ?? context.grace
            return effects + stop(.unhealthy, message: text, context)
        }
        return effects + tick(context)
    }

    private mutating func stop(_ cause: StopCause, message: String, _ context: ContainerContext) -> [PodEffect] {
        guard case .running(var running) = state else { return [] }
        running.isReady = running.isReady && cause == .terminating
        running.probes = []
        state = .stopping(running, cause)
        return [
            .record(.normal("Killing", message, container: plan.name)),
            .stop(container: plan.name, attempt: attempt, grace: context.grace, runPreStop: plan.hasPreStop),
        ]
    }

    private mutating func exited(_ end: ContainerEnd, _ context: ContainerContext) -> [PodEffect] {
        switch state {
        case .starting:
            state = .starting(earlyExit: end)
            return []
        case .running(let running):
            return ended(end, ranFor: context.now - running.startedAt, cause: nil, context)
        case .stopping(let running, let cause):
            return ended(end, ranFor: context.now - running.startedAt, cause: cause, context)
        case .idle, .fetchingImage, .blocked, .backingOff, .ended:
            return []
        }
    }

    /// Decides what follows a run: another attempt now, one later, or none.
    mutating func ended(
        _ end: ContainerEnd, ranFor: Duration, cause: StopCause?, _ context: ContainerContext
    ) -> [PodEffect] {
        beforeLast = last
        last = end
        containerID = end.containerID
        var effects: [PodEffect] = []
        if end.reason == "OOMKilled" {
            effects.append(
                .record(
                    .warning(
                        "OOMKilling", "Container \(plan.name) exceeded its memory limit and was killed",
                        container: plan.name)))
        }
        guard !context.isTerminating, cause != .terminating, cause == .changed || restarts(end, context.restartPolicy)
        else {
            state = .ended
            return effects
        }
        if cause == .changed { return effects + nextAttempt() }
        if ranFor >= BackOff.recovery { restartBackOff.reset() }
        let delay = restartBackOff.next()
        if delay == .zero { return effects + nextAttempt() }
        state = .backingOff(until: context.now + delay, delay: delay)
        let text = "Back-off restarting failed container \(plan.name) in pod \(context.podDisplayName)"
        return effects + [.record(.warning("BackOff", text, container: plan.name))]
    }

    private func restarts(_ end: ContainerEnd, _ policy: PodPlan.RestartPolicy) -> Bool {
        switch role {
        case .sidecar: true
        case .initial: !end.succeeded && policy != .never
        case .main: policy == .always || (policy == .onFailure && !end.succeeded)
        case .ephemeral: false
        }
    }

    private mutating func nextAttempt() -> [PodEffect] {
        let previous = attempt
        attempt += 1
        return launch() + [.discard(container: plan.name, attempt: previous)]
    }
}

extension RunningContainer {
    mutating func becomeStarted(_ plan: ContainerPlan) {
        isStarted = true
        isReady = plan.readiness == nil
        probes = [(ProbeKind.liveness, plan.liveness), (.readiness, plan.readiness)].compactMap { kind, probe in
            probe.map { ProbeMachine(kind: kind, plan: $0, startedAt: startedAt) }
        }
    }
}
