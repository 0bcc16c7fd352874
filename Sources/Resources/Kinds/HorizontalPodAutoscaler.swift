import JSON

extension ResourceType {
    public static let horizontalPodAutoscaler = ResourceType(
        group: "autoscaling", version: "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", ["hpa"],
        categories: ["all"])
}

extension Kind {
    /// Scales a workload by what it uses.
    static let horizontalPodAutoscaler = Kind(
        .horizontalPodAutoscaler,
        schema: """
            HorizontalPodAutoscaler
              metadata 1 ObjectMeta
              spec 2 HorizontalPodAutoscalerSpec
              status 3 HorizontalPodAutoscalerStatus
            ContainerResourceMetricSource
              name 1 string!
              target 2 MetricTarget!
              container 3 string!
            ContainerResourceMetricStatus
              name 1 string!
              current 2 MetricValueStatus!
              container 3 string!
            CrossVersionObjectReference
              kind 1 string!
              name 2 string!
              apiVersion 3 string
            ExternalMetricSource
              metric 1 MetricIdentifier!
              target 2 MetricTarget!
            ExternalMetricStatus
              metric 1 MetricIdentifier!
              current 2 MetricValueStatus!
            HPAScalingPolicy
              type 1 string!
              value 2 int32!
              periodSeconds 3 int32!
            HPAScalingRules
              stabilizationWindowSeconds 3 int32?
              selectPolicy 1 string?
              policies 2 [HPAScalingPolicy] atomic
              tolerance 4 quantity?
            HorizontalPodAutoscalerBehavior
              scaleUp 1 HPAScalingRules?
              scaleDown 2 HPAScalingRules?
            HorizontalPodAutoscalerCondition
              type 1 string!
              status 2 string!
              lastTransitionTime 3 time
              reason 4 string
              message 5 string
            HorizontalPodAutoscalerSpec
              scaleTargetRef 1 CrossVersionObjectReference!
              minReplicas 2 int32?
              maxReplicas 3 int32!
              metrics 4 [MetricSpec] atomic
              behavior 5 HorizontalPodAutoscalerBehavior?
            HorizontalPodAutoscalerStatus
              observedGeneration 1 int64?
              lastScaleTime 2 time?
              currentReplicas 3 int32
              desiredReplicas 4 int32!
              currentMetrics 5 [MetricStatus]! atomic
              conditions 6 [HorizontalPodAutoscalerCondition] merge=type map=type
            MetricIdentifier
              name 1 string!
              selector 2 LabelSelector?
            MetricSpec
              type 1 string!
              object 2 ObjectMetricSource?
              pods 3 PodsMetricSource?
              resource 4 ResourceMetricSource?
              containerResource 7 ContainerResourceMetricSource?
              external 5 ExternalMetricSource?
            MetricStatus
              type 1 string!
              object 2 ObjectMetricStatus?
              pods 3 PodsMetricStatus?
              resource 4 ResourceMetricStatus?
              containerResource 7 ContainerResourceMetricStatus?
              external 5 ExternalMetricStatus?
            MetricTarget
              type 1 string!
              value 2 quantity?
              averageValue 3 quantity?
              averageUtilization 4 int32?
            MetricValueStatus
              value 1 quantity?
              averageValue 2 quantity?
              averageUtilization 3 int32?
            ObjectMetricSource
              describedObject 1 CrossVersionObjectReference!
              target 2 MetricTarget!
              metric 3 MetricIdentifier!
            ObjectMetricStatus
              metric 1 MetricIdentifier!
              current 2 MetricValueStatus!
              describedObject 3 CrossVersionObjectReference!
            PodsMetricSource
              metric 1 MetricIdentifier!
              target 2 MetricTarget!
            PodsMetricStatus
              metric 1 MetricIdentifier!
              current 2 MetricValueStatus!
            ResourceMetricSource
              name 1 string!
              target 2 MetricTarget!
            ResourceMetricStatus
              name 1 string!
              current 2 MetricValueStatus!
            """,
        columns: [
            .name,
            Column("Reference") {
                .string(
                    "\($0.value.text("spec", "scaleTargetRef", "kind"))/\($0.value.text("spec", "scaleTargetRef", "name"))"
                )
            },
            Column("Targets") { .string(targets($0.value)) },
            Column("MinPods") { autoscaler in
                .string(autoscaler.value[path: "spec", "minReplicas"]?.intValue.map(String.init) ?? "<unset>")
            },
            .count("MaxPods", "spec", "maxReplicas"), .count("Replicas", "status", "currentReplicas"), .age,
        ],
        hasStatus: true,
        defaults: { autoscaler in
            autoscaler.setDefault("spec", "minReplicas", to: 1)
            if autoscaler.list("spec", "metrics").isEmpty {
                autoscaler[path: "spec", "metrics"] = [
                    [
                        "type": "Resource",
                        "resource": ["name": "cpu", "target": ["type": "Utilization", "averageUtilization": 80]],
                    ]
                ]
            }
        },
        rules: { autoscaler, errors in
            let least = autoscaler[path: "spec", "minReplicas"]?.intValue ?? 1
            let most = autoscaler[path: "spec", "maxReplicas"]?.intValue ?? 0
            if least < 1 { errors.invalid("spec.minReplicas", least, "must be greater than or equal to 1") }
            if most < 1 { errors.invalid("spec.maxReplicas", most, "must be greater than 0") }
            if most < least {
                errors.invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
            }
            for part in ["kind", "name"] where autoscaler.text("spec", "scaleTargetRef", part).isEmpty {
                errors.required("spec.scaleTargetRef.\(part)")
            }
            for (index, metric) in autoscaler.list("spec", "metrics").enumerated() {
                errors.oneOf(
                    "spec.metrics[\(index)].type", metric.text("type"),
                    ["ContainerResource", "External", "Object", "Pods", "Resource"])
            }
        })
}

/// As `kubectl get` shows it: `cpu: <unknown>/80%`.
private func targets(_ autoscaler: JSONValue) -> String {
    let current = autoscaler.list("status", "currentMetrics")
    let texts = autoscaler.list("spec", "metrics").enumerated().map { index, metric -> String in
        guard let resource = metric["resource"] else { return "<unknown>" }
        let seen = index < current.count ? current[index][path: "resource", "current"] : nil
        if let percent = resource[path: "target", "averageUtilization"]?.intValue {
            let now = seen?["averageUtilization"]?.intValue.map { "\($0)%" } ?? "<unknown>"
            return "\(resource.text("name")): \(now)/\(percent)%"
        }
        let now = seen?["averageValue"]?.stringValue ?? "<unknown>"
        return "\(resource.text("name")): \(now)/\(resource.text("target", "averageValue"))"
    }
    return texts.prefix(2).joined(separator: ", ") + (texts.count > 2 ? " + \(texts.count - 2) more..." : "")
}
