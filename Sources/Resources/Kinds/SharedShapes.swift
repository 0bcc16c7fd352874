/// The shapes that several kinds use, and those of the kinds that have structs of their own; see ``ShapeLibrary``.
///
/// Names, numbers, types and merge strategies are those of Kubernetes 1.35.
enum SharedShapes {
    static let meta = """
        Condition
          type 1 string!
          status 2 string!
          observedGeneration 3 int64
          lastTransitionTime 4 time!
          reason 5 string!
          message 6 string!
        DeleteOptions
          gracePeriodSeconds 1 int64?
          preconditions 2 Preconditions?
          orphanDependents 3 bool?
          propagationPolicy 4 string?
          dryRun 5 [string] atomic
          ignoreStoreReadErrorWithClusterBreakingPotential 6 bool?
        LabelSelector atomic
          matchLabels 1 {string}
          matchExpressions 2 [LabelSelectorRequirement] atomic
        LabelSelectorRequirement
          key 1 string!
          operator 2 string!
          values 3 [string] atomic
        ManagedFieldsEntry
          manager 1 string
          operation 2 string
          apiVersion 3 string
          time 4 time?
          fieldsType 6 string
          fieldsV1 7 fields?
          subresource 8 string
        ObjectMeta
          name 1 string
          generateName 2 string
          namespace 3 string
          selfLink 4 string
          uid 5 string
          resourceVersion 6 string
          generation 7 int64
          creationTimestamp 8 time
          deletionTimestamp 9 time?
          deletionGracePeriodSeconds 10 int64?
          labels 11 {string}
          annotations 12 {string}
          ownerReferences 13 [OwnerReference] merge=uid map=uid
          finalizers 14 [string] merge set
          managedFields 17 [ManagedFieldsEntry] atomic
        OwnerReference atomic
          apiVersion 5 string!
          kind 1 string!
          name 3 string!
          uid 4 string!
          controller 6 bool?
          blockOwnerDeletion 7 bool?
        Preconditions
          uid 1 string?
          resourceVersion 2 string?
        """

    static let apps = """
        Deployment
          metadata 1 ObjectMeta!
          spec 2 DeploymentSpec!
          status 3 DeploymentStatus
        DeploymentCondition
          type 1 string!
          status 2 string!
          lastUpdateTime 6 time
          lastTransitionTime 7 time
          reason 4 string
          message 5 string
        DeploymentSpec
          replicas 1 int32?
          selector 2 LabelSelector!
          template 3 PodTemplateSpec!
          strategy 4 DeploymentStrategy retainKeys
          minReadySeconds 5 int32
          revisionHistoryLimit 6 int32?
          paused 7 bool
          progressDeadlineSeconds 9 int32?
        DeploymentStatus
          observedGeneration 1 int64
          replicas 2 int32
          updatedReplicas 3 int32
          readyReplicas 7 int32
          availableReplicas 4 int32
          unavailableReplicas 5 int32
          terminatingReplicas 9 int32?
          conditions 6 [DeploymentCondition] merge=type map=type
          collisionCount 8 int32?
        DeploymentStrategy
          type 1 string
          rollingUpdate 2 RollingUpdateDeployment?
        ReplicaSet
          metadata 1 ObjectMeta!
          spec 2 ReplicaSetSpec!
          status 3 ReplicaSetStatus
        ReplicaSetCondition
          type 1 string!
          status 2 string!
          lastTransitionTime 3 time
          reason 4 string
          message 5 string
        ReplicaSetSpec
          replicas 1 int32?
          minReadySeconds 4 int32
          selector 2 LabelSelector!
          template 3 PodTemplateSpec!
        ReplicaSetStatus
          replicas 1 int32!
          fullyLabeledReplicas 2 int32
          readyReplicas 4 int32
          availableReplicas 5 int32
          terminatingReplicas 7 int32?
          observedGeneration 3 int64
          conditions 6 [ReplicaSetCondition] merge=type map=type
        RollingUpdateDeployment
          maxUnavailable 1 intOrString?
          maxSurge 2 intOrString?
        """
}
