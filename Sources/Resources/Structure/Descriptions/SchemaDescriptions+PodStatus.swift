extension SchemaDescriptions {
    /// Of what was observed of pods.
    static let podStatus = """
        PodStatus | What was observed of a pod.
        PodStatus.observedGeneration | Generation of the spec that was seen.
        PodStatus.phase | `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
        PodStatus.conditions | PodScheduled, Initialized, ContainersReady, Ready.
        PodStatus.message | Why it is in this state.
        PodStatus.reason | One word for it.
        PodStatus.nominatedNodeName | Carried, not used.
        PodStatus.hostIP | Address of the node.
        PodStatus.hostIPs | Addresses of the node.
        PodStatus.podIP | Address of the pod.
        PodStatus.podIPs | Addresses of the pod.
        PodStatus.startTime | When the agent accepted it.
        PodStatus.initContainerStatuses | One per init container.
        PodStatus.containerStatuses | One per container.
        PodStatus.qosClass | `Guaranteed`, `Burstable` or `BestEffort`.
        PodStatus.ephemeralContainerStatuses | Carried, not used.
        PodStatus.resize | Carried, not used.
        PodStatus.resourceClaimStatuses | Carried, not used.
        PodStatus.extendedResourceClaimStatus | Carried, not used.
        PodStatus.allocatedResources | Carried, not used.
        PodStatus.resources | Carried, not used.
        HostIP | An address of a node.
        HostIP.ip | The address.
        PodIP | An address of a pod.
        PodIP.ip | The address.
        PodCondition | One observed fact about a pod.
        PodCondition.type | Name of the condition.
        PodCondition.observedGeneration | Generation of the spec that was seen.
        PodCondition.status | `True`, `False` or `Unknown`.
        PodCondition.lastProbeTime | When it was last checked.
        PodCondition.lastTransitionTime | When `status` last changed.
        PodCondition.reason | One word for the last change.
        PodCondition.message | A sentence about the last change.
        ContainerStatus | What was observed of a container.
        ContainerStatus.name | Name of the container.
        ContainerStatus.state | What it does now.
        ContainerStatus.lastState | How it ended before.
        ContainerStatus.ready | Whether it passes its readiness probe.
        ContainerStatus.restartCount | How often it was started again.
        ContainerStatus.image | The image it runs.
        ContainerStatus.imageID | Digest of that image.
        ContainerStatus.containerID | As `wherry://<id>`.
        ContainerStatus.started | Whether it passed its startup probe.
        ContainerStatus.allocatedResources | Carried, not used.
        ContainerStatus.resources | Carried, not used.
        ContainerStatus.volumeMounts | Carried, not used.
        ContainerStatus.user | Carried, not used.
        ContainerStatus.allocatedResourcesStatus | Carried, not used.
        ContainerStatus.stopSignal | Carried, not used.
        ContainerState | Exactly one of these.
        ContainerState.waiting | Not yet running.
        ContainerState.running | Running.
        ContainerState.terminated | Ended.
        ContainerStateWaiting | Not yet running.
        ContainerStateWaiting.reason | As `ContainerCreating`, `CrashLoopBackOff`, `ErrImagePull`.
        ContainerStateWaiting.message | A sentence about it.
        ContainerStateRunning | Running.
        ContainerStateRunning.startedAt | Since when.
        ContainerStateTerminated | Ended.
        ContainerStateTerminated.exitCode | Exit status; 128 and the signal when killed.
        ContainerStateTerminated.signal | The signal that killed it.
        ContainerStateTerminated.reason | As `Completed`, `Error`, `OOMKilled`.
        ContainerStateTerminated.message | Its final message.
        ContainerStateTerminated.startedAt | When it started.
        ContainerStateTerminated.finishedAt | When it ended.
        ContainerStateTerminated.containerID | As `wherry://<id>`.
        """
}
