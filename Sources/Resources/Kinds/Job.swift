import JSON

extension ResourceType {
    public static let job = ResourceType(
        group: "batch", "Job", "jobs", categories: ["all"])
}

extension Kind {
    /// Pods that run to their end.
    static let job = Kind(
        .job,
        schema: """
            Job
              metadata 1 ObjectMeta
              spec 2 JobSpec
              status 3 JobStatus
            JobCondition
              type 1 string!
              status 2 string!
              lastProbeTime 3 time
              lastTransitionTime 4 time
              reason 5 string
              message 6 string
            JobSpec
              parallelism 1 int32?
              completions 2 int32?
              activeDeadlineSeconds 3 int64?
              podFailurePolicy 11 PodFailurePolicy?
              successPolicy 16 SuccessPolicy?
              backoffLimit 7 int32?
              backoffLimitPerIndex 12 int32?
              maxFailedIndexes 13 int32?
              selector 4 LabelSelector?
              manualSelector 5 bool?
              template 6 PodTemplateSpec!
              ttlSecondsAfterFinished 8 int32?
              completionMode 9 string?
              suspend 10 bool?
              podReplacementPolicy 14 string?
              managedBy 15 string?
            JobStatus
              conditions 1 [JobCondition] merge=type atomic
              startTime 2 time?
              completionTime 3 time?
              active 4 int32
              succeeded 5 int32
              failed 6 int32
              terminating 11 int32?
              completedIndexes 7 string
              failedIndexes 10 string?
              uncountedTerminatedPods 8 UncountedTerminatedPods?
              ready 9 int32?
            PodFailurePolicy
              rules 1 [PodFailurePolicyRule]! atomic
            PodFailurePolicyOnExitCodesRequirement
              containerName 1 string?
              operator 2 string!
              values 3 [int32]! set
            PodFailurePolicyOnPodConditionsPattern
              type 1 string!
              status 2 string!
            PodFailurePolicyRule
              action 1 string!
              onExitCodes 2 PodFailurePolicyOnExitCodesRequirement?
              onPodConditions 3 [PodFailurePolicyOnPodConditionsPattern] atomic
            SuccessPolicy
              rules 1 [SuccessPolicyRule]! atomic
            SuccessPolicyRule
              succeededIndexes 1 string?
              succeededCount 2 int32?
            UncountedTerminatedPods
              succeeded 1 [string] set
              failed 2 [string] set
            """,
        columns: [
            .name, Column("Status") { .string(JobRules.state($0.value)) },
            Column("Completions") { .string(JobRules.completions($0.value)) },
            Column("Duration", cell: JobRules.duration), .age,
            Column("Containers", wide: true) { TemplateRules.containers($0.value[path: "spec", "template"]) },
            Column("Images", wide: true) { TemplateRules.images($0.value[path: "spec", "template"]) },
            Column("Selector", wide: true) { TemplateRules.selector($0.value[path: "spec", "selector"]) },
        ],
        hasStatus: true, nameFault: NameRules.label,
        defaults: { job in
            var spec = job["spec"] ?? [:]
            JobRules.setDefaults(&spec)
            job["spec"] = spec
        },
        rules: { JobRules.check($0["spec"] ?? [:], "spec", into: &$1) },
        updateRules: { new, old, errors in
            for field in ["completions", "selector", "template", "completionMode", "podFailurePolicy"] {
                let (value, was) = (new[path: "spec", field], old[path: "spec", field])
                // The server itself adds the selector and the template's labels.
                if was == nil || field == "completions" && new.text("spec", "completionMode") == "Indexed" { continue }
                if field == "template", old[path: "spec", "suspend"] == true { continue }
                errors.notChanged("spec.\(field)", value == was, value ?? .null)
            }
        })
}

enum JobRules {
    static func setDefaults(_ spec: inout JSONValue) {
        // Both unset: one pod, and one completion is all.
        if spec["completions"] == nil, spec["parallelism"] == nil { spec["completions"] = 1 }
        spec.setDefault("parallelism", to: 1)
        spec.setDefault("backoffLimit", to: spec["backoffLimitPerIndex"] == nil ? 6 : .integer(Int64(Int32.max)))
        spec.setDefault("completionMode", to: "NonIndexed")
        spec.setDefault("suspend", to: false)
        spec.setDefault("manualSelector", to: false)
        if spec["manualSelector"] == false { spec["manualSelector"] = nil }
        spec.setDefault("podReplacementPolicy", to: spec["podFailurePolicy"] == nil ? "TerminatingOrFailed" : "Failed")
        TemplateRules.setDefaults(&spec)
    }

    static func check(_ spec: JSONValue, _ field: String, into errors: inout FieldErrors) {
        for name in [
            "parallelism", "completions", "backoffLimit", "ttlSecondsAfterFinished", "activeDeadlineSeconds",
        ] { errors.notNegative("\(field).\(name)", spec[name]?.intValue) }
        errors.oneOf("\(field).completionMode", spec["completionMode"]?.stringValue, ["Indexed", "NonIndexed"])
        if spec["completionMode"] == "Indexed", spec["completions"] == nil {
            errors.required("\(field).completions", "when completion mode is Indexed")
        }
        let policy = spec.text("template", "spec", "restartPolicy")
        TemplateRules.check(
            spec["template"], "\(field).template", policies: ["OnFailure", "Never"], policyIsNeeded: policy == "Always",
            into: &errors)
    }

    static func condition(_ job: JSONValue, _ type: String) -> Bool {
        job.list("status", "conditions").contains { $0["type"]?.stringValue == type && $0["status"] == "True" }
    }

    static func state(_ job: JSONValue) -> String {
        if condition(job, "Complete") { return "Complete" }
        if condition(job, "Failed") { return "Failed" }
        if job[path: "metadata", "deletionTimestamp"] != nil { return "Terminating" }
        if condition(job, "Suspended") { return "Suspended" }
        if condition(job, "FailureTarget") { return "FailureTarget" }
        if condition(job, "SuccessCriteriaMet") { return "SuccessCriteriaMet" }
        return "Running"
    }

    static func completions(_ job: JSONValue) -> String {
        let done = job[path: "status", "succeeded"]?.intValue ?? 0
        if let wanted = job[path: "spec", "completions"]?.intValue { return "\(done)/\(wanted)" }
        let parallel = job[path: "spec", "parallelism"]?.intValue ?? 0
        return parallel > 1 ? "\(done)/1 of \(parallel)" : "\(done)/1"
    }

    static func duration(_ job: Resource, now: Int64) -> JSONValue {
        guard let start = Timestamp(job.value.text("status", "startTime")) else { return "" }
        let end = Timestamp(job.value.text("status", "completionTime"))
        return .string(HumanDuration.text(seconds: (end?.seconds ?? now) - start.seconds))
    }
}
