extension SchemaDescriptions {
    /// Of Deployments and ReplicaSets.
    static let workloads = """
        ReplicaSet | Keeps a number of equal pods.
        ReplicaSet.metadata | Standard object's metadata.
        ReplicaSet.spec | What should run.
        ReplicaSet.status | What was observed.
        ReplicaSetSpec | What a ReplicaSet keeps.
        ReplicaSetSpec.replicas | How many pods.
        ReplicaSetSpec.minReadySeconds | Seconds a pod must be ready to count as available.
        ReplicaSetSpec.selector | Its pods; must match the template's labels.
        ReplicaSetSpec.template | The pods it makes.
        ReplicaSetStatus | What was observed of a ReplicaSet.
        ReplicaSetStatus.replicas | Pods that exist.
        ReplicaSetStatus.fullyLabeledReplicas | Pods with the labels of the template.
        ReplicaSetStatus.readyReplicas | Pods that are ready.
        ReplicaSetStatus.availableReplicas | Pods ready for minReadySeconds.
        ReplicaSetStatus.terminatingReplicas | Pods on their way out.
        ReplicaSetStatus.observedGeneration | Generation of the spec that was seen.
        ReplicaSetStatus.conditions | ReplicaFailure.
        ReplicaSetCondition | One observed fact about a ReplicaSet.
        ReplicaSetCondition.type | Name of the condition.
        ReplicaSetCondition.status | `True`, `False` or `Unknown`.
        ReplicaSetCondition.lastTransitionTime | When `status` last changed.
        ReplicaSetCondition.reason | One word for the last change.
        ReplicaSetCondition.message | A sentence about the last change.
        Deployment | Keeps equal pods and replaces them step by step when their template changes.
        Deployment.metadata | Standard object's metadata.
        Deployment.spec | What should run.
        Deployment.status | What was observed.
        DeploymentSpec | What a Deployment keeps.
        DeploymentSpec.replicas | How many pods.
        DeploymentSpec.selector | Its pods; must match the template's labels; immutable.
        DeploymentSpec.template | The pods it makes.
        DeploymentSpec.strategy | How old pods are replaced.
        DeploymentSpec.minReadySeconds | Seconds a pod must be ready to count as available.
        DeploymentSpec.revisionHistoryLimit | Old ReplicaSets to keep.
        DeploymentSpec.paused | Whether template changes wait.
        DeploymentSpec.progressDeadlineSeconds | Seconds without progress after which it counts as failed.
        DeploymentStrategy | How old pods are replaced.
        DeploymentStrategy.type | `RollingUpdate` or `Recreate`.
        DeploymentStrategy.rollingUpdate | Bounds of a rolling update.
        RollingUpdateDeployment | Bounds of a rolling update.
        RollingUpdateDeployment.maxUnavailable | Pods that may be missing; a percentage is rounded down.
        RollingUpdateDeployment.maxSurge | Pods that may exist beyond replicas; a percentage is rounded up.
        DeploymentStatus | What was observed of a Deployment.
        DeploymentStatus.observedGeneration | Generation of the spec that was seen.
        DeploymentStatus.replicas | Pods that exist.
        DeploymentStatus.updatedReplicas | Pods of the current template.
        DeploymentStatus.readyReplicas | Pods that are ready.
        DeploymentStatus.availableReplicas | Pods ready for minReadySeconds.
        DeploymentStatus.unavailableReplicas | Pods still missing.
        DeploymentStatus.terminatingReplicas | Pods on their way out.
        DeploymentStatus.conditions | Available, Progressing, ReplicaFailure.
        DeploymentStatus.collisionCount | Hash collisions of ReplicaSet names.
        DeploymentCondition | One observed fact about a Deployment.
        DeploymentCondition.type | Name of the condition.
        DeploymentCondition.status | `True`, `False` or `Unknown`.
        DeploymentCondition.lastUpdateTime | When it was last written.
        DeploymentCondition.lastTransitionTime | When `status` last changed.
        DeploymentCondition.reason | One word for the last change.
        DeploymentCondition.message | A sentence about the last change.
        """
}
