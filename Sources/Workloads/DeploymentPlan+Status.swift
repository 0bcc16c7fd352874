internal import JSON
internal import Resources

extension DeploymentPlanner {
    mutating func makeStatus() -> JSONValue {
        let former = observation.deployment.value["status"] ?? [:]
        let available = all.reduce(0) { $0 + $1.counts.available }
        var status: JSONValue = [:]
        status.setCount("observedGeneration", observation.deployment.generation)
        status.setCount("replicas", all.reduce(0) { $0 + $1.counts.replicas })
        status.setCount("updatedReplicas", new?.counts.replicas ?? 0)
        status.setCount("readyReplicas", all.reduce(0) { $0 + $1.counts.ready })
        status.setCount("availableReplicas", available)
        status.setCount("unavailableReplicas", max(0, all.reduce(0) { $0 + $1.replicas } - available))
        status.setCount("collisionCount", collisions)
        var conditions = DeploymentConditions(former["conditions"], now: observation.now)
        if available >= fields.minAvailable {
            conditions.set(
                "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            conditions.set(
                "Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        }
        conditions.copy("ReplicaFailure", from: new?.resource.value[path: "status", "conditions"])
        setProgress(&conditions, former: former, status)
        status["conditions"] = conditions.json
        plan.recheck = all.compactMap(\.counts.nextAvailable).min().map { min($0, plan.recheck ?? $0) } ?? plan.recheck
        return status
    }

    private mutating func setProgress(
        _ conditions: inout DeploymentConditions, former: JSONValue, _ status: JSONValue
    ) {
        guard let deadline = fields.progressDeadline, !observation.deployment.isTerminating else { return }
        let reason = conditions.reason("Progressing")
        if fields.isPaused {
            if reason != "DeploymentPaused" {
                conditions.set("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
            }
            return
        }
        if reason == "DeploymentPaused" {
            return conditions.set("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed")
        }
        let subject = new.map { "ReplicaSet \"\($0.name)\"" } ?? "Deployment \"\(fields.name)\""
        if let created = plan.create {
            return conditions.renew(
                "Progressing", "NewReplicaSetCreated", "Created new replica set \"\(created.name)\"")
        }
        let wasComplete =
            reason == "NewReplicaSetAvailable" && status["replicas"] == status["updatedReplicas"]
        guard !wasComplete else { return }
        if isComplete {
            conditions.set(
                "Progressing", "True", "NewReplicaSetAvailable", "\(subject) has successfully progressed.")
        } else if hasProgressed(former, status) || reason == nil {
            conditions.renew("Progressing", "ReplicaSetUpdated", "\(subject) is progressing.")
            plan.recheck = .seconds(deadline + 1)
        } else if reason == "ProgressDeadlineExceeded" || observation.progressAge >= .seconds(deadline) {
            conditions.set(
                "Progressing", "False", "ProgressDeadlineExceeded", "\(subject) has timed out progressing.")
        } else {
            plan.recheck = .seconds(deadline + 1) - observation.progressAge
        }
    }

    private func hasProgressed(_ former: JSONValue, _ status: JSONValue) -> Bool {
        func count(_ value: JSONValue, _ field: String) -> Int { value[field]?.intValue ?? 0 }
        func outdated(_ value: JSONValue) -> Int { count(value, "replicas") - count(value, "updatedReplicas") }
        return count(status, "updatedReplicas") > count(former, "updatedReplicas")
            || outdated(status) < outdated(former)
            || count(status, "readyReplicas") > count(former, "readyReplicas")
            || count(status, "availableReplicas") > count(former, "availableReplicas")
    }
}

/// A Deployment's conditions, changed by Kubernetes' rules for their times.
struct DeploymentConditions {
    private var list: [JSONValue]
    private let now: JSONValue

    init(_ json: JSONValue?, now: Timestamp) {
        list = json?.arrayValue ?? []
        self.now = .string(now.text)
    }

    var json: JSONValue { .array(list) }

    private func find(_ type: String) -> JSONValue? { list.first { $0["type"]?.stringValue == type } }

    func reason(_ type: String) -> String? { find(type)?["reason"]?.stringValue }

    /// Nothing changes while status and reason stay the same.
    mutating func set(_ type: String, _ status: String, _ reason: String, _ message: String) {
        let current = find(type)
        if current?["status"]?.stringValue == status && current?["reason"]?.stringValue == reason { return }
        put(type, status, reason, message, since: current)
    }

    /// A step forward: the time of the last update moves even when the words stay the same.
    mutating func renew(_ type: String, _ reason: String, _ message: String) {
        put(type, "True", reason, message, since: find(type))
    }

    mutating func copy(_ type: String, from conditions: JSONValue?) {
        let source = conditions?.arrayValue?.first { $0["type"]?.stringValue == type }
        guard let source, source["status"] == "True" else {
            list.removeAll { $0["type"]?.stringValue == type }
            return
        }
        set(type, "True", source["reason"]?.stringValue ?? "", source["message"]?.stringValue ?? "")
    }

    private mutating func put(
        _ type: String, _ status: String, _ reason: String, _ message: String, since current: JSONValue?
    ) {
        let isSame = current?["status"]?.stringValue == status
        let transition = isSame ? current?["lastTransitionTime"] ?? now : now
        list.removeAll { $0["type"]?.stringValue == type }
        list.append([
            "type": .string(type), "status": .string(status), "reason": .string(reason),
            "message": .string(message), "lastUpdateTime": now, "lastTransitionTime": transition,
        ])
    }
}
