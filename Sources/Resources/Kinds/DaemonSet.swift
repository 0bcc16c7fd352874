import JSON

extension ResourceType {
    public static let daemonSet = ResourceType(
        group: "apps", "DaemonSet", "daemonsets", ["ds"], categories: ["all"])
}

extension Kind {
    /// One pod on every node that fits.
    static let daemonSet = Kind(
        .daemonSet,
        schema: """
            DaemonSet
              metadata 1 ObjectMeta
              spec 2 DaemonSetSpec
              status 3 DaemonSetStatus
            DaemonSetCondition
              type 1 string!
              status 2 string!
              lastTransitionTime 3 time
              reason 4 string
              message 5 string
            DaemonSetSpec
              selector 1 LabelSelector!
              template 2 PodTemplateSpec!
              updateStrategy 3 DaemonSetUpdateStrategy
              minReadySeconds 4 int32
              revisionHistoryLimit 6 int32?
            DaemonSetStatus
              currentNumberScheduled 1 int32!
              numberMisscheduled 2 int32!
              desiredNumberScheduled 3 int32!
              numberReady 4 int32!
              observedGeneration 5 int64
              updatedNumberScheduled 6 int32
              numberAvailable 7 int32
              numberUnavailable 8 int32
              collisionCount 9 int32?
              conditions 10 [DaemonSetCondition] merge=type map=type
            DaemonSetUpdateStrategy
              type 1 string
              rollingUpdate 2 RollingUpdateDaemonSet?
            RollingUpdateDaemonSet
              maxUnavailable 1 intOrString?
              maxSurge 2 intOrString?
            """,
        columns: [
            .name, .count("Desired", "status", "desiredNumberScheduled"),
            .count("Current", "status", "currentNumberScheduled"), .count("Ready", "status", "numberReady"),
            .count("Up-to-date", "status", "updatedNumberScheduled"), .count("Available", "status", "numberAvailable"),
            Column("Node Selector") {
                TemplateRules.labels($0.value[path: "spec", "template", "spec", "nodeSelector"])
            },
            .age,
            Column("Containers", wide: true) { TemplateRules.containers($0.value[path: "spec", "template"]) },
            Column("Images", wide: true) { TemplateRules.images($0.value[path: "spec", "template"]) },
            Column("Selector", wide: true) { TemplateRules.selector($0.value[path: "spec", "selector"]) },
        ],
        hasStatus: true,
        defaults: { set in
            set.setDefault("spec", "updateStrategy", "type", to: "RollingUpdate")
            if set.text("spec", "updateStrategy", "type") == "RollingUpdate" {
                set.setDefault("spec", "updateStrategy", "rollingUpdate", "maxUnavailable", to: 1)
                set.setDefault("spec", "updateStrategy", "rollingUpdate", "maxSurge", to: 0)
            }
            set.setDefault("spec", "revisionHistoryLimit", to: 10)
            TemplateRules.setDefaults(ofSpecOf: &set)
        },
        rules: { set, errors in
            TemplateRules.check(workload: set, into: &errors)
            errors.notNegative("spec.minReadySeconds", set[path: "spec", "minReadySeconds"]?.intValue)
            errors.notNegative("spec.revisionHistoryLimit", set[path: "spec", "revisionHistoryLimit"]?.intValue)
            errors.oneOf(
                "spec.updateStrategy.type", set.text("spec", "updateStrategy", "type"), ["OnDelete", "RollingUpdate"])
        },
        updateRules: TemplateRules.selectorIsFixed)
}
