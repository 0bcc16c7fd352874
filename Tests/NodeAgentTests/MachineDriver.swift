@testable import NodeAgent

/// Drives a pod's state machine with a made-up clock and answers its effects the way a well-behaved shell would.
struct MachineDriver {
    var machine: PodMachine
    var now: Duration = .zero
    private(set) var effects: [PodEffect] = []
    private(set) var published: PodView?

    init(_ plan: PodPlan, history: [String: ContainerHistory] = [:], isCompleted: Bool = false) {
        machine = PodMachine(plan: plan, history: history, isCompleted: isCompleted)
        take(machine.begin(now: now))
    }

    /// Effects since the last call.
    mutating func drain() -> [PodEffect] {
        defer { effects = [] }
        return effects
    }

    mutating func send(_ event: PodEvent) { take(machine.handle(event, now: now)) }

    mutating func send(_ container: String, _ event: ContainerEvent) { send(.container(container, event)) }

    /// Lets time pass, ticking at every deadline on the way.
    mutating func advance(_ duration: Duration) {
        let end = now + duration
        while let deadline = machine.nextDeadline, deadline <= end {
            now = max(now, deadline)
            send(.tick)
        }
        now = end
    }

    /// Gets the pod's sandbox, and with `containers` every one of them running.
    mutating func prepare() { send(.prepared) }

    /// Brings a container that is about to start to running.
    mutating func run(_ name: String, attempt: Int = 0, hash: String = "h") {
        send(name, .imageReady)
        send(
            name,
            .started(
                attempt: attempt,
                ContainerStart(
                    containerID: "\(name)-\(attempt)", imageID: "sha256:1", startedAt: "2026-01-01T00:00:00Z",
                    specHash: hash)))
    }

    mutating func exit(_ name: String, attempt: Int = 0, code: Int32, reason: String? = nil) {
        send(name, .exited(attempt: attempt, Self.end(name, attempt, code, reason)))
    }

    static func end(_ name: String, _ attempt: Int, _ code: Int32, _ reason: String? = nil) -> ContainerEnd {
        ContainerEnd(
            containerID: "\(name)-\(attempt)", exitCode: code, signal: nil,
            reason: reason ?? (code == 0 ? "Completed" : "Error"), message: nil, startedAt: "2026-01-01T00:00:00Z",
            finishedAt: "2026-01-01T00:00:01Z")
    }

    private mutating func take(_ new: [PodEffect]) {
        for case .publish(let view) in new { published = view }
        effects += new
    }
}

extension PodPlan {
    static func simple(
        _ policy: RestartPolicy = .always, containers: [ContainerPlan] = [.simple("web")], initial: [ContainerPlan] = []
    ) -> PodPlan {
        var plan = PodPlan()
        plan.displayName = "web_default(uid)"
        plan.restartPolicy = policy
        plan.containers = containers
        plan.initContainers = initial
        return plan
    }
}

extension ContainerPlan {
    static func simple(_ name: String) -> ContainerPlan { ContainerPlan(name: name, image: "app:1", specHash: "h") }
}

extension [PodEffect] {
    var events: [String] {
        compactMap { if case .record(let record) = $0 { "\(record.reason): \(record.message)" } else { nil } }
    }

    var starts: [String] {
        compactMap { if case .ensureImage(let name) = $0 { name } else { nil } }
    }

    var stops: [String] {
        compactMap { if case .stop(let name, _, _, _) = $0 { name } else { nil } }
    }

    var probes: [ProbeKind] {
        compactMap { if case .probe(_, _, let kind) = $0 { kind } else { nil } }
    }
}
