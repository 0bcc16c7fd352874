internal import FleetProtocol
internal import JSON
internal import Linux
internal import Logging
internal import ResourceStore
internal import Resources
internal import SQLite

/// From what devices say to the status of the hub's own objects: one loop, so that writes come in order.
extension FleetHub {
    func keepReflecting() async {
        for await _ in wake.stream {
            let (nodes, heartbeats, keys, notes) = (staleNodes, staleHeartbeats, staleStatus, self.notes)
            (staleNodes, staleHeartbeats, staleStatus, self.notes) = ([], [], [], [])
            let devices = Array(nodes.union(heartbeats))
            for start in stride(from: 0, to: devices.count, by: 256) {
                let group = devices[start..<min(start + 256, devices.count)]
                await attempt("nodes") { try await self.reflect(nodes: group, heartbeats: heartbeats) }
            }
            for key in keys { await attempt("status") { try await self.reflect(key) } }
            for note in notes { await tell(note.device, note.type, note.reason, note.message) }
        }
    }

    private func attempt(_ what: String, _ body: () async throws -> Void) async {
        do { try await body() } catch let error as StatusError where error.reason == .notFound {
            // Deleted meanwhile.
        } catch is CancellationError {
            // The hub ends; what is written is made anew at its start.
        } catch {
            logger.error("status cannot be written", metadata: ["of": "\(what)", "error": "\(error)"])
        }
    }

    private func tell(_ device: DeviceID, _ type: String, _ reason: String, _ message: String) async {
        logger.notice("device", metadata: ["device": "\(device)", "reason": "\(reason)", "message": "\(message)"])
        let key = ResourceKey(type: .node, namespace: nil, name: device.text)
        guard let node = try? await store.find(key) else { return }
        await recorder.record(type: type, reason: reason, message: message, on: node)
    }

    // MARK: Aggregates

    private func reflect(_ key: ResourceKey) async throws {
        guard let hash = plan.hashes[key] else { return }
        let devices = plan.assignments[key] ?? []
        let states = devices.map { device in
            let session = sessions[device]
            let record = session?.record
            let failed = record?.ackedLevel == .failed && record?.acked == record?.revision
            return (
                device: device, isConnected: session?.isConnected ?? false,
                failure: failed ? record?.ackMessage ?? record?.ackCode ?? "failed" : nil
            )
        }
        let now = RFC3339.format(seconds: WallClock.now().seconds)
        try await store.transaction { transaction in
            var reported: [String: ReportedObject] = [:]
            try transaction.connection.forEach(
                "SELECT device, json FROM fleet_reported WHERE kind = ? AND namespace = ? AND name = ?",
                [.text(key.type.kind), .text(key.namespace ?? ""), .text(key.name)]
            ) { row in
                reported[row.text(0)] = ReportedObject(value: try JSONValue(parsing: row.bytes(1)))
            }
            let aggregator = StatusAggregator(
                shares: states.map {
                    .init(
                        device: $0.device, isConnected: $0.isConnected, reported: reported[$0.device.text],
                        failure: $0.failure)
                }, hash: hash, now: now)
            try transaction.update(key, subresource: .status) { resource in
                resource.value["status"] =
                    key.type == .deployment
                    ? aggregator.status(ofDeployment: resource) : aggregator.status(ofPod: resource)
            }
        }
    }

    // MARK: Nodes

    private struct NodeView: Sendable {
        let key: ResourceKey
        let reported: JSONValue?
        let ready: ReadyCondition
        let isHeartbeat: Bool
    }

    private func reflect(nodes devices: ArraySlice<DeviceID>, heartbeats: Set<DeviceID>) async throws {
        let views = devices.compactMap { device -> NodeView? in
            guard let session = sessions[device] else { return nil }
            let reported = reportedNodes[device]
            return NodeView(
                key: ResourceKey(type: .node, namespace: nil, name: device.text), reported: reported,
                ready: readyCondition(session, reported), isHeartbeat: heartbeats.contains(device))
        }
        try await store.transaction { transaction in
            for view in views where try transaction.find(view.key) != nil {
                if let labels = view.reported?[path: "metadata", "labels"]?.objectValue {
                    try transaction.update(view.key) { node in
                        for (name, value) in labels
                        where !DocumentPlanner.travels(label: name) && name != WherryLabels.device {
                            node.value[path: "metadata", "labels", name] = value
                        }
                    }
                }
                try transaction.update(view.key, subresource: .status) { node in
                    let old = node.value["status"] ?? [:]
                    var status = view.reported?["status"] ?? old
                    var conditions = (status["conditions"]?.arrayValue ?? []).filter {
                        $0["type"]?.stringValue != "Ready"
                    }
                    let before = old["conditions"]?.arrayValue?.first { $0["type"]?.stringValue == "Ready" }
                    conditions.append(view.ready.value(before: before, isHeartbeat: view.isHeartbeat))
                    status["conditions"] = .array(conditions)
                    node.value["status"] = status
                }
            }
        }
    }

    private struct ReadyCondition: Sendable {
        let status: String
        let reason: String
        let message: String
        let lastContact: String?
        let now: String

        /// The same condition as before stays as it is, so that the Node is not written for every word of the device; only now
        /// and then its time moves on.
        func value(before: JSONValue?, isHeartbeat: Bool) -> JSONValue {
            if var before, before["status"]?.stringValue == status, before["reason"]?.stringValue == reason {
                if isHeartbeat { before["lastHeartbeatTime"] = .string(now) }
                return before
            }
            let turned = before?["status"]?.stringValue != status
            return [
                "type": "Ready", "status": .string(status), "reason": .string(reason), "message": .string(message),
                "lastHeartbeatTime": .string(lastContact ?? now),
                "lastTransitionTime": turned ? .string(now) : before?["lastTransitionTime"] ?? .string(now),
            ]
        }
    }

    private func readyCondition(_ session: DeviceSession, _ reported: JSONValue?) -> ReadyCondition {
        let wall = WallClock.now().seconds
        let silence = session.lastSeen.map { $0.duration(to: .now()).components.seconds }
        let contact = silence.map { RFC3339.format(seconds: wall - $0) }
        let now = RFC3339.format(seconds: wall)
        switch session.contact {
        case .connected:
            let own = reported?[path: "status", "conditions"]?.arrayValue?.first { $0["type"]?.stringValue == "Ready" }
            return ReadyCondition(
                status: own?["status"]?.stringValue ?? "True", reason: own?["reason"]?.stringValue ?? "DeviceConnected",
                message: own?["message"]?.stringValue ?? "The device is connected to the hub", lastContact: contact,
                now: now)
        case .lost(let reason, let message):
            return ReadyCondition(
                status: "Unknown", reason: reason, message: message + (contact.map { "; last contact \($0)" } ?? ""),
                lastContact: contact, now: now)
        }
    }
}
