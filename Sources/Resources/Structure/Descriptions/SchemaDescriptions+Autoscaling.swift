extension SchemaDescriptions {
    /// Of autoscalers.
    static let autoscaling = """
        HorizontalPodAutoscaler | Changes the number of a workload's pods by what they use.
        HorizontalPodAutoscaler.spec | What is scaled, between which numbers, by which measures.
        HorizontalPodAutoscaler.status | What was measured and done.
        HorizontalPodAutoscalerSpec | What an autoscaler does.
        HorizontalPodAutoscalerSpec.scaleTargetRef | The workload.
        HorizontalPodAutoscalerSpec.minReplicas | The smallest number of pods; 1 when absent.
        HorizontalPodAutoscalerSpec.maxReplicas | The largest number of pods.
        HorizontalPodAutoscalerSpec.metrics | What is measured; the measure that wants most pods decides. 80 % of the CPU request when absent.
        HorizontalPodAutoscalerSpec.behavior | How fast the number changes.
        HorizontalPodAutoscalerSpec.targetCPUUtilizationPercentage | Wanted use of CPU, in percent of what the pods request.
        HorizontalPodAutoscalerStatus | What an autoscaler measured and did.
        HorizontalPodAutoscalerStatus.lastScaleTime | When the number last changed.
        HorizontalPodAutoscalerStatus.currentReplicas | Pods when it last looked.
        HorizontalPodAutoscalerStatus.desiredReplicas | Pods that it wants.
        HorizontalPodAutoscalerStatus.currentMetrics | What was last measured.
        HorizontalPodAutoscalerStatus.conditions | Whether it can and may scale.
        HorizontalPodAutoscalerStatus.currentCPUUtilizationPercentage | Use of CPU, in percent of what the pods request.
        HorizontalPodAutoscalerCondition | One observed fact about an autoscaler.
        HorizontalPodAutoscalerCondition.type | `AbleToScale`, `ScalingActive` or `ScalingLimited`.
        HorizontalPodAutoscalerCondition.status | `True`, `False` or `Unknown`.
        HorizontalPodAutoscalerCondition.reason | One word for the last change.
        HorizontalPodAutoscalerCondition.message | A sentence about the last change.
        HorizontalPodAutoscalerBehavior | How fast the number of pods changes.
        HorizontalPodAutoscalerBehavior.scaleUp | When it grows.
        HorizontalPodAutoscalerBehavior.scaleDown | When it shrinks.
        HPAScalingRules | How fast the number of pods changes in one direction.
        HPAScalingRules.stabilizationWindowSeconds | How far back earlier wishes count.
        HPAScalingRules.selectPolicy | `Max`, `Min` or `Disabled`: which of the policies decides.
        HPAScalingRules.policies | How many pods may come or go in which time.
        HPAScalingRules.tolerance | How far a measure may be off before anything is done.
        HPAScalingPolicy | How many pods may come or go in a time.
        HPAScalingPolicy.type | `Pods` or `Percent`.
        HPAScalingPolicy.value | How many, or what percentage.
        HPAScalingPolicy.periodSeconds | In which time.
        CrossVersionObjectReference | Names an object of any kind in the same namespace.
        CrossVersionObjectReference.kind | Its kind.
        CrossVersionObjectReference.name | Its name.
        CrossVersionObjectReference.apiVersion | Its group and version.
        MetricSpec | One measure, and what is wanted of it.
        MetricSpec.type | `Resource`, `ContainerResource`, `Pods`, `Object` or `External`; names the field that is set.
        MetricSpec.object | A measure of one object.
        MetricSpec.pods | A measure of each pod, averaged.
        MetricSpec.resource | A resource that the pods use.
        MetricSpec.containerResource | A resource that one container of each pod uses.
        MetricSpec.external | A measure of something outside.
        MetricStatus | One measure, as it was seen.
        MetricStatus.type | Which field is set.
        MetricStatus.object | A measure of one object.
        MetricStatus.pods | A measure of each pod, averaged.
        MetricStatus.resource | A resource that the pods use.
        MetricStatus.containerResource | A resource that one container of each pod uses.
        MetricStatus.external | A measure of something outside.
        MetricTarget | What is wanted of a measure.
        MetricTarget.type | `Utilization`, `Value` or `AverageValue`; names the field that is set.
        MetricTarget.value | The measure itself.
        MetricTarget.averageValue | The measure, shared among all pods.
        MetricTarget.averageUtilization | Percent of what the pods request.
        MetricValueStatus | What was seen of a measure.
        MetricValueStatus.value | The measure itself.
        MetricValueStatus.averageValue | The measure, shared among all pods.
        MetricValueStatus.averageUtilization | Percent of what the pods request.
        MetricIdentifier | Names a measure.
        MetricIdentifier.name | Its name.
        MetricIdentifier.selector | Narrows it down by labels.
        ResourceMetricSource | A resource that pods use.
        ResourceMetricSource.name | `cpu` or `memory`.
        ResourceMetricSource.target | What is wanted.
        ResourceMetricStatus | What pods use of a resource.
        ResourceMetricStatus.name | `cpu` or `memory`.
        ResourceMetricStatus.current | What was seen.
        ContainerResourceMetricSource | A resource that one container of each pod uses.
        ContainerResourceMetricSource.name | `cpu` or `memory`.
        ContainerResourceMetricSource.target | What is wanted.
        ContainerResourceMetricSource.container | The container.
        ContainerResourceMetricStatus | What one container of each pod uses.
        ContainerResourceMetricStatus.name | `cpu` or `memory`.
        ContainerResourceMetricStatus.current | What was seen.
        ContainerResourceMetricStatus.container | The container.
        PodsMetricSource | A measure of each pod.
        PodsMetricSource.metric | The measure.
        PodsMetricSource.target | What is wanted on average.
        PodsMetricStatus | What was seen of each pod.
        PodsMetricStatus.metric | The measure.
        PodsMetricStatus.current | What was seen on average.
        ObjectMetricSource | A measure of one object.
        ObjectMetricSource.describedObject | The object.
        ObjectMetricSource.target | What is wanted.
        ObjectMetricSource.metric | The measure.
        ObjectMetricStatus | What was seen of one object.
        ObjectMetricStatus.metric | The measure.
        ObjectMetricStatus.current | What was seen.
        ObjectMetricStatus.describedObject | The object.
        ExternalMetricSource | A measure of something outside.
        ExternalMetricSource.metric | The measure.
        ExternalMetricSource.target | What is wanted.
        ExternalMetricStatus | What was seen of something outside.
        ExternalMetricStatus.metric | The measure.
        ExternalMetricStatus.current | What was seen.
        """
}
