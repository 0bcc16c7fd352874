import Linux
import Resources

/// Turns a pod's state into the status that `kubectl` reads, keeping what hasn't changed.
struct PodStatusWriter {
    var pod: Pod
    var facts: PodFacts
    var now: Timestamp

    func status(_ view: PodView) -> PodStatus {
        var status = pod.status ?? PodStatus()
        status.phase = view.phase.rawValue
        if let failure = view.failure { (status.reason, status.message) = (failure.reason, failure.message) }
        if status.startTime == nil { status.startTime = now }
        status.hostIP = facts.hostIP
        status.hostIPs = [HostIP(ip: facts.hostIP)]
        status.podIP = facts.podIP
        status.podIPs = facts.podIP.map { [PodIP(ip: $0)] }
        status.qosClass = QualityOfService.name(of: pod.spec)
        status.initContainerStatuses =
            view.initContainers.isEmpty ? nil : view.initContainers.map { containerStatus($0) }
        status.containerStatuses = view.containers.map { containerStatus($0) }
        let ephemeral = view.ephemeralContainers.map { container -> ContainerStatus in
            // Nothing waits for them.
            var status = containerStatus(container)
            status.started = nil
            return status
        }
        status.ephemeralContainerStatuses = ephemeral.isEmpty ? nil : ephemeral
        status.conditions = conditions(view, previous: status.conditions ?? [])
        return status
    }

    private func containerStatus(_ view: ContainerView) -> ContainerStatus {
        ContainerStatus(
            name: view.name,
            state: state(view.state),
            lastState: view.last.map { ContainerState(terminated: terminated($0)) } ?? ContainerState(),
            ready: view.ready,
            restartCount: view.restartCount,
            image: view.image,
            imageID: view.imageID,
            containerID: view.containerID.map { "wherry://" + $0 },
            started: view.started)
    }

    private func state(_ state: ContainerView.State) -> ContainerState {
        switch state {
        case .waiting(let reason, let message):
            ContainerState(waiting: ContainerStateWaiting(reason: reason, message: message))
        case .running(let startedAt):
            ContainerState(running: ContainerStateRunning(startedAt: Self.wholeSeconds(startedAt)))
        case .terminated(let end): ContainerState(terminated: terminated(end))
        }
    }

    private func terminated(_ end: ContainerEnd) -> ContainerStateTerminated {
        ContainerStateTerminated(
            exitCode: Int(end.exitCode), signal: end.signal.map { Int($0) }, reason: end.reason,
            message: end.message.map { $0.prefix(utf8: messageLimit) },
            startedAt: Self.wholeSeconds(end.startedAt), finishedAt: Self.wholeSeconds(end.finishedAt),
            containerID: end.containerID.isEmpty ? nil : "wherry://" + end.containerID)
    }

    /// The containers of a pod share 12 KiB for what they say about their ends.
    private var messageLimit: Int { 12 << 10 / max(pod.spec.everyContainer.count, 1) }

    /// Kubernetes' times have whole seconds.
    private static func wholeSeconds(_ text: String) -> Timestamp? {
        RFC3339.parse(text).map { Timestamp(seconds: $0.seconds) }
    }

    private func conditions(_ view: PodView, previous: [PodCondition]) -> [PodCondition] {
        let isDone = view.phase == .succeeded || view.phase == .failed
        let unready = view.containers.filter { !$0.ready }.map(\.name)
        let waiting = view.initContainers.filter { !$0.ready && !$0.started }.map(\.name)
        let notReady = PodConditionCause(
            reason: view.phase == .succeeded
                ? "PodCompleted" : view.phase == .failed ? "PodFailed" : "ContainersNotReady",
            message: isDone ? nil : "containers with unready status: [\(unready.joined(separator: " "))]")
        let isReady = unready.isEmpty && !isDone
        let initialized = view.initialized || view.phase == .succeeded
        let wanted: [(String, Bool, PodConditionCause?)] = [
            ("PodReadyToStartContainers", view.sandboxReady, nil),
            (
                "Initialized", initialized,
                initialized
                    ? (view.phase == .succeeded ? PodConditionCause(reason: "PodCompleted", message: nil) : nil)
                    : PodConditionCause(
                        reason: "ContainersNotInitialized",
                        message: "containers with incomplete status: [\(waiting.joined(separator: " "))]")
            ),
            ("Ready", isReady, isReady ? nil : notReady),
            ("ContainersReady", isReady, isReady ? nil : notReady),
            ("PodScheduled", true, nil),
        ]
        let kept = previous.filter { old in !wanted.contains { $0.0 == old.type } }
        return wanted.map { type, isTrue, cause in
            condition(type, isTrue, cause, previous: previous.first { $0.type == type })
        } + kept
    }

    private func condition(
        _ type: String, _ isTrue: Bool, _ cause: PodConditionCause?, previous: PodCondition?
    ) -> PodCondition {
        let status = isTrue ? "True" : "False"
        let since = previous?.status == status ? previous?.lastTransitionTime : nil
        return PodCondition(
            type: type, status: status, lastTransitionTime: since ?? now, reason: cause?.reason, message: cause?.message
        )
    }
}

extension PodFailure {
    /// What the last agent found; nil for a pod that is not failed as a whole.
    init?(_ status: PodStatus?) {
        guard status?.phase == "Failed", let reason = status?.reason else { return nil }
        self.init(reason: reason, message: status?.message ?? "")
    }
}

extension String {
    /// Its beginning in at most so many bytes, without a part of a character.
    fileprivate func prefix(utf8 limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(startIndex, offsetBy: limit)
        while utf8[end] & 0xC0 == 0x80 { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}

/// Why a condition is as it is.
private struct PodConditionCause {
    var reason: String
    var message: String?
}
