internal import FleetProtocol
internal import JSON
internal import Linux
internal import ResourceStore
internal import Resources

/// Events of devices: taken once each, committed, then acknowledged.
extension FleetHub {
    func take(_ batch: EventBatch, _ epoch: Int64, _ device: DeviceID, _ now: MonotonicInstant) async throws {
        guard let effects = sessions[device]?.heardEvents(epoch: epoch, now: now) else { return }
        perform(effects, device)
        guard var record = sessions[device]?.record else { return }
        let rows = batch.rows.filter { $0.sequence > record.eventsUpTo }.sorted { $0.sequence < $1.sequence }
        guard let first = rows.first, let last = rows.last else { return acknowledge(device) }
        // A message between was lost on the way: the acknowledgement makes the device send again from there. When it does send
        // the same again, there is nothing before it.
        let misses = eventGaps[device] ?? 0
        if first.sequence > record.eventsUpTo + 1, record.eventsUpTo > 0, first.kind != .gap, misses < 2 {
            eventGaps[device] = misses + 1
            return acknowledge(device)
        }
        eventGaps[device] = 0
        for row in rows where row.kind == .event { await mirror(event: row.body, device) }
        for row in rows where row.kind == .gap {
            let count = row.body["count"]?.intValue ?? 0
            perform(
                [
                    .note(
                        type: "Warning", reason: "EventsLost",
                        message: "\(count) events were dropped: the outbox was full")
                ],
                device)
        }
        record.eventsUpTo = last.sequence
        let committed = record
        try await store.withDatabase { try committed.saveContact($0) }
        sessions[device]?.committed(eventsUpTo: last.sequence)
        acknowledge(device)
    }

    /// Makes the hub's copy of a device's Event, pointing at the hub's picture of the object.
    private func mirror(event body: JSONValue, _ device: DeviceID) async {
        let event = Resource(value: body, type: .event)
        guard ReportMirror.isName(event.name), let namespace = event.namespace, ReportMirror.isName(namespace),
            (try? event.decode(as: Event.self)) != nil
        else { return }
        let involved = body["involvedObject"] ?? [:]
        let copy = try? await store.transaction { transaction in
            var copy = event
            for field in ["resourceVersion", "managedFields", "uid", "generation"] {
                copy.value[path: "metadata", field] = nil
            }
            copy.value[path: "metadata", "name"] = .string("\(event.name).\(device)")
            copy.labels[WherryLabels.device] = device.text
            if copy.value[path: "source", "host"]?.stringValue ?? "" == "" {
                copy.value[path: "source", "host"] = .string(device.text)
            }
            guard
                let type = transaction.types.storing(
                    apiVersion: involved["apiVersion"]?.stringValue ?? "v1", kind: involved["kind"]?.stringValue ?? "")
            else { return copy }
            if type == .node {
                copy.value[path: "involvedObject", "name"] = .string(device.text)
                let node = ResourceKey(type: .node, namespace: nil, name: device.text)
                if let uid = try transaction.find(node)?.uid {
                    copy.value[path: "involvedObject", "uid"] = .string(uid)
                }
            } else {
                let key = ResourceKey(
                    type: type, namespace: involved["namespace"]?.stringValue ?? namespace,
                    name: involved["name"]?.stringValue ?? "")
                if let target = try ReportMirror(device: device, transaction: transaction).target(of: key) {
                    copy.value[path: "involvedObject", "name"] = .string(target.name)
                    copy.value[path: "involvedObject", "uid"] = .string(target.uid)
                }
            }
            return copy
        }
        guard let copy else { return }
        do { _ = try await store.create(copy) } catch {
            // The same event again, counted up.
            _ = try? await store.replace(copy)
        }
    }
}
