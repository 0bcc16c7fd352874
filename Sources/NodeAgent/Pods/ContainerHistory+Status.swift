import ContainerEngine
import ContainerRuntime
import Resources

extension ContainerHistory {
    /// What is known of a container when the agent starts: the runtime's record if there is one, else the last status.
    init(status: ContainerStatus?, records: [ContainerRecord], podIsOver: Bool) {
        restartCount = status?.restartCount ?? 0
        last = status?.lastState?.terminated.map { ContainerEnd($0) }
        wasStarted = status?.started ?? false
        wasReady = status?.ready ?? false
        let newest = records.max { $0.attempt < $1.attempt }
        if let newest, newest.attempt >= restartCount {
            adopt(newest, status: status)
        } else if let terminated = status?.state?.terminated {
            let end = ContainerEnd(terminated)
            state = podIsOver ? .ended(end, imageID: status?.imageID ?? "") : .lost(end)
        } else if status?.state?.running != nil {
            state = .lost(
                .lost(containerID: status?.containerID ?? "", startedAt: status?.state?.running?.startedAt?.text))
        } else if let last {
            // It was waiting for its next attempt.
            state = .lost(last)
        }
    }

    private mutating func adopt(_ record: ContainerRecord, status: ContainerStatus?) {
        if record.attempt > restartCount {
            // A newer attempt than the status knows: the agent ended between its start and the report.
            if let terminated = status?.state?.terminated { last = ContainerEnd(terminated) }
            wasStarted = false
            wasReady = false
        }
        restartCount = record.attempt
        switch record.state {
        case .running:
            state = .running(
                ContainerStart(
                    containerID: record.id, imageID: record.imageReference, startedAt: record.startedAt,
                    specHash: record.labels[ContainerLabels.specHash] ?? ""))
        case .exited(let exit):
            state = .ended(ContainerEnd(exit, containerID: record.id), imageID: record.imageReference)
        case .created:
            // Never started: made anew under the same number.
            state = .none
        }
    }
}

extension ContainerRecord {
    var attempt: Int { labels[ContainerLabels.attempt].flatMap { Int($0) } ?? 0 }
    var podUID: String { labels[ContainerLabels.podUID] ?? "" }
    var containerName: String { labels[ContainerLabels.container] ?? "" }
    var imageReference: String { labels[ContainerLabels.imageReference] ?? imageID }
}

extension ContainerEnd {
    /// What the runtime recorded.
    init(_ exit: ContainerExit, containerID: String) {
        let reason =
            exit.oomKilled
            ? "OOMKilled"
            : exit.code == 0 ? "Completed" : exit.reason == "StartError" ? Self.startReason(exit.code) : "Error"
        self.init(
            containerID: containerID, exitCode: exit.code, signal: exit.signal, reason: reason, message: exit.message,
            startedAt: exit.startedAt ?? exit.finishedAt, finishedAt: exit.finishedAt)
    }

    private static func startReason(_ code: Int32) -> String {
        code == 126 || code == 127 ? "ContainerCannotRun" : "StartError"
    }

    init(_ terminated: ContainerStateTerminated) {
        self.init(
            containerID: terminated.containerID.map { String($0.dropFirst("wherry://".count)) } ?? "",
            exitCode: Int32(clamping: terminated.exitCode), signal: terminated.signal.map { Int32(clamping: $0) },
            reason: terminated.reason ?? "Error", message: terminated.message,
            startedAt: terminated.startedAt?.text ?? "", finishedAt: terminated.finishedAt?.text ?? "")
    }

    /// A container of which nothing is left but a status that says it ran.
    static func lost(containerID: String, startedAt: String?) -> ContainerEnd {
        ContainerEnd(
            containerID: containerID.hasPrefix("wherry://")
                ? String(containerID.dropFirst("wherry://".count)) : containerID,
            exitCode: 137, signal: nil, reason: "ContainerStatusUnknown",
            message: "The container could not be located when the node restarted", startedAt: startedAt ?? "",
            finishedAt: startedAt ?? "")
    }
}
