import JSON

extension ResourceType {
    public static let persistentVolumeClaim = ResourceType("PersistentVolumeClaim", "persistentvolumeclaims", ["pvc"])
}

extension Kind {
    /// Asks for storage.
    static let persistentVolumeClaim = Kind(
        .persistentVolumeClaim,
        schema: """
            PersistentVolumeClaim
              metadata 1 ObjectMeta
              spec 2 PersistentVolumeClaimSpec
              status 3 PersistentVolumeClaimStatus
            """,
        columns: [
            .name,
            Column("Status") { .string($0.isTerminating ? "Terminating" : $0.value.text("status", "phase")) },
            Column("Volume") { .string($0.value.text("spec", "volumeName")) },
            Column("Capacity") { claim in
                .string(
                    claim.value.text("spec", "volumeName").isEmpty
                        ? "" : claim.value.text("status", "capacity", "storage"))
            },
            Column("Access Modes") { .string(VolumeRules.modes($0.value.list("status", "accessModes"))) },
            Column("StorageClass") { .string($0.value.text("spec", "storageClassName")) },
            Column("VolumeAttributesClass") { .string($0.value.text("spec", "volumeAttributesClassName").orUnset) },
            .age,
            Column("VolumeMode", wide: true) { .string($0.value.text("spec", "volumeMode").orUnset) },
        ],
        hasStatus: true,
        defaults: { claim in
            claim.setDefault("spec", "volumeMode", to: "Filesystem")
            claim.setDefault("status", "phase", to: "Pending")
        },
        rules: { claim, errors in
            VolumeRules.check(modes: claim.list("spec", "accessModes"), into: &errors)
            if claim[path: "spec", "resources", "requests", "storage"] == nil {
                errors.required("spec.resources[storage]")
            }
            errors.oneOf("spec.volumeMode", claim.text("spec", "volumeMode"), ["Block", "Filesystem"])
        },
        updateRules: { new, old, errors in
            func fixed(_ claim: JSONValue) -> JSONValue? {
                var spec = claim["spec"]
                for field in ["resources", "volumeAttributesClassName", "volumeName"] { spec?[field] = nil }
                return spec
            }
            guard
                fixed(new) != fixed(old)
                    || (!old.text("spec", "volumeName").isEmpty
                        && old.text("spec", "volumeName") != new.text("spec", "volumeName"))
            else { return }
            errors.forbidden(
                "spec",
                "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
            )
        })
}
