extension SchemaDescriptions {
    /// Of Jobs and CronJobs.
    static let jobs = """
        Job | Runs pods until enough of them have succeeded.
        Job.spec | Which pod, how often, and what counts as failed.
        Job.status | How far it is.
        JobSpec | What a Job runs.
        JobSpec.parallelism | How many pods run at once; 1 when absent.
        JobSpec.completions | How many must succeed; 1 when absent.
        JobSpec.activeDeadlineSeconds | After this time the Job has failed.
        JobSpec.podFailurePolicy | What a failure of a pod means, by its exit codes and conditions.
        JobSpec.successPolicy | When the Job has succeeded before all pods have.
        JobSpec.backoffLimit | How many failures are borne; 6 when absent.
        JobSpec.backoffLimitPerIndex | The same for each index.
        JobSpec.maxFailedIndexes | How many indexes may fail.
        JobSpec.selector | The pods it owns; set by the server.
        JobSpec.manualSelector | Whether `selector` is the user's own.
        JobSpec.template | The pod; its restart policy is `Never` or `OnFailure`.
        JobSpec.ttlSecondsAfterFinished | How long after its end the Job is removed.
        JobSpec.completionMode | `NonIndexed`, or `Indexed` for pods with numbers of their own.
        JobSpec.suspend | Whether no pods run for now.
        JobSpec.podReplacementPolicy | When a pod is replaced: `TerminatingOrFailed` or `Failed`.
        JobSpec.managedBy | Who else runs this Job.
        JobStatus | How far a Job is.
        JobStatus.conditions | `Complete`, `Failed`, `Suspended` and others.
        JobStatus.startTime | When it began.
        JobStatus.completionTime | When enough pods had succeeded.
        JobStatus.active | Pods that run or wait to.
        JobStatus.succeeded | Pods that succeeded.
        JobStatus.failed | Pods that failed.
        JobStatus.terminating | Pods that are being ended.
        JobStatus.completedIndexes | Indexes that succeeded, as `1,3-5`.
        JobStatus.failedIndexes | Indexes that failed.
        JobStatus.uncountedTerminatedPods | Pods that ended and are not counted yet.
        JobStatus.ready | Pods that are ready.
        JobCondition | One observed fact about a Job.
        JobCondition.type | `Complete`, `Failed`, `Suspended`, `FailureTarget` or `SuccessCriteriaMet`.
        JobCondition.status | `True`, `False` or `Unknown`.
        JobCondition.reason | One word for the last change.
        JobCondition.message | A sentence about the last change.
        PodFailurePolicy | What failures of pods mean to a Job.
        PodFailurePolicy.rules | The first that fits decides.
        PodFailurePolicyRule | What one kind of failure means.
        PodFailurePolicyRule.action | `FailJob`, `FailIndex`, `Ignore` or `Count`.
        PodFailurePolicyRule.onExitCodes | Exit codes that it is about.
        PodFailurePolicyRule.onPodConditions | Conditions of the pod that it is about.
        PodFailurePolicyOnExitCodesRequirement | Exit codes of containers.
        PodFailurePolicyOnExitCodesRequirement.containerName | The container; any when absent.
        PodFailurePolicyOnExitCodesRequirement.operator | `In` or `NotIn`.
        PodFailurePolicyOnExitCodesRequirement.values | The codes.
        PodFailurePolicyOnPodConditionsPattern | A condition of a pod.
        PodFailurePolicyOnPodConditionsPattern.type | Name of the condition.
        PodFailurePolicyOnPodConditionsPattern.status | Its status; `True` when absent.
        SuccessPolicy | When an indexed Job has succeeded.
        SuccessPolicy.rules | One that holds is enough.
        SuccessPolicyRule | Indexes that make the whole a success.
        SuccessPolicyRule.succeededIndexes | The indexes, as `1,3-5`.
        SuccessPolicyRule.succeededCount | How many of them.
        UncountedTerminatedPods | Pods that ended and are not counted yet.
        UncountedTerminatedPods.succeeded | Unique ids of those that succeeded.
        UncountedTerminatedPods.failed | Unique ids of those that failed.
        CronJob | Makes a Job at set times.
        CronJob.spec | When, and which Job.
        CronJob.status | When it last did.
        CronJobSpec | When a CronJob makes which Job.
        CronJobSpec.schedule | Minute, hour, day, month and weekday, as in crontab; or `@hourly` and the like.
        CronJobSpec.timeZone | Name of the time zone of the schedule; the server's when absent.
        CronJobSpec.startingDeadlineSeconds | How late a Job may begin; what is later is missed.
        CronJobSpec.concurrencyPolicy | `Allow`, `Forbid` or `Replace`, when the last Job still runs.
        CronJobSpec.suspend | Whether no Jobs are made for now.
        CronJobSpec.jobTemplate | The Job.
        CronJobSpec.successfulJobsHistoryLimit | How many Jobs that succeeded are kept; 3 when absent.
        CronJobSpec.failedJobsHistoryLimit | How many Jobs that failed are kept; 1 when absent.
        CronJobStatus | What a CronJob last did.
        CronJobStatus.active | Jobs that run.
        CronJobStatus.lastScheduleTime | When a Job was last due and made.
        CronJobStatus.lastSuccessfulTime | When a Job last succeeded.
        JobTemplateSpec | A Job to make others of.
        JobTemplateSpec.spec | What the Jobs run.
        """
}
