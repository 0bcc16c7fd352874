import JSON

extension ResourceType {
    public static let storageClass = ResourceType(
        group: "storage.k8s.io", "StorageClass", "storageclasses", ["sc"], namespaced: false)
}

extension Kind {
    /// How volumes of a class are made.
    static let storageClass = Kind(
        .storageClass,
        schema: """
            StorageClass
              metadata 1 ObjectMeta
              provisioner 2 string!
              parameters 3 {string}
              reclaimPolicy 4 string?
              mountOptions 5 [string] atomic
              allowVolumeExpansion 6 bool?
              volumeBindingMode 7 string?
              allowedTopologies 8 [TopologySelectorTerm] atomic
            TopologySelectorLabelRequirement
              key 1 string!
              values 2 [string]! atomic
            TopologySelectorTerm atomic
              matchLabelExpressions 1 [TopologySelectorLabelRequirement] atomic
            """,
        columns: [
            Column("Name") { storage in
                let isDefault = storage.annotations["storageclass.kubernetes.io/is-default-class"] == "true"
                return .string(storage.name + (isDefault ? " (default)" : ""))
            },
            Column("Provisioner") { $0.value["provisioner"] ?? "" },
            Column("ReclaimPolicy") { $0.value["reclaimPolicy"] ?? "" },
            Column("VolumeBindingMode") { $0.value["volumeBindingMode"] ?? "" },
            Column("AllowVolumeExpansion", "boolean") { $0.value["allowVolumeExpansion"] ?? false }, .age,
        ],
        defaults: { storage in
            storage.setDefault("reclaimPolicy", to: "Delete")
            storage.setDefault("volumeBindingMode", to: "Immediate")
        },
        rules: { storage, errors in
            let provisioner = storage.text("provisioner")
            if provisioner.isEmpty {
                errors.required("provisioner")
            } else if let fault = NameRules.qualifiedName(provisioner.lowercased()) {
                errors.invalid("provisioner", provisioner, fault)
            }
            errors.oneOf("reclaimPolicy", storage.text("reclaimPolicy"), ["Delete", "Retain"])
            errors.oneOf("volumeBindingMode", storage.text("volumeBindingMode"), ["Immediate", "WaitForFirstConsumer"])
        },
        updateRules: { new, old, errors in
            for field in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"]
            where (new[field] ?? .null) != (old[field] ?? .null) {
                errors.forbidden(field, "updates to \(field) are forbidden.")
            }
        })
}
