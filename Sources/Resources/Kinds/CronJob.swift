import JSON

extension ResourceType {
    public static let cronJob = ResourceType(
        group: "batch", "CronJob", "cronjobs", ["cj"], categories: ["all"])
}

extension Kind {
    /// Makes Jobs by the clock.
    static let cronJob = Kind(
        .cronJob,
        schema: """
            CronJob
              metadata 1 ObjectMeta
              spec 2 CronJobSpec
              status 3 CronJobStatus
            CronJobSpec
              schedule 1 string!
              timeZone 8 string?
              startingDeadlineSeconds 2 int64?
              concurrencyPolicy 3 string
              suspend 4 bool?
              jobTemplate 5 JobTemplateSpec!
              successfulJobsHistoryLimit 6 int32?
              failedJobsHistoryLimit 7 int32?
            CronJobStatus
              active 1 [ObjectReference] atomic
              lastScheduleTime 4 time?
              lastSuccessfulTime 5 time?
            JobTemplateSpec
              metadata 1 ObjectMeta
              spec 2 JobSpec
            """,
        columns: [
            .name, Column("Schedule") { $0.value[path: "spec", "schedule"] ?? "" },
            Column("Timezone") { .string($0.value.text("spec", "timeZone").orNone) },
            Column("Suspend") { .string($0.value[path: "spec", "suspend"] == true ? "True" : "False") },
            Column("Active", "integer") { .integer(Int64($0.value.list("status", "active").count)) },
            Column("Last Schedule") { job, now in
                let last = job.value.text("status", "lastScheduleTime")
                return .string(last.isEmpty ? "<none>" : HumanDuration.since(last, now: now))
            },
            .age,
            Column("Containers", wide: true) {
                TemplateRules.containers($0.value[path: "spec", "jobTemplate", "spec", "template"])
            },
            Column("Images", wide: true) {
                TemplateRules.images($0.value[path: "spec", "jobTemplate", "spec", "template"])
            },
            Column("Selector", wide: true) {
                TemplateRules.selector($0.value[path: "spec", "jobTemplate", "spec", "selector"])
            },
        ],
        hasStatus: true,
        nameFault: { name in
            // The Jobs' names are eleven characters longer, and must be labels.
            NameRules.subdomain(name) ?? (name.utf8.count > 52 ? "must be no more than 52 characters" : nil)
        },
        defaults: { job in
            job.setDefault("spec", "concurrencyPolicy", to: "Allow")
            job.setDefault("spec", "suspend", to: false)
            job.setDefault("spec", "successfulJobsHistoryLimit", to: 3)
            job.setDefault("spec", "failedJobsHistoryLimit", to: 1)
            var template = job[path: "spec", "jobTemplate", "spec"] ?? [:]
            TemplateRules.setDefaults(&template)
            job[path: "spec", "jobTemplate", "spec"] = template
        },
        rules: { job, errors in
            let schedule = job.text("spec", "schedule")
            if schedule.isEmpty {
                errors.required("spec.schedule")
            } else if let fault = CronSchedule.fault(schedule) {
                errors.invalid("spec.schedule", schedule, fault)
            }
            errors.oneOf(
                "spec.concurrencyPolicy", job.text("spec", "concurrencyPolicy"), ["Allow", "Forbid", "Replace"])
            for name in ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
                errors.notNegative("spec.\(name)", job[path: "spec", name]?.intValue)
            }
            JobRules.check(job[path: "spec", "jobTemplate", "spec"] ?? [:], "spec.jobTemplate.spec", into: &errors)
        })
}
