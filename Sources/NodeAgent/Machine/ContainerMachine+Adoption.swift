extension ContainerMachine {
    /// Takes over counters and the last end, before any decision.
    mutating func remember(_ past: ContainerHistory) {
        attempt = past.restartCount
        beforeLast = nil
        last = past.last
        switch past.state {
        case .running(let start):
            imageID = start.imageID
            containerID = start.containerID
        case .ended(let end, let image):
            imageID = image
            containerID = end.containerID
            beforeLast = past.last
            last = end
        case .lost, .none:
            break
        }
    }

    /// Continues from what the last agent, or the last boot, left.
    ///
    /// A running container is kept when it was made from the same specification; an end that happened meanwhile is
    /// treated as if it had happened now.
    mutating func adopt(_ past: ContainerHistory, _ context: ContainerContext) -> [PodEffect] {
        guard !context.isTerminating else { return [] }
        switch past.state {
        case .none:
            return []
        case .running(let start):
            var running = RunningContainer(start: start, startedAt: context.now, awaitsPostStart: false)
            if past.wasStarted || plan.startup == nil {
                running.becomeStarted(plan, wasReady: past.wasReady)
            } else if let startup = plan.startup {
                running.probes = [ProbeMachine(kind: .startup, plan: startup, startedAt: context.now)]
            }
            state = .running(running)
            guard start.specHash == plan.specHash || role == .ephemeral else { return stopBecauseChanged(context) }
            return tick(context)
        case .ended(let end, _), .lost(let end):
            if role == .initial, end.succeeded, case .ended = past.state {
                state = .ended
                return []
            }
            last = past.last
            if role == .initial, end.succeeded, case .lost = past.state {
                // The sandbox is new, so its init containers run again.
                last = end
                attempt += 1
                state = .idle
                return []
            }
            return resume(end, context)
        }
    }

    /// An ended container whose successor may only start once sandbox and init containers stand.
    private mutating func resume(_ end: ContainerEnd, _ context: ContainerContext) -> [PodEffect] {
        let effects = ended(end, ranFor: .zero, cause: nil, context)
        guard state == .fetchingImage else { return effects }
        state = .idle
        return effects.filter { if case .ensureImage = $0 { false } else { true } }
    }
}

extension RunningContainer {
    fileprivate mutating func becomeStarted(_ plan: ContainerPlan, wasReady: Bool) {
        becomeStarted(plan)
        guard wasReady, plan.readiness != nil else { return }
        isReady = true
        for index in probes.indices where probes[index].kind == .readiness { probes[index].assumePassing() }
    }
}
