import JSON

extension ResourceType {
    public static let persistentVolume = ResourceType(
        "PersistentVolume", "persistentvolumes", ["pv"], namespaced: false)
}

extension Kind {
    /// A piece of storage that outlives pods.
    static let persistentVolume = Kind(
        .persistentVolume,
        schema: """
            PersistentVolume
              metadata 1 ObjectMeta
              spec 2 PersistentVolumeSpec
              status 3 PersistentVolumeStatus
            AzureFilePersistentVolumeSource
              secretName 1 string!
              shareName 2 string!
              readOnly 3 bool
              secretNamespace 4 string!
            CSIPersistentVolumeSource
              driver 1 string!
              volumeHandle 2 string!
              readOnly 3 bool
              fsType 4 string
              volumeAttributes 5 {string}
              controllerPublishSecretRef 6 SecretReference?
              nodeStageSecretRef 7 SecretReference?
              nodePublishSecretRef 8 SecretReference?
              controllerExpandSecretRef 9 SecretReference?
              nodeExpandSecretRef 10 SecretReference?
            CephFSPersistentVolumeSource
              monitors 1 [string]! atomic
              path 2 string
              user 3 string
              secretFile 4 string
              secretRef 5 SecretReference?
              readOnly 6 bool
            CinderPersistentVolumeSource
              volumeID 1 string!
              fsType 2 string
              readOnly 3 bool
              secretRef 4 SecretReference?
            FlexPersistentVolumeSource
              driver 1 string!
              fsType 2 string
              secretRef 3 SecretReference?
              readOnly 4 bool
              options 5 {string}
            GlusterfsPersistentVolumeSource
              endpoints 1 string!
              path 2 string!
              readOnly 3 bool
              endpointsNamespace 4 string?
            ISCSIPersistentVolumeSource
              targetPortal 1 string!
              iqn 2 string!
              lun 3 int32!
              iscsiInterface 4 string
              fsType 5 string
              readOnly 6 bool
              portals 7 [string] atomic
              chapAuthDiscovery 8 bool
              chapAuthSession 11 bool
              secretRef 10 SecretReference?
              initiatorName 12 string?
            LocalVolumeSource
              path 1 string!
              fsType 2 string?
            PersistentVolumeSource
              gcePersistentDisk 1 GCEPersistentDiskVolumeSource?
              awsElasticBlockStore 2 AWSElasticBlockStoreVolumeSource?
              hostPath 3 HostPathVolumeSource?
              glusterfs 4 GlusterfsPersistentVolumeSource?
              nfs 5 NFSVolumeSource?
              rbd 6 RBDPersistentVolumeSource?
              iscsi 7 ISCSIPersistentVolumeSource?
              cinder 8 CinderPersistentVolumeSource?
              cephfs 9 CephFSPersistentVolumeSource?
              fc 10 FCVolumeSource?
              flocker 11 FlockerVolumeSource?
              flexVolume 12 FlexPersistentVolumeSource?
              azureFile 13 AzureFilePersistentVolumeSource?
              vsphereVolume 14 VsphereVirtualDiskVolumeSource?
              quobyte 15 QuobyteVolumeSource?
              azureDisk 16 AzureDiskVolumeSource?
              photonPersistentDisk 17 PhotonPersistentDiskVolumeSource?
              portworxVolume 18 PortworxVolumeSource?
              scaleIO 19 ScaleIOPersistentVolumeSource?
              local 20 LocalVolumeSource?
              storageos 21 StorageOSPersistentVolumeSource?
              csi 22 CSIPersistentVolumeSource?
            PersistentVolumeSpec
              capacity 1 {quantity}
              &2 PersistentVolumeSource
              accessModes 3 [string] atomic
              claimRef 4 ObjectReference? granular
              persistentVolumeReclaimPolicy 5 string
              storageClassName 6 string
              mountOptions 7 [string] atomic
              volumeMode 8 string?
              nodeAffinity 9 VolumeNodeAffinity?
              volumeAttributesClassName 10 string?
            PersistentVolumeStatus
              phase 1 string
              message 2 string
              reason 3 string
              lastPhaseTransitionTime 4 time?
            RBDPersistentVolumeSource
              monitors 1 [string]! atomic
              image 2 string!
              fsType 3 string
              pool 4 string
              user 5 string
              keyring 6 string
              secretRef 7 SecretReference?
              readOnly 8 bool
            ScaleIOPersistentVolumeSource
              gateway 1 string!
              system 2 string!
              secretRef 3 SecretReference!
              sslEnabled 4 bool
              protectionDomain 5 string
              storagePool 6 string
              storageMode 7 string
              volumeName 8 string
              fsType 9 string
              readOnly 10 bool
            SecretReference atomic
              name 1 string
              namespace 2 string
            StorageOSPersistentVolumeSource
              volumeName 1 string
              volumeNamespace 2 string
              fsType 3 string
              readOnly 4 bool
              secretRef 5 ObjectReference?
            VolumeNodeAffinity
              required 1 NodeSelector?
            """,
        columns: [
            .name, Column("Capacity") { .string($0.value.text("spec", "capacity", "storage")) },
            Column("Access Modes") { .string(VolumeRules.modes($0.value.list("spec", "accessModes"))) },
            Column("Reclaim Policy") { .string($0.value.text("spec", "persistentVolumeReclaimPolicy")) },
            Column("Status") { .string($0.isTerminating ? "Terminating" : $0.value.text("status", "phase")) },
            Column("Claim") { volume in
                let claim = volume.value[path: "spec", "claimRef"]
                return .string(claim.map { "\($0.text("namespace"))/\($0.text("name"))" } ?? "")
            },
            Column("StorageClass") { .string($0.value.text("spec", "storageClassName")) },
            Column("VolumeAttributesClass") { .string($0.value.text("spec", "volumeAttributesClassName").orUnset) },
            Column("Reason") { .string($0.value.text("status", "reason")) }, .age,
            Column("VolumeMode", wide: true) { .string($0.value.text("spec", "volumeMode").orUnset) },
        ],
        hasStatus: true,
        defaults: { volume in
            volume.setDefault("spec", "persistentVolumeReclaimPolicy", to: "Retain")
            volume.setDefault("spec", "volumeMode", to: "Filesystem")
            volume.setDefault("status", "phase", to: "Pending")
        },
        rules: { volume, errors in
            VolumeRules.check(modes: volume.list("spec", "accessModes"), into: &errors)
            if volume[path: "spec", "capacity", "storage"] == nil {
                errors.required("spec.capacity")
            }
            errors.oneOf(
                "spec.persistentVolumeReclaimPolicy", volume.text("spec", "persistentVolumeReclaimPolicy"),
                ["Delete", "Recycle", "Retain"])
            errors.oneOf("spec.volumeMode", volume.text("spec", "volumeMode"), ["Block", "Filesystem"])
            let sources = volume["spec"]?.objectValue?.keys.filter(VolumeRules.sources.contains) ?? []
            if sources.isEmpty { errors.required("spec", "must specify a volume type") }
            if sources.count > 1 { errors.forbidden("spec", "may not specify more than 1 volume type") }
        })
}

enum VolumeRules {
    static let sources: Set<String> = [
        "hostPath", "local", "nfs", "iscsi", "csi", "fc", "rbd", "cephfs", "glusterfs", "cinder", "flexVolume",
        "azureFile",
        "azureDisk", "awsElasticBlockStore", "gcePersistentDisk", "vsphereVolume", "quobyte", "photonPersistentDisk",
        "portworxVolume", "scaleIO", "storageos", "flocker",
    ]

    private static let short = [
        "ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP",
    ]

    static func modes(_ modes: [JSONValue]) -> String {
        modes.compactMap { $0.stringValue.flatMap { short[$0] } }.joined(separator: ",")
    }

    static func check(modes: [JSONValue], into errors: inout FieldErrors) {
        if modes.isEmpty { errors.required("spec.accessModes") }
        for mode in modes.compactMap(\.stringValue) where short[mode] == nil {
            errors.notSupported("spec.accessModes", mode, short.keys.sorted())
        }
        if modes.contains("ReadWriteOncePod"), modes.count > 1 {
            errors.forbidden("spec.accessModes", "may not use ReadWriteOncePod with other access modes")
        }
    }
}
