import JSON

extension ResourceType {
    public static let replicationController = ResourceType(
        "ReplicationController", "replicationcontrollers", ["rc"], categories: ["all"])
}

extension Kind {
    /// Keeps equal pods, in the old form.
    static let replicationController = Kind(
        .replicationController,
        schema: """
            ReplicationController
              metadata 1 ObjectMeta
              spec 2 ReplicationControllerSpec
              status 3 ReplicationControllerStatus
            ReplicationControllerCondition
              type 1 string!
              status 2 string!
              lastTransitionTime 3 time
              reason 4 string
              message 5 string
            ReplicationControllerSpec
              replicas 1 int32?
              minReadySeconds 4 int32
              selector 2 {string} atomic
              template 3 PodTemplateSpec?
            ReplicationControllerStatus
              replicas 1 int32!
              fullyLabeledReplicas 2 int32
              readyReplicas 4 int32
              availableReplicas 5 int32
              observedGeneration 3 int64
              conditions 6 [ReplicationControllerCondition] merge=type map=type
            """,
        columns: [
            .name, .count("Desired", "spec", "replicas"), .count("Current", "status", "replicas"),
            .count("Ready", "status", "readyReplicas"), .age,
            Column("Containers", wide: true) { TemplateRules.containers($0.value[path: "spec", "template"]) },
            Column("Images", wide: true) { TemplateRules.images($0.value[path: "spec", "template"]) },
            Column("Selector", wide: true) { TemplateRules.selector($0.value[path: "spec", "selector"]) },
        ],
        hasStatus: true, isScalable: true,
        defaults: { controller in
            controller.setDefault("spec", "replicas", to: 1)
            let labels = controller[path: "spec", "template", "metadata", "labels"]
            if let labels, labels != [:], controller[path: "spec", "selector"] ?? [:] == [:] {
                controller[path: "spec", "selector"] = labels
            }
            TemplateRules.setDefaults(ofSpecOf: &controller)
        },
        rules: { controller, errors in
            errors.notNegative("spec.replicas", controller[path: "spec", "replicas"]?.intValue)
            let selector = controller[path: "spec", "selector"]?.objectValue ?? [:]
            if selector.isEmpty { errors.required("spec.selector") }
            TemplateRules.check(
                controller[path: "spec", "template"], "spec.template", selector: ["matchLabels": .object(selector)],
                into: &errors)
        })
}
