import JSON

extension ServedForm {
    /// `events.k8s.io/v1`: what happened, in the words of newer recorders.
    static let eventsV1 = ServedForm(
        ResourceType(group: "events.k8s.io", "Event", "events", ["ev"]),
        of: .event,
        schema: """
            Event
              metadata 1 ObjectMeta
              eventTime 2 microTime!
              series 3 EventSeries?
              reportingController 4 string
              reportingInstance 5 string
              action 6 string
              reason 7 string
              regarding 8 ObjectReference
              related 9 ObjectReference?
              note 10 string
              type 11 string
              deprecatedSource 12 EventSource
              deprecatedFirstTimestamp 13 time
              deprecatedLastTimestamp 14 time
              deprecatedCount 15 int32
            EventSeries
              count 1 int32!
              lastObservedTime 2 microTime!
            """,
        selectorFields: [
            "reason": "reason", "type": "type", "reportingController": "reportingComponent",
            "regarding.kind": "involvedObject.kind", "regarding.namespace": "involvedObject.namespace",
            "regarding.name": "involvedObject.name", "regarding.uid": "involvedObject.uid",
            "regarding.apiVersion": "involvedObject.apiVersion",
            "regarding.resourceVersion": "involvedObject.resourceVersion",
            "regarding.fieldPath": "involvedObject.fieldPath",
        ],
        toServed: { event in
            event.rename(names.map { ($0.stored, $0.served) })
            event.setDefault("eventTime", to: .null)
        },
        toStored: { event in
            event.rename(names.map { ($0.served, $0.stored) })
            // Absent times were filled in as texts without a time.
            for name in ["eventTime", "firstTimestamp", "lastTimestamp"] where event.text(name).isEmpty {
                event[name] = nil
            }
            event.setDefault("involvedObject", to: [:])
        },
        rules: checkNew, updateRules: checkChanged)

    private static let names: [(stored: String, served: String)] = [
        ("involvedObject", "regarding"), ("message", "note"), ("reportingComponent", "reportingController"),
        ("source", "deprecatedSource"), ("firstTimestamp", "deprecatedFirstTimestamp"),
        ("lastTimestamp", "deprecatedLastTimestamp"), ("count", "deprecatedCount"),
    ]
}

/// As Kubernetes checks events of the newer API, which names fields of the stored form.
@Sendable private func checkNew(_ event: JSONValue, _ errors: inout FieldErrors) {
    let hasTime = !event.text("eventTime").isEmpty
    checkObject(event, isNew: hasTime, &errors)
    if hasTime { checkReporter(event, &errors) }
    checkSeries(event, &errors)
    if !hasTime { errors.required("eventTime") }
    let type = event.text("type")
    if type != "Normal", type != "Warning" { errors.invalid("type", "", "has invalid value: \(type)") }
    for time in ["firstTimestamp", "lastTimestamp"] where !event.text(time).isEmpty {
        errors.invalid(time, "", "needs to be unset")
    }
    if (event["count"]?.intValue ?? 0) != 0 { errors.invalid("count", "", "needs to be unset") }
    if !event.text("source", "component").isEmpty || !event.text("source", "host").isEmpty {
        errors.invalid("source", "", "needs to be unset")
    }
}

private func checkObject(_ event: JSONValue, isNew: Bool, _ errors: inout FieldErrors) {
    let (own, other) = (event.text("metadata", "namespace"), event.text("involvedObject", "namespace"))
    let global = isNew ? ["default", "kube-system"] : ["", "default"]
    if other.isEmpty ? !global.contains(own) : !isNew && other != own {
        errors.invalid("involvedObject.namespace", other, "does not match event.namespace")
    }
}

private func checkReporter(_ event: JSONValue, _ errors: inout FieldErrors) {
    let controller = event.text("reportingComponent")
    if controller.isEmpty { errors.required("reportingController") }
    if let fault = NameRules.qualifiedName(controller) { errors.invalid("reportingController", controller, fault) }
    for field in ["reportingInstance", "action", "reason"] {
        let text = event.text(field)
        if text.isEmpty { errors.required(field) }
        if text.utf8.count > 128 { errors.invalid(field, "", "can have at most 128 characters") }
    }
    if event.text("message").utf8.count > 1024 { errors.invalid("message", "", "can have at most 1024 characters") }
}

private func checkSeries(_ event: JSONValue, _ errors: inout FieldErrors) {
    guard let series = event["series"], !series.isNull else { return }
    if (series["count"]?.intValue ?? 0) < 2 { errors.invalid("series.count", "", "should be at least 2") }
    if series.text("lastObservedTime").isEmpty { errors.required("series.lastObservedTime") }
}

/// Only the series of an event goes on.
@Sendable private func checkChanged(_ new: JSONValue, _ old: JSONValue, _ errors: inout FieldErrors) {
    if new["series"] != old["series"] { checkSeries(new, &errors) }
    let fields = [
        ("involvedObject", "involvedObject"), ("reason", "reason"), ("message", "message"), ("source", "source"),
        ("firstTimestamp", "firstTimestamp"), ("lastTimestamp", "lastTimestamp"), ("count", "count"),
        ("type", "type"), ("eventTime", "eventTime"), ("action", "action"), ("related", "related"),
        ("reportingComponent", "reportingController"), ("reportingInstance", "reportingInstance"),
    ]
    for (field, name) in fields {
        let (now, before) = (meaning(new[field]), meaning(old[field]))
        errors.notChanged(name, now == before, now ?? "")
    }
}

/// Nothing, null and what is empty mean the same.
private func meaning(_ value: JSONValue?) -> JSONValue? {
    switch value {
    case nil, .null?, .string("")?, .integer(0)?: return nil
    case .object(let members)?:
        let rest = members.compactMapValues { meaning($0) }
        return rest.isEmpty ? nil : .object(rest)
    case .string(let text)?:
        // A moment may be written with more or fewer digits.
        guard let time = Timestamp(text) else { return value }
        return ["s": .integer(time.seconds), "n": .integer(Int64(time.nanoseconds))]
    default: return value
    }
}
