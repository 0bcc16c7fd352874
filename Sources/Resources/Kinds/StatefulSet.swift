import JSON

extension ResourceType {
    public static let statefulSet = ResourceType(
        group: "apps", "StatefulSet", "statefulsets", ["sts"], categories: ["all"])
}

extension Kind {
    /// Pods with names, an order and storage of their own.
    static let statefulSet = Kind(
        .statefulSet,
        schema: """
            StatefulSet
              metadata 1 ObjectMeta
              spec 2 StatefulSetSpec
              status 3 StatefulSetStatus
            RollingUpdateStatefulSetStrategy
              partition 1 int32?
              maxUnavailable 2 intOrString?
            StatefulSetCondition
              type 1 string!
              status 2 string!
              lastTransitionTime 3 time
              reason 4 string
              message 5 string
            StatefulSetOrdinals
              start 1 int32!
            StatefulSetPersistentVolumeClaimRetentionPolicy
              whenDeleted 1 string
              whenScaled 2 string
            StatefulSetSpec
              replicas 1 int32?
              selector 2 LabelSelector!
              template 3 PodTemplateSpec!
              volumeClaimTemplates 4 [PersistentVolumeClaim] atomic
              serviceName 5 string!
              podManagementPolicy 6 string
              updateStrategy 7 StatefulSetUpdateStrategy
              revisionHistoryLimit 8 int32?
              minReadySeconds 9 int32
              persistentVolumeClaimRetentionPolicy 10 StatefulSetPersistentVolumeClaimRetentionPolicy?
              ordinals 11 StatefulSetOrdinals?
            StatefulSetStatus
              observedGeneration 1 int64
              replicas 2 int32!
              readyReplicas 3 int32
              currentReplicas 4 int32
              updatedReplicas 5 int32
              currentRevision 6 string
              updateRevision 7 string
              collisionCount 9 int32?
              conditions 10 [StatefulSetCondition] merge=type map=type
              availableReplicas 11 int32!
            StatefulSetUpdateStrategy
              type 1 string
              rollingUpdate 2 RollingUpdateStatefulSetStrategy?
            """,
        columns: [
            .name,
            Column("Ready") { set in
                .string(
                    "\(set.value[path: "status", "readyReplicas"]?.intValue ?? 0)/\(set.value[path: "spec", "replicas"]?.intValue ?? 1)"
                )
            },
            .age,
            Column("Containers", wide: true) { TemplateRules.containers($0.value[path: "spec", "template"]) },
            Column("Images", wide: true) { TemplateRules.images($0.value[path: "spec", "template"]) },
        ],
        hasStatus: true, isScalable: true, nameFault: NameRules.label,
        defaults: { set in
            set.setDefault("spec", "podManagementPolicy", to: "OrderedReady")
            set.setDefault("spec", "updateStrategy", "type", to: "RollingUpdate")
            if set.text("spec", "updateStrategy", "type") == "RollingUpdate" {
                set.setDefault("spec", "updateStrategy", "rollingUpdate", "partition", to: 0)
            }
            set.setDefault("spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted", to: "Retain")
            set.setDefault("spec", "persistentVolumeClaimRetentionPolicy", "whenScaled", to: "Retain")
            set.setDefault("spec", "replicas", to: 1)
            set.setDefault("spec", "revisionHistoryLimit", to: 10)
            var spec = set["spec"] ?? [:]
            spec.changeEach("volumeClaimTemplates") { claim in
                claim.setDefault("apiVersion", to: "v1")
                claim.setDefault("kind", to: "PersistentVolumeClaim")
                claim.setDefault("spec", "volumeMode", to: "Filesystem")
                claim.setDefault("status", "phase", to: "Pending")
            }
            set["spec"] = spec
            TemplateRules.setDefaults(ofSpecOf: &set)
        },
        rules: { set, errors in
            errors.oneOf(
                "spec.podManagementPolicy", set.text("spec", "podManagementPolicy"), ["OrderedReady", "Parallel"])
            errors.oneOf(
                "spec.updateStrategy.type", set.text("spec", "updateStrategy", "type"), ["OnDelete", "RollingUpdate"])
            errors.notNegative(
                "spec.updateStrategy.rollingUpdate.partition",
                set[path: "spec", "updateStrategy", "rollingUpdate", "partition"]?.intValue)
            errors.notNegative("spec.replicas", set[path: "spec", "replicas"]?.intValue)
            errors.notNegative("spec.minReadySeconds", set[path: "spec", "minReadySeconds"]?.intValue)
            TemplateRules.check(workload: set, into: &errors)
        },
        updateRules: { new, old, errors in
            func fixed(_ set: JSONValue) -> JSONValue? {
                var spec = set["spec"]
                for field in [
                    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
                    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
                ] { spec?[field] = nil }
                return spec
            }
            guard fixed(new) != fixed(old) else { return }
            errors.forbidden(
                "spec",
                "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
                    + "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
            )
        })
}
