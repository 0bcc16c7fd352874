extension SchemaDescriptions {
    /// Of pods' environment and volumes.
    static let volumes = """
        EnvVar | An environment variable.
        EnvVar.name | Its name.
        EnvVar.value | Its value; `$(NAME)` is expanded.
        EnvVar.valueFrom | Where to take the value from instead.
        EnvVarSource | Where the value of a variable comes from: exactly one of these.
        EnvVarSource.fieldRef | A field of the pod.
        EnvVarSource.resourceFieldRef | A limit or request of a container.
        EnvVarSource.configMapKeyRef | A key of a ConfigMap.
        EnvVarSource.secretKeyRef | A key of a Secret.
        EnvVarSource.fileKeyRef | Carried; the agent refuses it.
        ObjectFieldSelector | A field of the pod.
        ObjectFieldSelector.apiVersion | `v1`.
        ObjectFieldSelector.fieldPath | As `metadata.name` or `status.podIP`.
        ResourceFieldSelector | A limit or request of a container.
        ResourceFieldSelector.containerName | The container; this one by default.
        ResourceFieldSelector.resource | As `limits.cpu`.
        ResourceFieldSelector.divisor | The unit; 1 by default.
        ConfigMapKeySelector | A key of a ConfigMap.
        ConfigMapKeySelector.name | Name of the ConfigMap.
        ConfigMapKeySelector.key | The key.
        ConfigMapKeySelector.optional | Whether it may be missing.
        SecretKeySelector | A key of a Secret.
        SecretKeySelector.name | Name of the Secret.
        SecretKeySelector.key | The key.
        SecretKeySelector.optional | Whether it may be missing.
        EnvFromSource | A whole ConfigMap or Secret as environment.
        EnvFromSource.prefix | Put before each key.
        EnvFromSource.configMapRef | The ConfigMap.
        EnvFromSource.secretRef | The Secret.
        ConfigMapEnvSource | A ConfigMap as environment.
        ConfigMapEnvSource.name | Its name.
        ConfigMapEnvSource.optional | Whether it may be missing.
        SecretEnvSource | A Secret as environment.
        SecretEnvSource.name | Its name.
        SecretEnvSource.optional | Whether it may be missing.
        Volume | Files that containers of a pod can mount: a name and exactly one source.
        Volume.name | Unique within the pod.
        Volume.configMap | Keys of a ConfigMap as files.
        Volume.secret | Keys of a Secret as files, in memory.
        Volume.emptyDir | An empty directory that goes with the pod.
        Volume.hostPath | A path of the machine.
        Volume.downwardAPI | Fields of the pod as files.
        Volume.projected | Several of these in one directory.
        Volume.persistentVolumeClaim | Carried; the agent refuses it.
        Volume.ephemeral | Carried; the agent refuses it.
        Volume.nfs | Carried; the agent refuses it.
        Volume.csi | Carried; the agent refuses it.
        Volume.iscsi | Carried; the agent refuses it.
        Volume.image | Carried; the agent refuses it.
        Volume.fc | Carried; the agent refuses it.
        Volume.rbd | Carried; the agent refuses it.
        Volume.cephfs | Carried; the agent refuses it.
        Volume.glusterfs | Carried; the agent refuses it.
        Volume.flexVolume | Carried; the agent refuses it.
        Volume.gitRepo | Carried; the agent refuses it.
        Volume.awsElasticBlockStore | Carried; the agent refuses it.
        Volume.azureDisk | Carried; the agent refuses it.
        Volume.azureFile | Carried; the agent refuses it.
        Volume.cinder | Carried; the agent refuses it.
        Volume.flocker | Carried; the agent refuses it.
        Volume.gcePersistentDisk | Carried; the agent refuses it.
        Volume.photonPersistentDisk | Carried; the agent refuses it.
        Volume.portworxVolume | Carried; the agent refuses it.
        Volume.quobyte | Carried; the agent refuses it.
        Volume.scaleIO | Carried; the agent refuses it.
        Volume.storageos | Carried; the agent refuses it.
        Volume.vsphereVolume | Carried; the agent refuses it.
        ConfigMapVolumeSource | Keys of a ConfigMap as files.
        ConfigMapVolumeSource.name | Name of the ConfigMap.
        ConfigMapVolumeSource.items | Only these keys; all when absent.
        ConfigMapVolumeSource.defaultMode | Permissions of the files.
        ConfigMapVolumeSource.optional | Whether it may be missing.
        SecretVolumeSource | Keys of a Secret as files.
        SecretVolumeSource.secretName | Name of the Secret.
        SecretVolumeSource.items | Only these keys; all when absent.
        SecretVolumeSource.defaultMode | Permissions of the files.
        SecretVolumeSource.optional | Whether it may be missing.
        KeyToPath | A key and its file.
        KeyToPath.key | The key.
        KeyToPath.path | Relative path, without `..`.
        KeyToPath.mode | Permissions of the file.
        EmptyDirVolumeSource | An empty directory.
        EmptyDirVolumeSource.medium | Empty for the disk, `Memory` for tmpfs.
        EmptyDirVolumeSource.sizeLimit | At most this many bytes.
        HostPathVolumeSource | A path of the machine.
        HostPathVolumeSource.path | Absolute path.
        HostPathVolumeSource.type | What must be there: ``, `Directory`, `DirectoryOrCreate`, `File`, `FileOrCreate`, `Socket`, `CharDevice`, `BlockDevice`.
        DownwardAPIVolumeSource | Fields of the pod as files.
        DownwardAPIVolumeSource.items | The files.
        DownwardAPIVolumeSource.defaultMode | Permissions of the files.
        DownwardAPIVolumeFile | A field of the pod as a file.
        DownwardAPIVolumeFile.path | Relative path.
        DownwardAPIVolumeFile.fieldRef | A field of the pod.
        DownwardAPIVolumeFile.resourceFieldRef | A limit or request of a container.
        DownwardAPIVolumeFile.mode | Permissions of the file.
        VolumeMount | Where a volume appears in a container.
        VolumeMount.name | Name of the volume.
        VolumeMount.readOnly | Whether it cannot be written.
        VolumeMount.recursiveReadOnly | With readOnly, for what is mounted below the volume, too: `Enabled`, `IfPossible` (the same here) or `Disabled`.
        VolumeMount.mountPath | Path in the container.
        VolumeMount.subPath | Path within the volume.
        VolumeMount.mountPropagation | Which way later mounts pass: `None`, `HostToContainer`, or `Bidirectional` (privileged containers).
        VolumeMount.subPathExpr | As subPath, with `$(NAME)` expanded.
        """
}
