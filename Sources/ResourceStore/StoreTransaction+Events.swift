internal import JSON
internal import Resources

extension StoreTransaction {
    /// Makes an event of the occurrence, or counts up the one that says the same.
    func record(_ occurrence: Occurrence) throws {
        let now = state.environment.timestamp
        if let known = state.events.find(occurrence.fold) {
            try update(known.key) { event in
                event.value["count"] = .integer(Int64((event.value["count"]?.intValue ?? 1) + 1))
                event.value["lastTimestamp"] = .string(now)
            }
            return
        }
        let event = try write(make(occurrence, now), previous: nil, row: nil)
        state.events.put(event, at: state.environment.uptime(), fold: occurrence.fold)
    }

    /// Events about objects without namespace live in `default`, as in Kubernetes.
    private func make(_ occurrence: Occurrence, _ now: String) -> Resource {
        let object = occurrence.object
        let namespace = object.namespace ?? "default"
        let name = (object.name ?? "") + "." + String(state.environment.random(), radix: 16)
        var reference: JSONValue = [:]
        let fields = [
            "kind": object.kind, "namespace": object.namespace, "name": object.name, "uid": object.uid,
            "apiVersion": object.apiVersion, "resourceVersion": object.resourceVersion,
            "fieldPath": occurrence.fieldPath,
        ]
        for (field, value) in fields { reference[field] = value.flatMap { $0.isEmpty ? nil : .string($0) } }
        var source: JSONValue = ["component": .string(occurrence.component)]
        if !occurrence.host.isEmpty { source["host"] = .string(occurrence.host) }
        return Resource(
            value: [
                "metadata": [
                    "name": .string(name), "namespace": .string(namespace),
                    "uid": .string(state.environment.makeUID()), "creationTimestamp": .string(now),
                ],
                "involvedObject": reference, "type": .string(occurrence.type), "reason": .string(occurrence.reason),
                "message": .string(occurrence.message), "source": source, "count": 1, "firstTimestamp": .string(now),
                "lastTimestamp": .string(now), "eventTime": .null,
                "reportingComponent": .string(occurrence.component),
                "reportingInstance": .string(occurrence.host),
            ], type: .event)
    }
}
