extension SchemaDescriptions {
    /// Of pods and containers.
    static let pods = """
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
        PodSpec.ephemeralContainers | Added while it runs, for a look at it.
        PodSpec.restartPolicy | `Always`, `OnFailure` or `Never`.
        PodSpec.terminationGracePeriodSeconds | Seconds between SIGTERM and SIGKILL.
        PodSpec.activeDeadlineSeconds | After so many seconds it is ended, and has failed.
        PodSpec.dnsPolicy | `ClusterFirst`, `ClusterFirstWithHostNet`, `Default` or `None`.
        PodSpec.nodeSelector | Labels the node must have.
        PodSpec.serviceAccountName | Who its containers are to the API; `default` when absent.
        PodSpec.serviceAccount | Old name of serviceAccountName.
        PodSpec.automountServiceAccountToken | Whether its containers get a token of that account.
        PodSpec.nodeName | The node that runs it; empty until it is bound.
        PodSpec.hostNetwork | Whether it uses the network of the machine.
        PodSpec.hostPID | Whether it sees the processes of the machine.
        PodSpec.hostIPC | Whether it shares the IPC namespace of the machine.
        PodSpec.shareProcessNamespace | Carried, not used.
        PodSpec.securityContext | Identity and privileges of all its containers.
        PodSpec.imagePullSecrets | Secrets with credentials for registries.
        PodSpec.hostname | Host name inside; the pod's name by default.
        PodSpec.subdomain | Carried, not used.
        PodSpec.affinity | Nodes it must run on; the rest is carried, not used.
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
        Container.terminationMessagePath | A file where it may leave a message about its end, for its status; absolute.
        Container.terminationMessagePolicy | `File`, or `FallbackToLogsOnError`: the end of the log, when it fails without a message.
        Container.imagePullPolicy | `Always`, `IfNotPresent` or `Never`.
        Container.securityContext | Identity and privileges.
        Container.stdin | Whether standard input is open.
        Container.stdinOnce | Whether it closes after the first client.
        Container.tty | Whether it has a terminal.
        ContainerPort | A port a container listens on.
        ContainerPort.name | Unique within the pod; an IANA service name.
        ContainerPort.hostPort | Port on the machine; has an effect with hostNetwork only.
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
        Probe.grpc | Not supported: such a probe fails.
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
        LifecycleHandler.tcpSocket | Opens a connection.
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
        Affinity | Where a pod should run, and where not.
        Affinity.nodeAffinity | By the labels of nodes.
        Affinity.podAffinity | Carried, not used.
        Affinity.podAntiAffinity | Carried, not used.
        NodeAffinity | Nodes that a pod should run on.
        NodeAffinity.requiredDuringSchedulingIgnoredDuringExecution | Only on these.
        NodeAffinity.preferredDuringSchedulingIgnoredDuringExecution | Carried, not used.
        PodAffinity | Pods that a pod should run near.
        PodAffinity.requiredDuringSchedulingIgnoredDuringExecution | Only near these.
        PodAffinity.preferredDuringSchedulingIgnoredDuringExecution | Rather near these.
        PodAntiAffinity | Pods that a pod should run away from.
        PodAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution | Never near these.
        PodAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution | Rather not near these.
        TopologySpreadConstraint | How evenly pods are spread over places.
        TopologySpreadConstraint.maxSkew | By how many pods places may differ.
        TopologySpreadConstraint.topologyKey | The label of nodes that names the place.
        TopologySpreadConstraint.whenUnsatisfiable | `DoNotSchedule` or `ScheduleAnyway`.
        EphemeralContainer | A container that is added to a running pod, for a look at it.
        EphemeralContainer.targetContainerName | The container whose processes it sees.
        AppArmorProfile | An AppArmor profile.
        AppArmorProfile.type | `RuntimeDefault`, `Localhost` or `Unconfined`.
        AppArmorProfile.localhostProfile | Name of a profile that is loaded on the node.
        SELinuxOptions | SELinux labels.
        SELinuxOptions.user | The user.
        SELinuxOptions.role | The role.
        SELinuxOptions.type | The type.
        SELinuxOptions.level | The level.
        PodReadinessGate | A condition that a pod needs to be ready.
        PodReadinessGate.conditionType | Name of the condition.
        PodOS | The system that a pod is for.
        PodOS.name | `linux` or `windows`.
        PodSchedulingGate | Something that holds a pod back.
        PodSchedulingGate.name | Its name.
        """
}
