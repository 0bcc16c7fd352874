import JSON

extension ServedForm {
    /// `autoscaling/v1`: knows a target for the CPU only; the rest of v2 stands as JSON in annotations.
    static let horizontalPodAutoscalerV1 = ServedForm(
        ResourceType(
            group: "autoscaling", version: "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", ["hpa"],
            categories: ["all"]),
        of: .horizontalPodAutoscaler,
        schema: """
            HorizontalPodAutoscaler
              metadata 1 ObjectMeta
              spec 2 HorizontalPodAutoscalerSpec
              status 3 HorizontalPodAutoscalerStatus
            CrossVersionObjectReference
              kind 1 string!
              name 2 string!
              apiVersion 3 string
            HorizontalPodAutoscalerSpec
              scaleTargetRef 1 CrossVersionObjectReference!
              minReplicas 2 int32?
              maxReplicas 3 int32!
              targetCPUUtilizationPercentage 4 int32?
            HorizontalPodAutoscalerStatus
              observedGeneration 1 int64?
              lastScaleTime 2 time?
              currentReplicas 3 int32!
              desiredReplicas 4 int32!
              currentCPUUtilizationPercentage 5 int32?
            """,
        toServed: { autoscaler in
            dropRoundTrip(&autoscaler)
            serveSpec(&autoscaler)
            serveStatus(&autoscaler)
        },
        toStored: { autoscaler in
            storeSpec(&autoscaler)
            storeStatus(&autoscaler)
            dropRoundTrip(&autoscaler)
        })
}

private let metricsKey = "autoscaling.alpha.kubernetes.io/metrics"
private let behaviorKey = "autoscaling.alpha.kubernetes.io/behavior"
private let currentMetricsKey = "autoscaling.alpha.kubernetes.io/current-metrics"
private let conditionsKey = "autoscaling.alpha.kubernetes.io/conditions"

/// Only annotations that a conversion made may be read back.
private func dropRoundTrip(_ autoscaler: inout JSONValue) {
    guard case .object(var annotations)? = autoscaler[path: "metadata", "annotations"] else { return }
    for key in [metricsKey, behaviorKey, currentMetricsKey, conditionsKey] { annotations[key] = nil }
    autoscaler[path: "metadata", "annotations"] = annotations.isEmpty ? nil : .object(annotations)
}

private func annotate(_ autoscaler: inout JSONValue, _ key: String, _ value: JSONValue) {
    autoscaler[path: "metadata", "annotations", key] = .string(value.description)
}

/// nil for an annotation that is not there or cannot be read.
private func annotation(_ autoscaler: JSONValue, _ key: String) -> JSONValue? {
    guard let text = autoscaler[path: "metadata", "annotations", key]?.stringValue else { return nil }
    return try? JSONValue(parsing: text)
}

private func isProcessor(_ metric: JSONValue) -> Bool {
    metric["type"] == "Resource" && metric.text("resource", "name") == "cpu"
}

// MARK: To v1

private func serveSpec(_ autoscaler: inout JSONValue) {
    guard var spec = autoscaler["spec"] else { return }
    let metrics = spec.list("metrics")
    func percent(_ metric: JSONValue) -> JSONValue? { metric["resource"]?[path: "target", "averageUtilization"] }
    if let metric = metrics.first(where: isProcessor), let percent = percent(metric) {
        spec["targetCPUUtilizationPercentage"] = percent
    }
    let others = metrics.filter { !isProcessor($0) || percent($0) == nil }
    if !others.isEmpty { annotate(&autoscaler, metricsKey, .array(others.map { FlatMetric.flattened($0, .target) })) }
    if let behavior = spec["behavior"], !behavior.isNull {
        annotate(&autoscaler, behaviorKey, ScalingBehavior.unnamed(behavior))
    }
    spec["metrics"] = nil
    spec["behavior"] = nil
    autoscaler["spec"] = spec
}

private func serveStatus(_ autoscaler: inout JSONValue) {
    guard var status = autoscaler["status"] else { return }
    let metrics = status.list("currentMetrics")
    if let percent = metrics.first(where: isProcessor)?["resource"]?[path: "current", "averageUtilization"] {
        status["currentCPUUtilizationPercentage"] = percent
    }
    if !metrics.isEmpty {
        annotate(&autoscaler, currentMetricsKey, .array(metrics.map { FlatMetric.flattened($0, .current) }))
    }
    let conditions = status.list("conditions")
    if !conditions.isEmpty { annotate(&autoscaler, conditionsKey, .array(conditions)) }
    status["currentMetrics"] = nil
    status["conditions"] = nil
    status.setDefault("currentReplicas", to: 0)
    autoscaler["status"] = status
}

// MARK: From v1

private func storeSpec(_ autoscaler: inout JSONValue) {
    guard var spec = autoscaler["spec"] else { return }
    var metrics: [JSONValue] = []
    if let others = annotation(autoscaler, metricsKey)?.arrayValue {
        metrics = others.map { FlatMetric.raised($0, .target) }
    }
    if let percent = spec["targetCPUUtilizationPercentage"], !percent.isNull {
        metrics.append([
            "type": "Resource",
            "resource": ["name": "cpu", "target": ["type": "Utilization", "averageUtilization": percent]],
        ])
    }
    spec["targetCPUUtilizationPercentage"] = nil
    if !metrics.isEmpty { spec["metrics"] = .array(metrics) }
    if let behavior = annotation(autoscaler, behaviorKey).map(ScalingBehavior.named), behavior != [:] {
        spec["behavior"] = behavior
    }
    autoscaler["spec"] = spec
}

private func storeStatus(_ autoscaler: inout JSONValue) {
    guard var status = autoscaler["status"] else { return }
    var metrics: [JSONValue] = []
    if let all = annotation(autoscaler, currentMetricsKey)?.arrayValue {
        metrics = all.map { FlatMetric.raised($0, .current) }
    } else if let percent = status["currentCPUUtilizationPercentage"], !percent.isNull {
        metrics = [
            ["type": "Resource", "resource": ["name": "cpu", "current": ["averageUtilization": percent]]]
        ]
    }
    status["currentCPUUtilizationPercentage"] = nil
    status["currentMetrics"] = .array(metrics)
    if let conditions = annotation(autoscaler, conditionsKey)?.arrayValue { status["conditions"] = .array(conditions) }
    autoscaler["status"] = status
}
