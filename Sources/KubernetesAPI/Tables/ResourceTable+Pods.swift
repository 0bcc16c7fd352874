import JSON
import Resources

extension ResourceTable {
    static let pods = ResourceTable(
        columns: [
            .name,
            Column("Ready", "Ready containers of all containers."),
            Column("Status", "The aggregate state of the containers in this pod."),
            Column("Restarts", "How often containers were restarted, and when last."),
            .age,
            Column("IP", "Address of the pod.", wide: true),
            Column("Node", "Name of the node that runs the pod.", wide: true),
            Column("Nominated Node", "Node that is kept free for the pod.", wide: true),
            Column("Readiness Gates", "Conditions that readiness waits for.", wide: true),
        ],
        cells: { pod, now in
            let summary = PodSummary(pod)
            let address = pod.status("podIPs")?[0]?["ip"]?.stringValue ?? ""
            return [
                .string(pod.name), .string("\(summary.ready)/\(summary.total)"), .string(summary.reason),
                .string(summary.restartText(now)), pod.age(now), .string(address.orNone),
                .string((pod.spec("nodeName")?.stringValue ?? "").orNone),
                .string((pod.status("nominatedNodeName")?.stringValue ?? "").orNone),
                .string(pod.readinessGates),
            ]
        },
        conditions: { pod in
            switch pod.status("phase")?.stringValue {
            case "Succeeded": completed("Succeeded", "The pod has completed successfully.")
            case "Failed": completed("Failed", "The pod failed.")
            default: nil
            }
        })

    private static func completed(_ reason: String, _ message: String) -> JSONValue {
        [["type": "Completed", "status": "True", "reason": .string(reason), "message": .string(message)]]
    }
}

extension Resource {
    fileprivate var readinessGates: String {
        let gates = spec("readinessGates")?.arrayValue ?? []
        guard !gates.isEmpty else { return "<none>" }
        let met = gates.filter { gate in
            gate["conditionType"]?.stringValue.flatMap { condition($0) }?["status"]?.stringValue == "True"
        }
        return "\(met.count)/\(gates.count)"
    }
}

/// What one row says of a pod's containers; follows `printPod` of kube-apiserver (pkg/printers/internalversion).
struct PodSummary {
    private(set) var ready = 0
    private(set) var total: Int
    private(set) var reason: String
    private(set) var restarts = 0
    /// When a container ended last, among those counted in ``restarts``.
    private var lastRestart: Timestamp?
    private let pod: Resource

    init(_ pod: Resource) {
        self.pod = pod
        let phase = pod.status("phase")?.stringValue ?? "Pending"
        reason = phase
        let sidecars = Self.restartableInitContainers(pod)
        total = (pod.spec("containers")?.arrayValue?.count ?? 0) + sidecars.count
        if let own = pod.status("reason")?.stringValue, !own.isEmpty { reason = own }
        if pod.condition("PodScheduled")?["reason"]?.stringValue == "SchedulingGated" { reason = "SchedulingGated" }
        let initializing = readInitContainers(sidecars)
        if !initializing || pod.condition("Initialized")?["status"]?.stringValue == "True" {
            readContainers()
        }
        if pod.isTerminating {
            if pod.status("reason")?.stringValue == "NodeLost" {
                reason = "Unknown"
            } else if phase != "Succeeded", phase != "Failed" {
                reason = "Terminating"
            }
        }
    }

    func restartText(_ now: Int64) -> String {
        guard restarts > 0, let lastRestart else { return String(restarts) }
        return "\(restarts) (\(HumanDuration.text(seconds: now - lastRestart.seconds)) ago)"
    }

    private static func restartableInitContainers(_ pod: Resource) -> Set<String> {
        Set(
            (pod.spec("initContainers")?.arrayValue ?? [])
                .filter { $0["restartPolicy"]?.stringValue == "Always" }
                .compactMap { $0["name"]?.stringValue })
    }

    private mutating func readInitContainers(_ sidecars: Set<String>) -> Bool {
        var sidecarRestarts = 0
        var lastSidecarRestart: Timestamp?
        defer {
            // Restarts of plain init containers no longer count once the pod is initialized.
            initializedRestarts = (sidecarRestarts, lastSidecarRestart)
        }
        for (index, status) in (pod.status("initContainerStatuses")?.arrayValue ?? []).enumerated() {
            let isSidecar = sidecars.contains(status["name"]?.stringValue ?? "")
            count(status)
            if isSidecar {
                sidecarRestarts += status["restartCount"]?.intValue ?? 0
                lastSidecarRestart = Self.later(lastSidecarRestart, Self.lastEnd(status))
            }
            if status[path: "state", "terminated", "exitCode"]?.intValue == 0 { continue }
            if isSidecar, status["started"]?.boolValue == true {
                if status["ready"]?.boolValue == true { ready += 1 }
                continue
            }
            let waiting = status[path: "state", "waiting", "reason"]?.stringValue ?? ""
            if let terminated = Self.state(status, "terminated") {
                reason = "Init:" + Self.reason(ofEnd: terminated)
            } else if !waiting.isEmpty, waiting != "PodInitializing" {
                reason = "Init:" + waiting
            } else {
                reason = "Init:\(index)/\(pod.spec("initContainers")?.arrayValue?.count ?? 0)"
            }
            return true
        }
        return false
    }

    private var initializedRestarts: (count: Int, last: Timestamp?) = (0, nil)

    private mutating func readContainers() {
        (restarts, lastRestart) = initializedRestarts
        var hasRunning = false
        for status in (pod.status("containerStatuses")?.arrayValue ?? []).reversed() {
            count(status)
            let waiting = status[path: "state", "waiting", "reason"]?.stringValue ?? ""
            if !waiting.isEmpty {
                reason = waiting
            } else if let terminated = Self.state(status, "terminated") {
                reason = Self.reason(ofEnd: terminated)
            } else if status["ready"]?.boolValue == true, Self.state(status, "running") != nil {
                hasRunning = true
                ready += 1
            }
        }
        if reason == "Completed", hasRunning {
            reason = pod.condition("Ready")?["status"]?.stringValue == "True" ? "Running" : "NotReady"
        }
    }

    private mutating func count(_ status: JSONValue) {
        restarts += status["restartCount"]?.intValue ?? 0
        lastRestart = Self.later(lastRestart, Self.lastEnd(status))
    }

    private static func state(_ status: JSONValue, _ name: String) -> JSONValue? {
        status[path: "state", name].flatMap { $0.isNull ? nil : $0 }
    }

    private static func reason(ofEnd terminated: JSONValue) -> String {
        if let reason = terminated["reason"]?.stringValue, !reason.isEmpty { return reason }
        if let signal = terminated["signal"]?.intValue, signal != 0 { return "Signal:\(signal)" }
        return "ExitCode:\(terminated["exitCode"]?.intValue ?? 0)"
    }

    private static func lastEnd(_ status: JSONValue) -> Timestamp? {
        status[path: "lastState", "terminated", "finishedAt"]?.stringValue.flatMap { Timestamp($0) }
    }

    private static func later(_ left: Timestamp?, _ right: Timestamp?) -> Timestamp? {
        guard let left, let right else { return left ?? right }
        return max(left, right)
    }
}
