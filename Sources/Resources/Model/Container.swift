public import JSON

/// One container of a pod.
public struct Container: Codable, Hashable, Sendable {
    /// Unique within the pod.
    public var name: String
    /// Image reference.
    public var image: String?
    /// Replaces the image's entrypoint; `$(NAME)` is expanded.
    public var command: [String]?
    /// Replaces the image's command; `$(NAME)` is expanded.
    public var args: [String]?
    /// Replaces the image's working directory.
    public var workingDir: String?
    /// Ports it listens on; names for probes, and ports on the host.
    public var ports: [ContainerPort]?
    /// Whole ConfigMaps and Secrets as environment.
    public var envFrom: [EnvFromSource]?
    /// Environment variables.
    public var env: [EnvVar]?
    /// Limits and requests.
    public var resources: ResourceRequirements?
    /// Carried, not used.
    public var resizePolicy: JSONValue?
    /// For init containers: `Always` makes a sidecar.
    public var restartPolicy: String?
    /// Carried, not used.
    public var restartPolicyRules: JSONValue?
    /// Where volumes appear.
    public var volumeMounts: [VolumeMount]?
    /// Carried, not used.
    public var volumeDevices: JSONValue?
    /// Restarts the container when it fails.
    public var livenessProbe: Probe?
    /// Decides whether the pod is ready.
    public var readinessProbe: Probe?
    /// Holds the other probes back until it succeeds.
    public var startupProbe: Probe?
    /// What to do after start and before stop.
    public var lifecycle: Lifecycle?
    /// A file where it may leave a message about its end, for its status; absolute.
    public var terminationMessagePath: String?
    /// `File`, or `FallbackToLogsOnError`: the end of the log, when it fails without a message.
    public var terminationMessagePolicy: String?
    /// `Always`, `IfNotPresent` or `Never`.
    public var imagePullPolicy: String?
    /// Identity and privileges.
    public var securityContext: SecurityContext?
    /// Whether standard input is open.
    public var stdin: Bool?
    /// Whether it closes after the first client.
    public var stdinOnce: Bool?
    /// Whether it has a terminal.
    public var tty: Bool?

    public init(
        name: String, image: String? = nil, command: [String]? = nil, args: [String]? = nil, workingDir: String? = nil,
        ports: [ContainerPort]? = nil, envFrom: [EnvFromSource]? = nil, env: [EnvVar]? = nil,
        resources: ResourceRequirements? = nil, resizePolicy: JSONValue? = nil, restartPolicy: String? = nil,
        restartPolicyRules: JSONValue? = nil, volumeMounts: [VolumeMount]? = nil, volumeDevices: JSONValue? = nil,
        livenessProbe: Probe? = nil, readinessProbe: Probe? = nil, startupProbe: Probe? = nil,
        lifecycle: Lifecycle? = nil, terminationMessagePath: String? = nil, terminationMessagePolicy: String? = nil,
        imagePullPolicy: String? = nil, securityContext: SecurityContext? = nil, stdin: Bool? = nil,
        stdinOnce: Bool? = nil, tty: Bool? = nil
    ) {
        self.name = name
        self.image = image
        self.command = command
        self.args = args
        self.workingDir = workingDir
        self.ports = ports
        self.envFrom = envFrom
        self.env = env
        self.resources = resources
        self.resizePolicy = resizePolicy
        self.restartPolicy = restartPolicy
        self.restartPolicyRules = restartPolicyRules
        self.volumeMounts = volumeMounts
        self.volumeDevices = volumeDevices
        self.livenessProbe = livenessProbe
        self.readinessProbe = readinessProbe
        self.startupProbe = startupProbe
        self.lifecycle = lifecycle
        self.terminationMessagePath = terminationMessagePath
        self.terminationMessagePolicy = terminationMessagePolicy
        self.imagePullPolicy = imagePullPolicy
        self.securityContext = securityContext
        self.stdin = stdin
        self.stdinOnce = stdinOnce
        self.tty = tty
    }
}

/// A port a container listens on.
public struct ContainerPort: Codable, Hashable, Sendable {
    /// Unique within the pod; an IANA service name.
    public var name: String?
    /// Port on the machine; has an effect with hostNetwork only.
    public var hostPort: Int?
    /// Port in the container.
    public var containerPort: Int
    /// `TCP`, `UDP` or `SCTP`.
    public var `protocol`: String?
    /// Address of the host port.
    public var hostIP: String?

    public init(
        name: String? = nil, hostPort: Int? = nil, containerPort: Int, `protocol`: String? = nil, hostIP: String? = nil
    ) {
        self.name = name
        self.hostPort = hostPort
        self.containerPort = containerPort
        self.protocol = `protocol`
        self.hostIP = hostIP
    }
}

/// Limits and requests of a container.
public struct ResourceRequirements: Codable, Hashable, Sendable {
    /// At most this much.
    public var limits: [String: Quantity]?
    /// At least this much.
    public var requests: [String: Quantity]?
    /// Carried, not used.
    public var claims: JSONValue?

    public init(
        limits: [String: Quantity]? = nil, requests: [String: Quantity]? = nil, claims: JSONValue? = nil
    ) {
        self.limits = limits
        self.requests = requests
        self.claims = claims
    }
}

/// Identity and privileges of a container.
public struct SecurityContext: Codable, Hashable, Sendable {
    /// Capabilities to add and drop.
    public var capabilities: Capabilities?
    /// Whether it may do everything on the machine.
    public var privileged: Bool?
    /// Carried, not used.
    public var seLinuxOptions: JSONValue?
    /// Carried, not used.
    public var windowsOptions: JSONValue?
    /// User id of the process.
    public var runAsUser: Int?
    /// Group id of the process.
    public var runAsGroup: Int?
    /// Whether user 0 is refused.
    public var runAsNonRoot: Bool?
    /// Whether the root is read-only.
    public var readOnlyRootFilesystem: Bool?
    /// false sets no_new_privs.
    public var allowPrivilegeEscalation: Bool?
    /// Carried, not used.
    public var procMount: String?
    /// Which system calls are allowed.
    public var seccompProfile: SeccompProfile?
    /// Carried, not used.
    public var appArmorProfile: JSONValue?

    public init(
        capabilities: Capabilities? = nil, privileged: Bool? = nil, seLinuxOptions: JSONValue? = nil,
        windowsOptions: JSONValue? = nil, runAsUser: Int? = nil, runAsGroup: Int? = nil, runAsNonRoot: Bool? = nil,
        readOnlyRootFilesystem: Bool? = nil, allowPrivilegeEscalation: Bool? = nil, procMount: String? = nil,
        seccompProfile: SeccompProfile? = nil, appArmorProfile: JSONValue? = nil
    ) {
        self.capabilities = capabilities
        self.privileged = privileged
        self.seLinuxOptions = seLinuxOptions
        self.windowsOptions = windowsOptions
        self.runAsUser = runAsUser
        self.runAsGroup = runAsGroup
        self.runAsNonRoot = runAsNonRoot
        self.readOnlyRootFilesystem = readOnlyRootFilesystem
        self.allowPrivilegeEscalation = allowPrivilegeEscalation
        self.procMount = procMount
        self.seccompProfile = seccompProfile
        self.appArmorProfile = appArmorProfile
    }
}

/// Capabilities to add to and drop from the default set.
public struct Capabilities: Codable, Hashable, Sendable {
    /// Without the CAP_ prefix.
    public var add: [String]?
    /// Without the CAP_ prefix; `ALL` drops every one.
    public var drop: [String]?

    public init(
        add: [String]? = nil, drop: [String]? = nil
    ) {
        self.add = add
        self.drop = drop
    }
}
