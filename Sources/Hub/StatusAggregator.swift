internal import FleetProtocol
internal import JSON
internal import Resources

/// Makes the status of a hub-authored object from its devices' copies. Pure.
struct StatusAggregator {
    /// One device that has the object in its document.
    struct Share: Sendable {
        let device: DeviceID
        let isConnected: Bool
        /// The device's copy, nil before it was reported.
        let reported: ReportedObject?
        /// Why the device refused its newest revision.
        let failure: String?
    }

    let shares: [Share]
    /// What `wherry.dev/hub-hash` must be on an up-to-date copy.
    let hash: String
    /// RFC 3339.
    let now: String

    // MARK: Deployments

    /// The Deployment's new status; equal to the old one when nothing changed.
    func status(ofDeployment resource: Resource) -> JSONValue {
        let replicas = resource.value[path: "spec", "replicas"]?.intValue ?? 1
        let old = resource.value["status"] ?? [:]
        var status: JSONValue = [:]
        func sum(_ field: String) -> Int { shares.reduce(0) { $0 + ($1.reported?.count(field) ?? 0) } }
        func set(_ field: String, _ number: Int) { status[field] = number == 0 ? nil : .integer(Int64(number)) }
        let current = shares.filter(isCurrent)
        let updated = current.reduce(0) { $0 + ($1.reported?.count("updatedReplicas") ?? 0) }
        let available = sum("availableReplicas")
        set("replicas", sum("replicas"))
        set("updatedReplicas", updated)
        set("readyReplicas", sum("readyReplicas"))
        set("availableReplicas", available)
        set("unavailableReplicas", max(0, replicas * shares.count - available))
        // Seen means: every device that is there has the present spec and has made its pods, so that the sums speak of it.
        let isSeen = shares.allSatisfy { !$0.isConnected || (isCurrent($0) && isStarted($0)) }
        let observed =
            isSeen ? resource.generation : min(resource.generation - 1, old["observedGeneration"]?.intValue ?? 0)
        status["observedGeneration"] = .integer(Int64(max(0, observed)))
        status["conditions"] = conditions(
            old: old["conditions"]?.arrayValue ?? [],
            new: deploymentConditions(
                replicas: replicas, isDone: isSeen && shares.allSatisfy { isDone($0, replicas) } && !shares.isEmpty))
        return status
    }

    private func isCurrent(_ share: Share) -> Bool {
        guard let reported = share.reported else { return false }
        return reported.hash == hash && reported.isObserved
    }

    private func isStarted(_ share: Share) -> Bool {
        guard let reported = share.reported else { return false }
        return reported.count("updatedReplicas") >= reported.replicas
    }

    private func isDone(_ share: Share, _ replicas: Int) -> Bool {
        guard let reported = share.reported, isCurrent(share) else { return false }
        return reported.count("updatedReplicas") >= reported.replicas
            && reported.count("replicas") == reported.count("updatedReplicas")
            && reported.count("availableReplicas") >= reported.count("updatedReplicas")
    }

    private func deploymentConditions(replicas: Int, isDone: Bool) -> [NewCondition] {
        let lacking = shares.filter { $0.reported?.condition("Available")?["status"]?.stringValue != "True" }
        var result: [NewCondition] = []
        if shares.isEmpty {
            result.append(.init("Available", "False", "NoMatchingDevice", "No device matches the node selector"))
            result.append(.init("Progressing", "True", "NoMatchingDevice", "No device matches the node selector"))
        } else {
            result.append(
                lacking.isEmpty
                    ? .init(
                        "Available", "True", "MinimumReplicasAvailable",
                        "Deployment has minimum availability on every device")
                    : .init(
                        "Available", "False", "MinimumReplicasUnavailable",
                        "Deployment does not have minimum availability on \(list(lacking))"))
            let stuck = shares.filter {
                $0.reported?.condition("Progressing")?["reason"]?.stringValue == "ProgressDeadlineExceeded"
            }
            if !stuck.isEmpty {
                result.append(
                    .init(
                        "Progressing", "False", "ProgressDeadlineExceeded",
                        "Deployment has exceeded its progress deadline on \(list(stuck))"))
            } else if isDone {
                result.append(
                    .init("Progressing", "True", "NewReplicaSetAvailable", "Deployment has successfully progressed"))
            } else {
                let waiting = shares.filter { !self.isDone($0, replicas) }
                result.append(
                    .init("Progressing", "True", "ReplicaSetUpdated", "Deployment is progressing on \(list(waiting))"))
            }
        }
        return result + failures()
    }

    private func failures() -> [NewCondition] {
        let failed = shares.filter { $0.failure != nil }.sorted { $0.device.text < $1.device.text }
        guard let first = failed.first, let why = first.failure else { return [] }
        let more = failed.count > 1 ? " (and \(failed.count - 1) more devices)" : ""
        return [.init("DeviceFailure", "True", "RevisionFailed", "\(first.device): \(why)\(more)")]
    }

    private func list(_ shares: [Share]) -> String {
        let names = shares.map { $0.isConnected ? $0.device.text : "\($0.device) (not connected)" }.sorted()
        guard names.count > 5 else { return names.joined(separator: ", ") }
        return names.prefix(5).joined(separator: ", ") + " and \(names.count - 5) more"
    }

    // MARK: Pods

    /// The status of a hub-authored Pod: the device's own where there is one, else the worst phase and a count.
    func status(ofPod resource: Resource) -> JSONValue {
        let old = resource.value["status"] ?? [:]
        let reports = shares.sorted { $0.device.text < $1.device.text }.compactMap(\.reported)
        if shares.count == 1, let only = reports.first, failures().isEmpty { return only.status }
        var status: JSONValue = [:]
        let phases = reports.map { $0.status["phase"]?.stringValue ?? "Pending" }
        let missing = shares.count - reports.count
        let order = ["Failed", "Pending", "Unknown", "Running", "Succeeded"]
        let worst = order.first { phases.contains($0) } ?? "Pending"
        status["phase"] = .string(missing > 0 && worst != "Failed" ? "Pending" : worst)
        let ready = reports.filter { $0.condition("Ready")?["status"]?.stringValue == "True" }.count
        status["message"] = .string(
            shares.isEmpty ? "No device matches the node selector" : "ready on \(ready) of \(shares.count) devices")
        status["containerStatuses"] = reports.first?.status["containerStatuses"]
        let isReady = !shares.isEmpty && ready == shares.count
        status["conditions"] = conditions(
            old: old["conditions"]?.arrayValue ?? [],
            new: [.init("Ready", isReady ? "True" : "False", isReady ? "" : "DevicesNotReady", "")] + failures())
        return status
    }

    // MARK: Conditions

    private struct NewCondition {
        let type: String
        let status: String
        let reason: String
        let message: String
        init(_ type: String, _ status: String, _ reason: String, _ message: String) {
            (self.type, self.status, self.reason, self.message) = (type, status, reason, message)
        }
    }

    /// Keeps an unchanged condition as it is, times included, so that an unchanged status is not written.
    private func conditions(old: [JSONValue], new: [NewCondition]) -> JSONValue {
        .array(
            new.map { condition in
                let before = old.first { $0["type"]?.stringValue == condition.type }
                let isSame =
                    before?["status"]?.stringValue == condition.status
                    && (before?["reason"]?.stringValue ?? "") == condition.reason
                    && (before?["message"]?.stringValue ?? "") == condition.message
                if isSame, let before { return before }
                let turned = before?["status"]?.stringValue != condition.status
                var value: JSONValue = [
                    "type": .string(condition.type), "status": .string(condition.status),
                    "lastUpdateTime": .string(now),
                    "lastTransitionTime": turned ? .string(now) : before?["lastTransitionTime"] ?? .string(now),
                ]
                value["reason"] = condition.reason.isEmpty ? nil : .string(condition.reason)
                value["message"] = condition.message.isEmpty ? nil : .string(condition.message)
                return value
            })
    }
}
