import ContainerEngine
import Images
import Linux
import Logging
import Resources

extension PodWorker {
    /// The preStop hook, the stop signal and SIGKILL, all within the grace period.
    func stop(_ name: String, attempt: Int, grace: Duration, runPreStop: Bool) async {
        let id = containerID(name, attempt)
        let start = context.clock.now()
        if runPreStop, grace > .zero, let hook = specification(of: name)?.lifecycle?.preStop,
            let container = specification(of: name)
        {
            do {
                try await context.handlers.run(
                    HandlerAction(hook, container), in: id, network: network, timeout: grace)
            } catch {
                note(.warning("FailedPreStopHook", "PreStopHook failed: \(error)", container: name))
            }
        }
        // The stop signal gets 2 s even after a hook that used all the time, as with the kubelet.
        let left = max(grace - (context.clock.now() - start), min(grace, .seconds(2)))
        do {
            try await context.engine.stop(id, grace: left)
        } catch let error as EngineError where error.code == .notFound {
            sendEnd(name, attempt, .lost(containerID: id, startedAt: nil))
            return
        } catch {
            note(.warning("FailedKillPod", "\(error)", container: name))
        }
        if case .exited(let exit)? = await context.engine.inspect(id)?.state {
            sendEnd(name, attempt, ContainerEnd(exit, containerID: id))
        }
    }

    nonisolated func sendEnd(_ name: String, _ attempt: Int, _ end: ContainerEnd) {
        send(.container(name, .exited(attempt: attempt, end)))
    }

    func runPostStart(_ name: String, attempt: Int) async {
        var failure: String?
        if let container = specification(of: name), let hook = container.lifecycle?.postStart {
            do {
                try await context.handlers.run(
                    HandlerAction(hook, container), in: containerID(name, attempt), network: network,
                    timeout: .seconds(3600))
            } catch {
                failure = "PostStartHook failed: \(error)"
            }
        }
        send(.container(name, .postStartFinished(attempt: attempt, failure: failure)))
    }

    func probe(_ name: String, attempt: Int, kind: ProbeKind) async {
        guard let container = specification(of: name) else { return }
        let plan = ContainerPlan(container)
        let probe: ProbePlan? =
            switch kind {
            case .startup: plan.startup
            case .liveness: plan.liveness
            case .readiness: plan.readiness
            }
        guard let probe else { return }
        do {
            try await context.handlers.run(
                probe.action, in: containerID(name, attempt), network: network, timeout: probe.timeout)
            send(.container(name, .probed(attempt: attempt, kind, success: true, message: "")))
        } catch {
            send(.container(name, .probed(attempt: attempt, kind, success: false, message: "\(error)")))
        }
    }

    /// The pod has ended: its disk and its logs stay for whoever asks, its namespaces and memory go.
    func releaseSandbox() async {
        let volumes = context.volumes
        let uid = uid
        sandbox = nil
        do {
            try await context.engine.removeSandbox(uid)
            try await context.volumeLane.run { try volumes.unmountMemory(uid) }
        } catch {
            context.logger.warning("pod sandbox can't be released", metadata: ["pod": "\(key)", "error": "\(error)"])
        }
    }

    /// Removes everything the pod had. What can't be removed now is left to the sweep for orphans.
    func tearDown(removeData: Bool) async {
        var wait = Duration.milliseconds(100)
        for _ in 0..<5 {
            do {
                try await PodRemoval.remove(
                    uid, context: context, removeData: removeData,
                    logs: context.logDirectory(namespace: key.namespace ?? "default", pod: key.name, uid: uid))
                return
            } catch {
                context.logger.warning("pod can't be torn down", metadata: ["pod": "\(key)", "error": "\(error)"])
                if (try? await context.clock.sleep(wait)) == nil { return }
                wait *= 2
            }
        }
    }

    /// Removes containers that the stored status no longer speaks of, and logs older than the previous attempt's.
    func dropDiscarded() async {
        let due = discarded
        discarded = []
        for (container, attempt) in due {
            do {
                try await context.engine.remove(containerID(container, attempt))
            } catch {
                context.logger.warning("ended container can't be removed", metadata: ["error": "\(error)"])
            }
            guard attempt > 0 else { continue }
            let path = logPath(container, attempt - 1)
            try? await context.volumeLane.run { try PodRemoval.removeLog(path) }
        }
    }
}

/// Removes what a pod leaves on the machine.
enum PodRemoval {
    static func remove(_ uid: String, context: AgentContext, removeData: Bool, logs: String?) async throws {
        for record in await context.engine.list(label: ContainerLabels.podUID, value: uid) {
            try await context.engine.remove(record.id)
        }
        try await context.engine.removeSandbox(uid)
        if removeData { try await context.images.unpin(owner: ImagePin.owner(uid)) }
        let volumes = context.volumes
        try await context.volumeLane.run {
            try volumes.remove(uid, data: removeData)
            if removeData, let logs { try Files.removeTree(logs) }
        }
    }

    static func removeLog(_ path: String) throws(SystemError) {
        _ = try Files.remove(path)
        for number in 1...16 where Files.exists("\(path).\(number)") { _ = try Files.remove("\(path).\(number)") }
    }
}
