import ContainerEngine
import ContainerRuntime
import Linux
import OCI
import Resources

/// Everything that goes into one attempt of one container of a pod.
struct ContainerBlueprint {
    var pod: Pod
    var container: Container
    var attempt: Int
    var configuration: ConfigurationSnapshot
    var facts: PodFacts
    var nodeCapacity: [String: Quantity]
    var imageConfig: ImageConfig
    var layers: [String]
    var sandbox: Sandbox
    /// Host directories of the pod's volumes, by name.
    var volumes: [String: PreparedVolume]
    var logPath: String
    /// Variables that tell of services.
    var services: [(name: String, value: String)] = []

    static func containerID(podUID: String, container: String, attempt: Int) -> String {
        "\(podUID)-\(container)-\(attempt)"
    }

    /// Builds the engine's request.
    /// - Throws: ``ConfigurationError`` when something it names is missing or wrong.
    func request() throws(ConfigurationError) -> ContainerRequest {
        let environment = try ContainerEnvironment(
            pod: pod, container: container, configuration: configuration, facts: facts, nodeCapacity: nodeCapacity,
            services: services)
        let id = Self.containerID(podUID: pod.metadata.uid ?? "", container: container.name, attempt: attempt)
        var config = imageConfig.config ?? ImageConfig.Process()
        if let signal = container.lifecycle?.stopSignal { config.stopSignal = signal }
        var request = ContainerRequest(
            id: id, root: RootFilesystem(layers: layers, config: config), sandbox: sandbox)
        request.command = container.command.flatMap { $0.isEmpty ? nil : $0.map(environment.expand) }
        request.arguments = container.args.flatMap { $0.isEmpty ? nil : $0.map(environment.expand) }
        request.environment = environment.entries
        request.workingDirectory = container.workingDir.flatMap { $0.isEmpty ? nil : $0 }
        request.user = user()
        request.mounts = try mounts(environment)
        request.resources = resources()
        request.security = try security()
        request.labels = labels()
        request.log = LogDestination(path: logPath)
        request.terminationMessagePath = terminationMessagePath
        request.takesMessageFromLog = container.terminationMessagePolicy == "FallbackToLogsOnError"
        if container.stdin == true { request.input = container.stdinOnce == true ? .once : .open }
        request.hasTerminal = container.tty == true
        return request
    }

    private func user() -> UserRequest {
        var user = UserRequest()
        let own = container.securityContext
        let shared = pod.spec.securityContext
        user.uid = (own?.runAsUser ?? shared?.runAsUser).flatMap { UInt32(exactly: $0) }
        user.gid = (own?.runAsGroup ?? shared?.runAsGroup).flatMap { UInt32(exactly: $0) }
        user.mustNotBeRoot = own?.runAsNonRoot ?? shared?.runAsNonRoot ?? false
        let groups = (shared?.supplementalGroups ?? []) + (shared?.fsGroup.map { [$0] } ?? [])
        user.supplementalGroups = groups.compactMap { UInt32(exactly: $0) }
        return user
    }

    private func mounts(_ environment: ContainerEnvironment) throws(ConfigurationError) -> [MountRequest] {
        var mounts: [MountRequest] = []
        for mount in container.volumeMounts ?? [] {
            guard let volume = volumes[mount.name] else {
                throw ConfigurationError(message: "volume \"\(mount.name)\" is not defined in the pod")
            }
            var path = volume.path
            let sub = mount.subPathExpr.map(environment.expand) ?? mount.subPath ?? ""
            if !sub.isEmpty { path = try volume.resolve(subPath: sub) }
            mounts.append(
                MountRequest(
                    .host(path), at: mount.mountPath, isReadOnly: mount.readOnly == true || volume.isReadOnly,
                    isReadOnlyBelow: ["Enabled", "IfPossible"].contains(mount.recursiveReadOnly),
                    propagation: mount.propagation))
        }
        return mounts
    }

    /// Nil where the container sees a volume.
    private var terminationMessagePath: String? {
        guard let path = container.terminationMessagePath, !path.isEmpty,
            container.volumeMounts?.contains(where: { $0.mountPath == path }) != true
        else { return nil }
        return path.hasPrefix("/") ? path : "/" + path
    }

    private func resources() -> ResourceRequest {
        var request = ResourceRequest()
        let limits = container.resources?.limits ?? [:]
        let requests = container.resources?.requests ?? [:]
        request.cpuLimitMillis = limits["cpu"]?.millis
        request.cpuRequestMillis = (requests["cpu"] ?? limits["cpu"])?.millis
        request.memoryLimit = limits["memory"]?.bytes
        request.memoryRequest = requests["memory"]?.bytes
        return request
    }

    private func security() throws(ConfigurationError) -> SecurityRequest {
        var security = SecurityRequest()
        let own = container.securityContext
        security.isPrivileged = own?.privileged ?? false
        security.allowsPrivilegeEscalation = own?.allowPrivilegeEscalation ?? true
        security.isRootReadOnly = own?.readOnlyRootFilesystem ?? false
        security.addedCapabilities = own?.capabilities?.add ?? []
        security.droppedCapabilities = own?.capabilities?.drop ?? []
        switch (own?.seccompProfile ?? pod.spec.securityContext?.seccompProfile)?.type {
        case "Unconfined": security.seccomp = .unconfined
        case "Localhost":
            throw ConfigurationError(message: "seccompProfile type Localhost isn't supported; use RuntimeDefault")
        default: security.seccomp = .runtimeDefault
        }
        return security
    }

    private func labels() -> [String: String] {
        [
            ContainerLabels.podUID: pod.metadata.uid ?? "",
            ContainerLabels.podName: pod.metadata.name,
            ContainerLabels.podNamespace: pod.metadata.namespace ?? "default",
            ContainerLabels.container: container.name,
            ContainerLabels.attempt: String(attempt),
            ContainerLabels.specHash: ContainerPlan.hash(of: container),
        ]
    }
}

/// The labels by which a restarted agent knows its containers again.
enum ContainerLabels {
    static let podUID = "io.kubernetes.pod.uid"
    static let podName = "io.kubernetes.pod.name"
    static let podNamespace = "io.kubernetes.pod.namespace"
    static let container = "io.kubernetes.container.name"
    static let attempt = "io.kubernetes.container.restartCount"
    static let specHash = "io.kubernetes.container.hash"
    /// The image as the status shows it: by digest of where it came from.
    static let imageReference = "dev.wherry.image.reference"
}

extension VolumeMount {
    fileprivate var propagation: MountRequest.Propagation {
        switch mountPropagation {
        case "HostToContainer": .hostToContainer
        case "Bidirectional": .bidirectional
        default: .none
        }
    }
}
