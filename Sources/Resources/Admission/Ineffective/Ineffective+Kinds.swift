import JSON

/// Kinds that only describe something to others stay silent: classes (`StorageClass`, `IngressClass`, `PriorityClass`), `PodTemplate`,
/// `ControllerRevision`, `Lease`, and the `Endpoints` and `EndpointSlices` of a Service.
extension Ineffective {
    /// What nothing acts on. A controller that comes takes its line away.
    static let kinds: [ResourceType: String] = [
        .service: "nothing listens at its address, and there is no cluster DNS; use hostNetwork: true in the pods",
        .ingress: "nothing routes requests; use hostNetwork: true in the pods",
        .networkPolicy: "no traffic is filtered; a pod without hostNetwork has no network but its own",
        .persistentVolumeClaim: "nothing binds it, and pods that use it do not start; use hostPath",
        .persistentVolume: "nothing binds it; use hostPath",
        .horizontalPodAutoscaler: "nothing scales by it; set replicas",
        .daemonSet: "no pods are made; use a Deployment",
        .statefulSet: "no pods are made; use a Deployment",
        .replicationController: "no pods are made; use a Deployment",
        .job: "no pods are made; use a Pod with restartPolicy: OnFailure",
        .cronJob: "no Jobs are made, and none would run",
    ]

    /// What acts on a device, and does not come there from a hub.
    static let kindsAtHub: [ResourceType: String] = [
        .replicaSet: "the hub sends Deployments and Pods; use a Deployment",
        .podDisruptionBudget: "the hub does not send it; apply it on the device",
    ]

    /// Of objects beside pods.
    static let fieldsAtHub: [ResourceType: [IneffectiveField]] = [
        .node: [
            IneffectiveField("spec.taints", "\(onlyLabels); taint it on the device"),
            IneffectiveField("spec.unschedulable", "\(onlyLabels); cordon it on the device"),
        ]
    ]

    private static let onlyLabels = "the hub sends a device the labels of its Node only"
}
