extension SchemaDescriptions {
    /// Of quotas, limits, budgets, priorities and leases.
    static let policies = """
        ResourceQuota | Limits what a namespace may have in all.
        ResourceQuota.spec | The limits.
        ResourceQuota.status | What is used of them.
        ResourceQuotaSpec | Limits of a namespace.
        ResourceQuotaSpec.hard | The most of each resource and kind, as `pods` or `requests.cpu`.
        ResourceQuotaSpec.scopes | Only pods of these sorts count, as `BestEffort`.
        ResourceQuotaSpec.scopeSelector | The same, with conditions.
        ResourceQuotaStatus | What is used of a quota.
        ResourceQuotaStatus.hard | The limits that hold.
        ResourceQuotaStatus.used | What is used.
        ScopeSelector | Chooses pods by sort.
        ScopeSelector.matchExpressions | Conditions that must all hold.
        ScopedResourceSelectorRequirement | One condition on a pod's sort.
        ScopedResourceSelectorRequirement.scopeName | The sort.
        ScopedResourceSelectorRequirement.operator | `In`, `NotIn`, `Exists` or `DoesNotExist`.
        ScopedResourceSelectorRequirement.values | What it is compared with.
        LimitRange | Limits and defaults for each pod, container or claim of a namespace.
        LimitRange.spec | The limits.
        LimitRangeSpec | Limits and defaults.
        LimitRangeSpec.limits | One entry for each type of object.
        LimitRangeItem | Limits and defaults for one type of object.
        LimitRangeItem.type | `Pod`, `Container` or `PersistentVolumeClaim`.
        LimitRangeItem.max | The most of each resource.
        LimitRangeItem.min | The least of each resource.
        LimitRangeItem.default | Limits of containers that state none.
        LimitRangeItem.defaultRequest | Requests of containers that state none.
        LimitRangeItem.maxLimitRequestRatio | How many times the request a limit may be.
        PodDisruptionBudget | Says how many pods of an application must stay when some are evicted.
        PodDisruptionBudget.spec | Which pods, and how many.
        PodDisruptionBudget.status | How many may be missing now.
        PodDisruptionBudgetSpec | How many pods must stay.
        PodDisruptionBudgetSpec.minAvailable | How many must stay healthy, as a number or a percentage.
        PodDisruptionBudgetSpec.selector | The pods; empty for all of the namespace.
        PodDisruptionBudgetSpec.maxUnavailable | How many may be missing, as a number or a percentage.
        PodDisruptionBudgetSpec.unhealthyPodEvictionPolicy | `IfHealthyBudget` or `AlwaysAllow`: whether pods that are not ready may always go.
        PodDisruptionBudgetStatus | How many pods may be missing now.
        PodDisruptionBudgetStatus.disruptedPods | Pods whose eviction was allowed and is not seen yet.
        PodDisruptionBudgetStatus.disruptionsAllowed | How many may go now.
        PodDisruptionBudgetStatus.currentHealthy | Pods that are healthy.
        PodDisruptionBudgetStatus.desiredHealthy | Pods that must be healthy.
        PodDisruptionBudgetStatus.expectedPods | Pods that count.
        PodDisruptionBudgetStatus.conditions | Observed facts.
        Eviction | Asks that a pod goes, unless a PodDisruptionBudget needs it.
        Eviction.deleteOptions | How it is deleted.
        PriorityClass | Names how important pods are.
        PriorityClass.value | The higher, the more important.
        PriorityClass.globalDefault | Whether pods that name no class get this one.
        PriorityClass.description | What it is for.
        PriorityClass.preemptionPolicy | `PreemptLowerPriority` or `Never`.
        Lease | Says who holds something, and until when.
        Lease.spec | Who holds it.
        LeaseSpec | Who holds a lease.
        LeaseSpec.holderIdentity | The holder.
        LeaseSpec.leaseDurationSeconds | How long it holds after `renewTime`.
        LeaseSpec.acquireTime | Since when the holder has it.
        LeaseSpec.renewTime | When the holder last renewed it.
        LeaseSpec.leaseTransitions | How often the holder changed.
        LeaseSpec.strategy | How the next holder is chosen.
        LeaseSpec.preferredHolder | Who should get it.
        """
}
