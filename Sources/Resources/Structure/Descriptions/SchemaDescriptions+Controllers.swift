extension SchemaDescriptions {
    /// Of DaemonSets, StatefulSets and other controllers of pods.
    static let controllers = """
        DaemonSet | Runs a pod on every node that it selects.
        DaemonSet.spec | Which pod, on which nodes, and how it is replaced.
        DaemonSet.status | How many of its pods run.
        DaemonSetSpec | Which pod runs on each node.
        DaemonSetSpec.selector | The pods it owns; must match the template's labels and never changes.
        DaemonSetSpec.template | The pod; its node selector says on which nodes.
        DaemonSetSpec.updateStrategy | How pods of an older template are replaced.
        DaemonSetSpec.minReadySeconds | How long a pod must be ready to count as available.
        DaemonSetSpec.revisionHistoryLimit | How many older templates are kept; 10 when absent.
        DaemonSetStatus | How many pods of a DaemonSet run.
        DaemonSetStatus.currentNumberScheduled | Nodes that run the pod and should.
        DaemonSetStatus.numberMisscheduled | Nodes that run the pod and should not.
        DaemonSetStatus.desiredNumberScheduled | Nodes that should run the pod.
        DaemonSetStatus.numberReady | Nodes whose pod is ready.
        DaemonSetStatus.updatedNumberScheduled | Nodes whose pod is of the newest template.
        DaemonSetStatus.numberAvailable | Nodes whose pod was ready for long enough.
        DaemonSetStatus.numberUnavailable | Nodes that still lack such a pod.
        DaemonSetStatus.collisionCount | Collisions of names of revisions.
        DaemonSetStatus.conditions | Observed facts.
        DaemonSetCondition | One observed fact about a DaemonSet.
        DaemonSetCondition.type | Name of the fact.
        DaemonSetCondition.status | `True`, `False` or `Unknown`.
        DaemonSetCondition.reason | One word for the last change.
        DaemonSetCondition.message | A sentence about the last change.
        DaemonSetUpdateStrategy | How a DaemonSet replaces pods.
        DaemonSetUpdateStrategy.type | `RollingUpdate` or `OnDelete`.
        DaemonSetUpdateStrategy.rollingUpdate | How a rolling update goes.
        RollingUpdateDaemonSet | How a DaemonSet's rolling update goes.
        RollingUpdateDaemonSet.maxUnavailable | How many nodes may lack the pod meanwhile, as a number or a percentage.
        RollingUpdateDaemonSet.maxSurge | How many nodes may run both pods meanwhile.
        StatefulSet | Runs numbered pods, each with a name and volumes that stay its own.
        StatefulSet.spec | How many pods, of which kind, with which volumes.
        StatefulSet.status | How many of its pods run.
        StatefulSetSpec | What a StatefulSet runs.
        StatefulSetSpec.replicas | How many pods; 1 when absent.
        StatefulSetSpec.selector | The pods it owns; must match the template's labels and never changes.
        StatefulSetSpec.template | The pod; each is called by the set's name and its number.
        StatefulSetSpec.volumeClaimTemplates | Claims that each pod gets and keeps.
        StatefulSetSpec.serviceName | The Service that names the pods.
        StatefulSetSpec.podManagementPolicy | `OrderedReady`, one after the other, or `Parallel`.
        StatefulSetSpec.updateStrategy | How pods of an older template are replaced.
        StatefulSetSpec.revisionHistoryLimit | How many older templates are kept; 10 when absent.
        StatefulSetSpec.minReadySeconds | How long a pod must be ready to count as available.
        StatefulSetSpec.persistentVolumeClaimRetentionPolicy | What becomes of the claims when the set is deleted or shrinks.
        StatefulSetSpec.ordinals | How the pods are numbered.
        StatefulSetStatus | How many pods of a StatefulSet run.
        StatefulSetStatus.replicas | Pods that exist.
        StatefulSetStatus.readyReplicas | Pods that are ready.
        StatefulSetStatus.currentReplicas | Pods of the template before the update.
        StatefulSetStatus.updatedReplicas | Pods of the newest template.
        StatefulSetStatus.currentRevision | Name of the template before the update.
        StatefulSetStatus.updateRevision | Name of the newest template.
        StatefulSetStatus.collisionCount | Collisions of names of revisions.
        StatefulSetStatus.conditions | Observed facts.
        StatefulSetStatus.availableReplicas | Pods that were ready for long enough.
        StatefulSetCondition | One observed fact about a StatefulSet.
        StatefulSetCondition.type | Name of the fact.
        StatefulSetCondition.status | `True`, `False` or `Unknown`.
        StatefulSetCondition.reason | One word for the last change.
        StatefulSetCondition.message | A sentence about the last change.
        StatefulSetUpdateStrategy | How a StatefulSet replaces pods.
        StatefulSetUpdateStrategy.type | `RollingUpdate` or `OnDelete`.
        StatefulSetUpdateStrategy.rollingUpdate | How a rolling update goes.
        RollingUpdateStatefulSetStrategy | How a StatefulSet's rolling update goes.
        RollingUpdateStatefulSetStrategy.partition | Pods with a lower number keep the older template.
        RollingUpdateStatefulSetStrategy.maxUnavailable | How many pods may be missing meanwhile.
        StatefulSetOrdinals | How a StatefulSet's pods are numbered.
        StatefulSetOrdinals.start | The first number.
        StatefulSetPersistentVolumeClaimRetentionPolicy | What becomes of claims.
        StatefulSetPersistentVolumeClaimRetentionPolicy.whenDeleted | `Retain` or `Delete`, when the set goes.
        StatefulSetPersistentVolumeClaimRetentionPolicy.whenScaled | `Retain` or `Delete`, when a pod goes.
        ControllerRevision | One of the templates that a DaemonSet or StatefulSet had.
        ControllerRevision.data | The template.
        ControllerRevision.revision | Counts the changes of the template.
        ReplicationController | Keeps a number of pods running; Deployments took its place.
        ReplicationController.spec | How many pods, of which kind.
        ReplicationController.status | How many of its pods run.
        ReplicationControllerSpec | What a ReplicationController runs.
        ReplicationControllerSpec.replicas | How many pods; 1 when absent.
        ReplicationControllerSpec.minReadySeconds | How long a pod must be ready to count as available.
        ReplicationControllerSpec.selector | Labels of the pods it owns; the template's when absent.
        ReplicationControllerSpec.template | The pod.
        ReplicationControllerStatus | How many pods of a ReplicationController run.
        ReplicationControllerStatus.replicas | Pods that exist.
        ReplicationControllerStatus.fullyLabeledReplicas | Pods with all labels of the template.
        ReplicationControllerStatus.readyReplicas | Pods that are ready.
        ReplicationControllerStatus.availableReplicas | Pods that were ready for long enough.
        ReplicationControllerStatus.conditions | Observed facts.
        ReplicationControllerCondition | One observed fact about a ReplicationController.
        ReplicationControllerCondition.type | Name of the fact.
        ReplicationControllerCondition.status | `True`, `False` or `Unknown`.
        ReplicationControllerCondition.reason | One word for the last change.
        ReplicationControllerCondition.message | A sentence about the last change.
        PodTemplate | A pod to make others of.
        PodTemplate.template | The pod.
        Scale | How many pods something runs, apart from what they are.
        Scale.spec | How many are wanted.
        Scale.status | How many there are.
        ScaleSpec | How many pods are wanted.
        ScaleSpec.replicas | The number of pods.
        ScaleStatus | How many pods there are.
        ScaleStatus.replicas | Pods that exist.
        ScaleStatus.selector | Chooses the pods, as text.
        """
}
