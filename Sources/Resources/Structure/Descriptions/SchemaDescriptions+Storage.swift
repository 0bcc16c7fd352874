extension SchemaDescriptions {
    /// Of volumes and claims.
    static let storage = """
        PersistentVolume | A piece of storage, which outlives the pods that use it.
        PersistentVolume.spec | What it is, how large, and who may use it.
        PersistentVolume.status | Whether it is used.
        PersistentVolumeSpec | What a volume is.
        PersistentVolumeSpec.capacity | Its size, as `storage`.
        PersistentVolumeSpec.accessModes | Ways in which it can be used: `ReadWriteOnce`, `ReadOnlyMany`, `ReadWriteMany`, `ReadWriteOncePod`.
        PersistentVolumeSpec.claimRef | The claim that has it.
        PersistentVolumeSpec.persistentVolumeReclaimPolicy | `Retain`, `Delete` or `Recycle`, when the claim goes.
        PersistentVolumeSpec.storageClassName | Its class.
        PersistentVolumeSpec.mountOptions | Options of the mount.
        PersistentVolumeSpec.volumeMode | `Filesystem` or `Block`.
        PersistentVolumeSpec.nodeAffinity | Nodes that can reach it.
        PersistentVolumeSpec.volumeAttributesClassName | Its class of attributes.
        PersistentVolumeSpec.hostPath | A directory of the node.
        PersistentVolumeSpec.local | A disk or directory of one node.
        PersistentVolumeSpec.nfs | A directory of an NFS server.
        PersistentVolumeSpec.csi | A volume of a storage driver.
        PersistentVolumeSpec.gcePersistentDisk | A disk of Google's cloud.
        PersistentVolumeSpec.awsElasticBlockStore | A disk of Amazon's cloud.
        PersistentVolumeSpec.glusterfs | A Gluster volume.
        PersistentVolumeSpec.rbd | A block device of Ceph.
        PersistentVolumeSpec.iscsi | An iSCSI disk.
        PersistentVolumeSpec.cinder | An OpenStack disk.
        PersistentVolumeSpec.cephfs | A directory of Ceph.
        PersistentVolumeSpec.fc | A Fibre Channel disk.
        PersistentVolumeSpec.flocker | A Flocker volume.
        PersistentVolumeSpec.flexVolume | A volume of a program on the node.
        PersistentVolumeSpec.azureFile | A share of Microsoft's cloud.
        PersistentVolumeSpec.vsphereVolume | A disk of vSphere.
        PersistentVolumeSpec.quobyte | A Quobyte volume.
        PersistentVolumeSpec.azureDisk | A disk of Microsoft's cloud.
        PersistentVolumeSpec.photonPersistentDisk | A Photon disk.
        PersistentVolumeSpec.portworxVolume | A Portworx volume.
        PersistentVolumeSpec.scaleIO | A ScaleIO volume.
        PersistentVolumeSpec.storageos | A StorageOS volume.
        PersistentVolumeStatus | Whether a volume is used.
        PersistentVolumeStatus.phase | `Pending`, `Available`, `Bound`, `Released` or `Failed`.
        PersistentVolumeStatus.message | A sentence about it.
        PersistentVolumeStatus.reason | One word for it.
        PersistentVolumeStatus.lastPhaseTransitionTime | When `phase` last changed.
        LocalVolumeSource | A disk or directory of one node.
        LocalVolumeSource.path | Its path there.
        CSIPersistentVolumeSource | A volume of a storage driver.
        CSIPersistentVolumeSource.driver | Name of the driver.
        CSIPersistentVolumeSource.volumeHandle | The driver's name of the volume.
        CSIPersistentVolumeSource.volumeAttributes | What else the driver needs.
        CSIPersistentVolumeSource.controllerPublishSecretRef | Secret for attaching it.
        CSIPersistentVolumeSource.nodeStageSecretRef | Secret for preparing it on a node.
        CSIPersistentVolumeSource.nodePublishSecretRef | Secret for mounting it.
        CSIPersistentVolumeSource.controllerExpandSecretRef | Secret for growing it.
        CSIPersistentVolumeSource.nodeExpandSecretRef | Secret for growing it on a node.
        SecretReference | Names a Secret of any namespace.
        SecretReference.name | Its name.
        SecretReference.namespace | Its namespace.
        VolumeNodeAffinity | Nodes that can reach a volume.
        VolumeNodeAffinity.required | Only these.
        NodeSelector | Chooses nodes; one of the terms is enough.
        NodeSelector.nodeSelectorTerms | The terms.
        NodeSelectorTerm | Conditions that must all hold.
        NodeSelectorTerm.matchExpressions | On the node's labels.
        NodeSelectorTerm.matchFields | On the node's fields.
        NodeSelectorRequirement | One condition on a node.
        NodeSelectorRequirement.key | The label or field.
        NodeSelectorRequirement.operator | `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt` or `Lt`.
        NodeSelectorRequirement.values | What it is compared with.
        PersistentVolumeClaim | Asks for storage, and names what it got.
        PersistentVolumeClaim.spec | What is asked for.
        PersistentVolumeClaim.status | What it got.
        PersistentVolumeClaimSpec | What storage is asked for.
        PersistentVolumeClaimSpec.accessModes | Ways in which it shall be used.
        PersistentVolumeClaimSpec.selector | Chooses volumes by label.
        PersistentVolumeClaimSpec.resources | How large it must be.
        PersistentVolumeClaimSpec.volumeName | The volume that it has, or wants.
        PersistentVolumeClaimSpec.storageClassName | The class; empty for volumes without one.
        PersistentVolumeClaimSpec.volumeMode | `Filesystem` or `Block`.
        PersistentVolumeClaimSpec.dataSource | What it is filled with: a snapshot or another claim.
        PersistentVolumeClaimSpec.dataSourceRef | The same, of any kind.
        PersistentVolumeClaimSpec.volumeAttributesClassName | Its class of attributes.
        PersistentVolumeClaimStatus | What a claim got.
        PersistentVolumeClaimStatus.phase | `Pending`, `Bound` or `Lost`.
        PersistentVolumeClaimStatus.accessModes | Ways in which it can be used.
        PersistentVolumeClaimStatus.capacity | Its size.
        PersistentVolumeClaimStatus.conditions | Observed facts, such as a growth that goes on.
        PersistentVolumeClaimStatus.allocatedResources | The size it will have.
        PersistentVolumeClaimStatus.allocatedResourceStatuses | How far a growth is.
        PersistentVolumeClaimStatus.currentVolumeAttributesClassName | Its class of attributes now.
        PersistentVolumeClaimStatus.modifyVolumeStatus | How far a change of attributes is.
        PersistentVolumeClaimCondition | One observed fact about a claim.
        PersistentVolumeClaimCondition.type | Name of the fact.
        PersistentVolumeClaimCondition.status | `True`, `False` or `Unknown`.
        PersistentVolumeClaimCondition.reason | One word for the last change.
        PersistentVolumeClaimCondition.message | A sentence about the last change.
        PersistentVolumeClaimTemplate | A claim to make others of.
        PersistentVolumeClaimTemplate.spec | What storage is asked for.
        VolumeResourceRequirements | How large storage is.
        VolumeResourceRequirements.limits | At most.
        VolumeResourceRequirements.requests | At least.
        TypedLocalObjectReference | Names an object of this namespace.
        TypedLocalObjectReference.apiGroup | Its group.
        TypedLocalObjectReference.kind | Its kind.
        TypedLocalObjectReference.name | Its name.
        TypedObjectReference | Names an object.
        TypedObjectReference.apiGroup | Its group.
        TypedObjectReference.kind | Its kind.
        TypedObjectReference.name | Its name.
        TypedObjectReference.namespace | Its namespace.
        StorageClass | Names a kind of storage and who makes it.
        StorageClass.provisioner | Who makes the volumes.
        StorageClass.parameters | What the provisioner is told.
        StorageClass.reclaimPolicy | `Delete` or `Retain`, when the claim goes.
        StorageClass.mountOptions | Options of the mounts.
        StorageClass.allowVolumeExpansion | Whether volumes can grow.
        StorageClass.volumeBindingMode | `Immediate`, or `WaitForFirstConsumer` to know the pod's node first.
        StorageClass.allowedTopologies | Where volumes may be.
        TopologySelectorTerm | Conditions on a place.
        TopologySelectorTerm.matchLabelExpressions | On its labels.
        TopologySelectorLabelRequirement | One condition on a place.
        TopologySelectorLabelRequirement.key | The label.
        TopologySelectorLabelRequirement.values | One of these.
        NFSVolumeSource | A directory of an NFS server.
        NFSVolumeSource.server | Name or address of the server.
        NFSVolumeSource.path | The directory.
        PersistentVolumeClaimVolumeSource | What a claim of this namespace got.
        PersistentVolumeClaimVolumeSource.claimName | Name of the claim.
        ProjectedVolumeSource | Several sources in one directory.
        ProjectedVolumeSource.sources | The sources.
        ProjectedVolumeSource.defaultMode | Mode of the files; 0644 when absent.
        CSIVolumeSource | A volume that a storage driver makes for the pod.
        CSIVolumeSource.driver | Name of the driver.
        CSIVolumeSource.volumeAttributes | What the driver is told.
        CSIVolumeSource.nodePublishSecretRef | Secret for mounting it.
        EphemeralVolumeSource | A claim that lives as long as the pod.
        EphemeralVolumeSource.volumeClaimTemplate | The claim.
        ImageVolumeSource | The files of an image.
        ImageVolumeSource.reference | The image.
        ImageVolumeSource.pullPolicy | `Always`, `Never` or `IfNotPresent`.
        VolumeDevice | A block device in a container.
        VolumeDevice.name | The pod's volume.
        VolumeDevice.devicePath | Where it is in the container.
        """
}
