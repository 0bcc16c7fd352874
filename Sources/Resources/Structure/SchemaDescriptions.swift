/// What `kubectl explain` prints: one line per struct and field. A test holds it against the recorded schema.
enum SchemaDescriptions {
    static subscript(name: String) -> String? { table[name] }

    static let table: [String: String] = {
        var table: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let bar = line.firstRange(of: " | ") else { continue }
            table[String(line[..<bar.lowerBound])] = String(line[bar.upperBound...])
        }
        return table
    }()

    private static let text = """
        ObjectMeta | What every object has: its name, identity, versions, labels and owners.
        ObjectMeta.name | Unique within kind and namespace.
        ObjectMeta.generateName | Prefix of a generated name.
        ObjectMeta.namespace | The namespace the object lives in.
        ObjectMeta.selfLink | Carried, not used.
        ObjectMeta.uid | Set on creation, never reused.
        ObjectMeta.resourceVersion | Set on each change; grows.
        ObjectMeta.generation | Counts changes of the spec.
        ObjectMeta.creationTimestamp | Set on creation.
        ObjectMeta.deletionTimestamp | Set when deletion was asked for: when the grace period ends.
        ObjectMeta.deletionGracePeriodSeconds | Seconds of grace on deletion.
        ObjectMeta.labels | For choosing objects.
        ObjectMeta.annotations | For everything else.
        ObjectMeta.ownerReferences | Objects this one is removed with.
        ObjectMeta.finalizers | Who must clean up before the object goes.
        ObjectMeta.managedFields | Carried, not used.
        OwnerReference | The object that owns another one, which is removed with it.
        OwnerReference.apiVersion | Group and version of the owner, as `apps/v1`.
        OwnerReference.kind | Kind of the owner.
        OwnerReference.name | Name of the owner, in the same namespace.
        OwnerReference.uid | Unique id of the owner.
        OwnerReference.controller | Whether the owner manages this object; at most one does.
        OwnerReference.blockOwnerDeletion | Whether foreground deletion of the owner waits for this object.
        LabelSelector | Chooses objects by label; all conditions must hold, and an empty selector matches everything.
        LabelSelector.matchLabels | Labels that must be present with these values.
        LabelSelector.matchExpressions | Further conditions.
        LabelSelectorRequirement | One condition on a label.
        LabelSelectorRequirement.key | The label.
        LabelSelectorRequirement.operator | `In`, `NotIn`, `Exists` or `DoesNotExist`.
        LabelSelectorRequirement.values | For `In` and `NotIn`, the values.
        Namespace | A room for names: objects of one namespace do not see those of another.
        Namespace.metadata | Standard object's metadata.
        Namespace.spec | What the namespace should be.
        Namespace.status | What it is.
        NamespaceSpec | What a namespace should be.
        NamespaceSpec.finalizers | Who must clean up before the namespace goes.
        NamespaceStatus | State of a namespace.
        NamespaceStatus.phase | `Active` or `Terminating`.
        NamespaceStatus.conditions | What holds deletion back.
        NamespaceCondition | One observed fact about a namespace.
        NamespaceCondition.type | Name of the condition.
        NamespaceCondition.status | `True`, `False` or `Unknown`.
        NamespaceCondition.lastTransitionTime | When `status` last changed.
        NamespaceCondition.reason | One word for the last change.
        NamespaceCondition.message | A sentence about the last change.
        Node | A machine that runs pods; here the device itself, or at the hub a device of the fleet.
        Node.metadata | Standard object's metadata.
        Node.spec | What the node should be.
        Node.status | What was observed.
        NodeSpec | What a node should be.
        NodeSpec.podCIDR | Addresses of its pods.
        NodeSpec.podCIDRs | Addresses of its pods, one range per family.
        NodeSpec.providerID | Id at a provider of machines.
        NodeSpec.unschedulable | Whether new pods stay away (`kubectl cordon`).
        NodeSpec.taints | What keeps pods away that do not tolerate it.
        NodeSpec.configSource | Carried, not used.
        NodeSpec.externalID | Carried, not used.
        Taint | Keeps pods away from a node.
        Taint.key | Name of the taint.
        Taint.value | Its value.
        Taint.effect | `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
        Taint.timeAdded | When a `NoExecute` taint was set.
        NodeStatus | What was observed of a node.
        NodeStatus.capacity | What the machine has.
        NodeStatus.allocatable | What pods may use.
        NodeStatus.phase | Carried, not used.
        NodeStatus.conditions | Ready, MemoryPressure, DiskPressure, PIDPressure.
        NodeStatus.addresses | How to reach it.
        NodeStatus.daemonEndpoints | Ports of the agent.
        NodeStatus.nodeInfo | Versions and ids of the machine.
        NodeStatus.images | Images in its store.
        NodeStatus.volumesInUse | Carried, not used.
        NodeStatus.volumesAttached | Carried, not used.
        NodeStatus.config | Carried, not used.
        NodeStatus.runtimeHandlers | Carried, not used.
        NodeStatus.features | Carried, not used.
        NodeStatus.declaredFeatures | Carried, not used.
        NodeCondition | One observed fact about a node.
        NodeCondition.type | Name of the condition.
        NodeCondition.status | `True`, `False` or `Unknown`.
        NodeCondition.lastHeartbeatTime | When it was last observed.
        NodeCondition.lastTransitionTime | When `status` last changed.
        NodeCondition.reason | One word for the last change.
        NodeCondition.message | A sentence about the last change.
        NodeAddress | One way to reach a node.
        NodeAddress.type | `InternalIP`, `ExternalIP` or `Hostname`.
        NodeAddress.address | The address.
        NodeSystemInfo | Versions and ids of a machine.
        NodeSystemInfo.machineID | Content of /etc/machine-id.
        NodeSystemInfo.systemUUID | UUID of the board.
        NodeSystemInfo.bootID | Changes with each boot.
        NodeSystemInfo.kernelVersion | As `uname -r` prints it.
        NodeSystemInfo.osImage | PRETTY_NAME of /etc/os-release.
        NodeSystemInfo.containerRuntimeVersion | As `wherry://1.0`.
        NodeSystemInfo.kubeletVersion | Version of the agent.
        NodeSystemInfo.kubeProxyVersion | Empty here.
        NodeSystemInfo.operatingSystem | `linux`.
        NodeSystemInfo.architecture | As Go names it: `amd64`, `arm64`.
        NodeSystemInfo.swap | Carried, not used.
        ContainerImage | An image in the store of a node.
        ContainerImage.names | References and digests.
        ContainerImage.sizeBytes | Size in bytes.
        Pod | Containers that run together on one machine.
        Pod.metadata | Standard object's metadata.
        Pod.spec | What should run.
        Pod.status | What was observed.
        PodTemplateSpec | The pods that a controller makes.
        PodTemplateSpec.metadata | Labels and annotations of the pods.
        PodTemplateSpec.spec | What each of them runs.
        PodSpec | What a pod should run, and how.
        PodSpec.volumes | Files its containers can mount.
        PodSpec.initContainers | Run one after another to success before the others start.
        PodSpec.containers | Run together; at least one.
        PodSpec.ephemeralContainers | Carried, not used.
        PodSpec.restartPolicy | `Always`, `OnFailure` or `Never`.
        PodSpec.terminationGracePeriodSeconds | Seconds between SIGTERM and SIGKILL.
        PodSpec.activeDeadlineSeconds | Seconds after which the pod is failed.
        PodSpec.dnsPolicy | `ClusterFirst`, `ClusterFirstWithHostNet`, `Default` or `None`.
        PodSpec.nodeSelector | Labels the node must have.
        PodSpec.serviceAccountName | Carried, not used.
        PodSpec.serviceAccount | Old name of serviceAccountName.
        PodSpec.automountServiceAccountToken | Carried, not used.
        PodSpec.nodeName | The node that runs it; empty until it is bound.
        PodSpec.hostNetwork | Whether it uses the network of the machine.
        PodSpec.hostPID | Whether it sees the processes of the machine.
        PodSpec.hostIPC | Whether it shares the IPC namespace of the machine.
        PodSpec.shareProcessNamespace | Whether its containers see each other's processes.
        PodSpec.securityContext | Identity and privileges of all its containers.
        PodSpec.imagePullSecrets | Secrets with credentials for registries.
        PodSpec.hostname | Host name inside; the pod's name by default.
        PodSpec.subdomain | Carried, not used.
        PodSpec.affinity | Carried, not used.
        PodSpec.schedulerName | Carried, not used.
        PodSpec.tolerations | Taints that do not keep it away.
        PodSpec.hostAliases | Further lines for /etc/hosts.
        PodSpec.priorityClassName | Carried, not used.
        PodSpec.priority | Carried, not used.
        PodSpec.dnsConfig | Further settings for /etc/resolv.conf.
        PodSpec.readinessGates | Carried, not used.
        PodSpec.runtimeClassName | Carried, not used.
        PodSpec.enableServiceLinks | Carried, not used.
        PodSpec.preemptionPolicy | Carried, not used.
        PodSpec.overhead | Carried, not used.
        PodSpec.topologySpreadConstraints | Carried, not used.
        PodSpec.setHostnameAsFQDN | Carried, not used.
        PodSpec.os | Carried, not used.
        PodSpec.hostUsers | Carried, not used.
        PodSpec.schedulingGates | Carried, not used.
        PodSpec.resourceClaims | Carried, not used.
        PodSpec.resources | Carried, not used.
        PodSpec.hostnameOverride | Carried, not used.
        PodSpec.workloadRef | Carried, not used.
        LocalObjectReference | The name of an object in the same namespace.
        LocalObjectReference.name | Its name.
        Toleration | A taint that does not keep a pod away.
        Toleration.key | Name of the taint; empty with `Exists` means all.
        Toleration.operator | `Exists` or `Equal`.
        Toleration.value | Value of the taint.
        Toleration.effect | Effect of the taint; empty means all.
        Toleration.tolerationSeconds | How long a `NoExecute` taint is tolerated.
        HostAlias | A line of /etc/hosts.
        HostAlias.ip | The address.
        HostAlias.hostnames | Its names.
        PodDNSConfig | Further settings for /etc/resolv.conf.
        PodDNSConfig.nameservers | Addresses of name servers.
        PodDNSConfig.searches | Search domains.
        PodDNSConfig.options | Resolver options.
        PodDNSConfigOption | A resolver option.
        PodDNSConfigOption.name | Its name.
        PodDNSConfigOption.value | Its value.
        PodSecurityContext | Identity and privileges of all containers of a pod.
        PodSecurityContext.seLinuxOptions | Carried, not used.
        PodSecurityContext.windowsOptions | Carried, not used.
        PodSecurityContext.runAsUser | User id of the processes.
        PodSecurityContext.runAsGroup | Group id of the processes.
        PodSecurityContext.runAsNonRoot | Whether user 0 is refused.
        PodSecurityContext.supplementalGroups | Further group ids.
        PodSecurityContext.supplementalGroupsPolicy | Carried, not used.
        PodSecurityContext.fsGroup | Group that owns the volumes.
        PodSecurityContext.sysctls | Kernel settings of the pod's namespaces.
        PodSecurityContext.fsGroupChangePolicy | Carried, not used.
        PodSecurityContext.seccompProfile | Which system calls are allowed.
        PodSecurityContext.appArmorProfile | Carried, not used.
        PodSecurityContext.seLinuxChangePolicy | Carried, not used.
        Sysctl | A kernel setting.
        Sysctl.name | As `net.core.somaxconn`.
        Sysctl.value | Its value.
        SeccompProfile | Which system calls are allowed.
        SeccompProfile.type | `RuntimeDefault`, `Unconfined` or `Localhost`.
        SeccompProfile.localhostProfile | For `Localhost`, a file.
        Container | One container of a pod.
        Container.name | Unique within the pod.
        Container.image | Image reference.
        Container.command | Replaces the image's entrypoint; `$(NAME)` is expanded.
        Container.args | Replaces the image's command; `$(NAME)` is expanded.
        Container.workingDir | Replaces the image's working directory.
        Container.ports | Ports it listens on; names for probes, and ports on the host.
        Container.envFrom | Whole ConfigMaps and Secrets as environment.
        Container.env | Environment variables.
        Container.resources | Limits and requests.
        Container.resizePolicy | Carried, not used.
        Container.restartPolicy | For init containers: `Always` makes a sidecar.
        Container.restartPolicyRules | Carried, not used.
        Container.volumeMounts | Where volumes appear.
        Container.volumeDevices | Carried, not used.
        Container.livenessProbe | Restarts the container when it fails.
        Container.readinessProbe | Decides whether the pod is ready.
        Container.startupProbe | Holds the other probes back until it succeeds.
        Container.lifecycle | What to do after start and before stop.
        Container.terminationMessagePath | File whose content is the final message.
        Container.terminationMessagePolicy | `File` or `FallbackToLogsOnError`.
        Container.imagePullPolicy | `Always`, `IfNotPresent` or `Never`.
        Container.securityContext | Identity and privileges.
        Container.stdin | Whether standard input is open.
        Container.stdinOnce | Whether it closes after the first client.
        Container.tty | Whether it has a terminal.
        ContainerPort | A port a container listens on.
        ContainerPort.name | Unique within the pod; an IANA service name.
        ContainerPort.hostPort | Port on the machine.
        ContainerPort.containerPort | Port in the container.
        ContainerPort.protocol | `TCP`, `UDP` or `SCTP`.
        ContainerPort.hostIP | Address of the host port.
        ResourceRequirements | Limits and requests of a container.
        ResourceRequirements.limits | At most this much.
        ResourceRequirements.requests | At least this much.
        ResourceRequirements.claims | Carried, not used.
        SecurityContext | Identity and privileges of a container.
        SecurityContext.capabilities | Capabilities to add and drop.
        SecurityContext.privileged | Whether it may do everything on the machine.
        SecurityContext.seLinuxOptions | Carried, not used.
        SecurityContext.windowsOptions | Carried, not used.
        SecurityContext.runAsUser | User id of the process.
        SecurityContext.runAsGroup | Group id of the process.
        SecurityContext.runAsNonRoot | Whether user 0 is refused.
        SecurityContext.readOnlyRootFilesystem | Whether the root is read-only.
        SecurityContext.allowPrivilegeEscalation | false sets no_new_privs.
        SecurityContext.procMount | Carried, not used.
        SecurityContext.seccompProfile | Which system calls are allowed.
        SecurityContext.appArmorProfile | Carried, not used.
        Capabilities | Capabilities to add to and drop from the default set.
        Capabilities.add | Without the CAP_ prefix.
        Capabilities.drop | Without the CAP_ prefix; `ALL` drops every one.
        Probe | A check of a container's health.
        Probe.exec | Succeeds when the command exits with 0.
        Probe.httpGet | Succeeds on a status of 200 to 399.
        Probe.tcpSocket | Succeeds when a connection opens.
        Probe.grpc | Asks the gRPC health service.
        Probe.initialDelaySeconds | Seconds after start before the first check.
        Probe.timeoutSeconds | Seconds a check may take.
        Probe.periodSeconds | Seconds between checks.
        Probe.successThreshold | Successes in a row that count as success.
        Probe.failureThreshold | Failures in a row that count as failure.
        Probe.terminationGracePeriodSeconds | Grace period when this probe kills the container.
        Lifecycle | What to do after start and before stop.
        Lifecycle.postStart | After start; the container is killed when it fails.
        Lifecycle.preStop | Before SIGTERM, within the grace period.
        Lifecycle.stopSignal | Signal instead of SIGTERM.
        LifecycleHandler | An action at a moment of a container's life.
        LifecycleHandler.exec | Runs a command.
        LifecycleHandler.httpGet | Sends a request.
        LifecycleHandler.tcpSocket | Carried, not used.
        LifecycleHandler.sleep | Waits.
        ExecAction | A command to run in the container, without a shell.
        ExecAction.command | The program and its arguments.
        HTTPGetAction | An HTTP request.
        HTTPGetAction.path | `/` by default.
        HTTPGetAction.port | Number or name of a container port.
        HTTPGetAction.host | The pod's address by default.
        HTTPGetAction.scheme | `HTTP` or `HTTPS`.
        HTTPGetAction.httpHeaders | Further header fields.
        HTTPHeader | A header field.
        HTTPHeader.name | Its name.
        HTTPHeader.value | Its value.
        TCPSocketAction | A TCP connection.
        TCPSocketAction.port | Number or name of a container port.
        TCPSocketAction.host | The pod's address by default.
        GRPCAction | A call of the gRPC health service.
        GRPCAction.port | Number of the port.
        GRPCAction.service | Name of the service.
        SleepAction | A pause.
        SleepAction.seconds | Its length in seconds.
        EnvVar | An environment variable.
        EnvVar.name | Its name.
        EnvVar.value | Its value; `$(NAME)` is expanded.
        EnvVar.valueFrom | Where to take the value from instead.
        EnvVarSource | Where the value of a variable comes from: exactly one of these.
        EnvVarSource.fieldRef | A field of the pod.
        EnvVarSource.resourceFieldRef | A limit or request of a container.
        EnvVarSource.configMapKeyRef | A key of a ConfigMap.
        EnvVarSource.secretKeyRef | A key of a Secret.
        EnvVarSource.fileKeyRef | Carried, not used.
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
        Volume.projected | Carried; the agent refuses it.
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
        VolumeMount.recursiveReadOnly | Carried, not used.
        VolumeMount.mountPath | Path in the container.
        VolumeMount.subPath | Path within the volume.
        VolumeMount.mountPropagation | `None`, `HostToContainer` or `Bidirectional`.
        VolumeMount.subPathExpr | As subPath, with `$(NAME)` expanded.
        PodStatus | What was observed of a pod.
        PodStatus.observedGeneration | Generation of the spec that was seen.
        PodStatus.phase | `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
        PodStatus.conditions | PodScheduled, Initialized, ContainersReady, Ready.
        PodStatus.message | Why it is in this state.
        PodStatus.reason | One word for it.
        PodStatus.nominatedNodeName | Carried, not used.
        PodStatus.hostIP | Address of the node.
        PodStatus.hostIPs | Addresses of the node.
        PodStatus.podIP | Address of the pod.
        PodStatus.podIPs | Addresses of the pod.
        PodStatus.startTime | When the agent accepted it.
        PodStatus.initContainerStatuses | One per init container.
        PodStatus.containerStatuses | One per container.
        PodStatus.qosClass | `Guaranteed`, `Burstable` or `BestEffort`.
        PodStatus.ephemeralContainerStatuses | Carried, not used.
        PodStatus.resize | Carried, not used.
        PodStatus.resourceClaimStatuses | Carried, not used.
        PodStatus.extendedResourceClaimStatus | Carried, not used.
        PodStatus.allocatedResources | Carried, not used.
        PodStatus.resources | Carried, not used.
        HostIP | An address of a node.
        HostIP.ip | The address.
        PodIP | An address of a pod.
        PodIP.ip | The address.
        PodCondition | One observed fact about a pod.
        PodCondition.type | Name of the condition.
        PodCondition.observedGeneration | Generation of the spec that was seen.
        PodCondition.status | `True`, `False` or `Unknown`.
        PodCondition.lastProbeTime | When it was last checked.
        PodCondition.lastTransitionTime | When `status` last changed.
        PodCondition.reason | One word for the last change.
        PodCondition.message | A sentence about the last change.
        ContainerStatus | What was observed of a container.
        ContainerStatus.name | Name of the container.
        ContainerStatus.state | What it does now.
        ContainerStatus.lastState | How it ended before.
        ContainerStatus.ready | Whether it passes its readiness probe.
        ContainerStatus.restartCount | How often it was started again.
        ContainerStatus.image | The image it runs.
        ContainerStatus.imageID | Digest of that image.
        ContainerStatus.containerID | As `wherry://<id>`.
        ContainerStatus.started | Whether it passed its startup probe.
        ContainerStatus.allocatedResources | Carried, not used.
        ContainerStatus.resources | Carried, not used.
        ContainerStatus.volumeMounts | Carried, not used.
        ContainerStatus.user | Carried, not used.
        ContainerStatus.allocatedResourcesStatus | Carried, not used.
        ContainerStatus.stopSignal | Carried, not used.
        ContainerState | Exactly one of these.
        ContainerState.waiting | Not yet running.
        ContainerState.running | Running.
        ContainerState.terminated | Ended.
        ContainerStateWaiting | Not yet running.
        ContainerStateWaiting.reason | As `ContainerCreating`, `CrashLoopBackOff`, `ErrImagePull`.
        ContainerStateWaiting.message | A sentence about it.
        ContainerStateRunning | Running.
        ContainerStateRunning.startedAt | Since when.
        ContainerStateTerminated | Ended.
        ContainerStateTerminated.exitCode | Exit status; 128 and the signal when killed.
        ContainerStateTerminated.signal | The signal that killed it.
        ContainerStateTerminated.reason | As `Completed`, `Error`, `OOMKilled`.
        ContainerStateTerminated.message | Its final message.
        ContainerStateTerminated.startedAt | When it started.
        ContainerStateTerminated.finishedAt | When it ended.
        ContainerStateTerminated.containerID | As `wherry://<id>`.
        ReplicaSet | Keeps a number of equal pods.
        ReplicaSet.metadata | Standard object's metadata.
        ReplicaSet.spec | What should run.
        ReplicaSet.status | What was observed.
        ReplicaSetSpec | What a ReplicaSet keeps.
        ReplicaSetSpec.replicas | How many pods.
        ReplicaSetSpec.minReadySeconds | Seconds a pod must be ready to count as available.
        ReplicaSetSpec.selector | Its pods; must match the template's labels.
        ReplicaSetSpec.template | The pods it makes.
        ReplicaSetStatus | What was observed of a ReplicaSet.
        ReplicaSetStatus.replicas | Pods that exist.
        ReplicaSetStatus.fullyLabeledReplicas | Pods with the labels of the template.
        ReplicaSetStatus.readyReplicas | Pods that are ready.
        ReplicaSetStatus.availableReplicas | Pods ready for minReadySeconds.
        ReplicaSetStatus.terminatingReplicas | Pods on their way out.
        ReplicaSetStatus.observedGeneration | Generation of the spec that was seen.
        ReplicaSetStatus.conditions | ReplicaFailure.
        ReplicaSetCondition | One observed fact about a ReplicaSet.
        ReplicaSetCondition.type | Name of the condition.
        ReplicaSetCondition.status | `True`, `False` or `Unknown`.
        ReplicaSetCondition.lastTransitionTime | When `status` last changed.
        ReplicaSetCondition.reason | One word for the last change.
        ReplicaSetCondition.message | A sentence about the last change.
        Deployment | Keeps equal pods and replaces them step by step when their template changes.
        Deployment.metadata | Standard object's metadata.
        Deployment.spec | What should run.
        Deployment.status | What was observed.
        DeploymentSpec | What a Deployment keeps.
        DeploymentSpec.replicas | How many pods.
        DeploymentSpec.selector | Its pods; must match the template's labels; immutable.
        DeploymentSpec.template | The pods it makes.
        DeploymentSpec.strategy | How old pods are replaced.
        DeploymentSpec.minReadySeconds | Seconds a pod must be ready to count as available.
        DeploymentSpec.revisionHistoryLimit | Old ReplicaSets to keep.
        DeploymentSpec.paused | Whether template changes wait.
        DeploymentSpec.progressDeadlineSeconds | Seconds without progress after which it counts as failed.
        DeploymentStrategy | How old pods are replaced.
        DeploymentStrategy.type | `RollingUpdate` or `Recreate`.
        DeploymentStrategy.rollingUpdate | Bounds of a rolling update.
        RollingUpdateDeployment | Bounds of a rolling update.
        RollingUpdateDeployment.maxUnavailable | Pods that may be missing; a percentage is rounded down.
        RollingUpdateDeployment.maxSurge | Pods that may exist beyond replicas; a percentage is rounded up.
        DeploymentStatus | What was observed of a Deployment.
        DeploymentStatus.observedGeneration | Generation of the spec that was seen.
        DeploymentStatus.replicas | Pods that exist.
        DeploymentStatus.updatedReplicas | Pods of the current template.
        DeploymentStatus.readyReplicas | Pods that are ready.
        DeploymentStatus.availableReplicas | Pods ready for minReadySeconds.
        DeploymentStatus.unavailableReplicas | Pods still missing.
        DeploymentStatus.terminatingReplicas | Pods on their way out.
        DeploymentStatus.conditions | Available, Progressing, ReplicaFailure.
        DeploymentStatus.collisionCount | Hash collisions of ReplicaSet names.
        DeploymentCondition | One observed fact about a Deployment.
        DeploymentCondition.type | Name of the condition.
        DeploymentCondition.status | `True`, `False` or `Unknown`.
        DeploymentCondition.lastUpdateTime | When it was last written.
        DeploymentCondition.lastTransitionTime | When `status` last changed.
        DeploymentCondition.reason | One word for the last change.
        DeploymentCondition.message | A sentence about the last change.
        ConfigMap | Settings for pods.
        ConfigMap.metadata | Standard object's metadata.
        ConfigMap.immutable | Whether the data can no longer change.
        ConfigMap.data | Text values.
        ConfigMap.binaryData | Other values, as base64.
        Secret | Settings for pods that only they should see.
        Secret.metadata | Standard object's metadata.
        Secret.immutable | Whether the data can no longer change.
        Secret.data | Values as base64.
        Secret.stringData | Values as text, for writing only: moved to data.
        Secret.type | As `Opaque` or `kubernetes.io/tls`.
        Event | Something that happened to an object.
        Event.metadata | Standard object's metadata.
        Event.involvedObject | The object.
        Event.reason | One word for it.
        Event.message | A sentence about it.
        Event.source | Who reports.
        Event.firstTimestamp | When it first happened.
        Event.lastTimestamp | When it last happened.
        Event.count | How often it happened.
        Event.type | `Normal` or `Warning`.
        Event.eventTime | When it was first observed, in microseconds.
        Event.series | Carried, not used.
        Event.action | What was done.
        Event.related | A second object.
        Event.reportingComponent | Who reports.
        Event.reportingInstance | Which instance of it.
        ObjectReference | Points at an object.
        ObjectReference.kind | Its kind.
        ObjectReference.namespace | Its namespace.
        ObjectReference.name | Its name.
        ObjectReference.uid | Its unique id.
        ObjectReference.apiVersion | Its group and version.
        ObjectReference.resourceVersion | The version that was seen.
        ObjectReference.fieldPath | The part of it that is meant.
        EventSource | Who reports an event.
        EventSource.component | Name of the component.
        EventSource.host | Node it runs on.
        """
}
