extension Kind {
    /// Every declared kind, in the order of groups.
    static let all: [Kind] = [
        .endpoints, .limitRange, .persistentVolumeClaim, .persistentVolume, .podTemplate, .replicationController,
        .resourceQuota, .serviceAccount, .service,
        .controllerRevision, .daemonSet, .statefulSet,
        .horizontalPodAutoscaler, .cronJob, .job,
        .lease, .endpointSlice, .ingressClass, .ingress, .networkPolicy,
        .podDisruptionBudget,
        .clusterRoleBinding, .clusterRole, .roleBinding, .role,
        .priorityClass, .storageClass,
        .customResourceDefinition,
    ]
}
