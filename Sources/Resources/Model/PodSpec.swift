public import JSON

/// What a pod should run, and how.
public struct PodSpec: Codable, Hashable, Sendable {
    /// Files its containers can mount.
    public var volumes: [Volume]?
    /// Run one after another to success before the others start.
    public var initContainers: [Container]?
    /// Run together; at least one.
    public var containers: [Container]
    /// Added while it runs, for a look at it.
    public var ephemeralContainers: [EphemeralContainer]?
    /// `Always`, `OnFailure` or `Never`.
    public var restartPolicy: String?
    /// Seconds between SIGTERM and SIGKILL.
    public var terminationGracePeriodSeconds: Int?
    /// After so many seconds it is ended, and has failed.
    public var activeDeadlineSeconds: Int?
    /// `ClusterFirst`, `ClusterFirstWithHostNet`, `Default` or `None`.
    public var dnsPolicy: String?
    /// Labels the node must have.
    public var nodeSelector: [String: String]?
    /// Who its containers are to the API; `default` when absent.
    public var serviceAccountName: String?
    /// Old name of serviceAccountName.
    public var serviceAccount: String?
    /// Whether its containers get a token of that account.
    public var automountServiceAccountToken: Bool?
    /// The node that runs it; empty until it is bound.
    public var nodeName: String?
    /// Whether it uses the network of the machine.
    public var hostNetwork: Bool?
    /// Whether it sees the processes of the machine.
    public var hostPID: Bool?
    /// Whether it shares the IPC namespace of the machine.
    public var hostIPC: Bool?
    /// Carried, not used.
    public var shareProcessNamespace: Bool?
    /// Identity and privileges of all its containers.
    public var securityContext: PodSecurityContext?
    /// Secrets with credentials for registries.
    public var imagePullSecrets: [LocalObjectReference]?
    /// Host name inside; the pod's name by default.
    public var hostname: String?
    /// Carried, not used.
    public var subdomain: String?
    /// Nodes it must run on; the rest is carried, not used.
    public var affinity: JSONValue?
    /// Carried, not used.
    public var schedulerName: String?
    /// Taints that do not keep it away.
    public var tolerations: [Toleration]?
    /// Further lines for /etc/hosts.
    public var hostAliases: [HostAlias]?
    /// Carried, not used.
    public var priorityClassName: String?
    /// Carried, not used.
    public var priority: Int?
    /// Further settings for /etc/resolv.conf.
    public var dnsConfig: PodDNSConfig?
    /// Carried, not used.
    public var readinessGates: JSONValue?
    /// Carried, not used.
    public var runtimeClassName: String?
    /// Carried, not used.
    public var enableServiceLinks: Bool?
    /// Carried, not used.
    public var preemptionPolicy: String?
    /// Carried, not used.
    public var overhead: [String: Quantity]?
    /// Carried, not used.
    public var topologySpreadConstraints: JSONValue?
    /// Carried, not used.
    public var setHostnameAsFQDN: Bool?
    /// Carried, not used.
    public var os: JSONValue?
    /// Carried, not used.
    public var hostUsers: Bool?
    /// Carried, not used.
    public var schedulingGates: JSONValue?
    /// Carried, not used.
    public var resourceClaims: JSONValue?
    /// Carried, not used.
    public var resources: JSONValue?
    /// Carried, not used.
    public var hostnameOverride: String?
    /// Carried, not used.
    public var workloadRef: JSONValue?

    public init(
        volumes: [Volume]? = nil, initContainers: [Container]? = nil, containers: [Container],
        ephemeralContainers: [EphemeralContainer]? = nil, restartPolicy: String? = nil,
        terminationGracePeriodSeconds: Int? = nil,
        activeDeadlineSeconds: Int? = nil, dnsPolicy: String? = nil, nodeSelector: [String: String]? = nil,
        serviceAccountName: String? = nil, serviceAccount: String? = nil, automountServiceAccountToken: Bool? = nil,
        nodeName: String? = nil, hostNetwork: Bool? = nil, hostPID: Bool? = nil, hostIPC: Bool? = nil,
        shareProcessNamespace: Bool? = nil, securityContext: PodSecurityContext? = nil,
        imagePullSecrets: [LocalObjectReference]? = nil, hostname: String? = nil, subdomain: String? = nil,
        affinity: JSONValue? = nil, schedulerName: String? = nil, tolerations: [Toleration]? = nil,
        hostAliases: [HostAlias]? = nil, priorityClassName: String? = nil, priority: Int? = nil,
        dnsConfig: PodDNSConfig? = nil, readinessGates: JSONValue? = nil, runtimeClassName: String? = nil,
        enableServiceLinks: Bool? = nil, preemptionPolicy: String? = nil, overhead: [String: Quantity]? = nil,
        topologySpreadConstraints: JSONValue? = nil, setHostnameAsFQDN: Bool? = nil, os: JSONValue? = nil,
        hostUsers: Bool? = nil, schedulingGates: JSONValue? = nil, resourceClaims: JSONValue? = nil,
        resources: JSONValue? = nil, hostnameOverride: String? = nil, workloadRef: JSONValue? = nil
    ) {
        self.volumes = volumes
        self.initContainers = initContainers
        self.containers = containers
        self.ephemeralContainers = ephemeralContainers
        self.restartPolicy = restartPolicy
        self.terminationGracePeriodSeconds = terminationGracePeriodSeconds
        self.activeDeadlineSeconds = activeDeadlineSeconds
        self.dnsPolicy = dnsPolicy
        self.nodeSelector = nodeSelector
        self.serviceAccountName = serviceAccountName
        self.serviceAccount = serviceAccount
        self.automountServiceAccountToken = automountServiceAccountToken
        self.nodeName = nodeName
        self.hostNetwork = hostNetwork
        self.hostPID = hostPID
        self.hostIPC = hostIPC
        self.shareProcessNamespace = shareProcessNamespace
        self.securityContext = securityContext
        self.imagePullSecrets = imagePullSecrets
        self.hostname = hostname
        self.subdomain = subdomain
        self.affinity = affinity
        self.schedulerName = schedulerName
        self.tolerations = tolerations
        self.hostAliases = hostAliases
        self.priorityClassName = priorityClassName
        self.priority = priority
        self.dnsConfig = dnsConfig
        self.readinessGates = readinessGates
        self.runtimeClassName = runtimeClassName
        self.enableServiceLinks = enableServiceLinks
        self.preemptionPolicy = preemptionPolicy
        self.overhead = overhead
        self.topologySpreadConstraints = topologySpreadConstraints
        self.setHostnameAsFQDN = setHostnameAsFQDN
        self.os = os
        self.hostUsers = hostUsers
        self.schedulingGates = schedulingGates
        self.resourceClaims = resourceClaims
        self.resources = resources
        self.hostnameOverride = hostnameOverride
        self.workloadRef = workloadRef
    }
}

/// The name of an object in the same namespace.
public struct LocalObjectReference: Codable, Hashable, Sendable {
    /// Its name.
    public var name: String?

    public init(
        name: String? = nil
    ) {
        self.name = name
    }
}

/// A taint that does not keep a pod away.
public struct Toleration: Codable, Hashable, Sendable {
    /// Name of the taint; empty with `Exists` means all.
    public var key: String?
    /// `Exists` or `Equal`.
    public var `operator`: String?
    /// Value of the taint.
    public var value: String?
    /// Effect of the taint; empty means all.
    public var effect: String?
    /// How long a `NoExecute` taint is tolerated.
    public var tolerationSeconds: Int?

    public init(
        key: String? = nil, `operator`: String? = nil, value: String? = nil, effect: String? = nil,
        tolerationSeconds: Int? = nil
    ) {
        self.key = key
        self.operator = `operator`
        self.value = value
        self.effect = effect
        self.tolerationSeconds = tolerationSeconds
    }
}

/// A line of /etc/hosts.
public struct HostAlias: Codable, Hashable, Sendable {
    /// The address.
    public var ip: String
    /// Its names.
    public var hostnames: [String]?

    public init(
        ip: String, hostnames: [String]? = nil
    ) {
        self.ip = ip
        self.hostnames = hostnames
    }
}

/// Further settings for /etc/resolv.conf.
public struct PodDNSConfig: Codable, Hashable, Sendable {
    /// Addresses of name servers.
    public var nameservers: [String]?
    /// Search domains.
    public var searches: [String]?
    /// Resolver options.
    public var options: [PodDNSConfigOption]?

    public init(
        nameservers: [String]? = nil, searches: [String]? = nil, options: [PodDNSConfigOption]? = nil
    ) {
        self.nameservers = nameservers
        self.searches = searches
        self.options = options
    }
}

/// A resolver option.
public struct PodDNSConfigOption: Codable, Hashable, Sendable {
    /// Its name.
    public var name: String?
    /// Its value.
    public var value: String?

    public init(
        name: String? = nil, value: String? = nil
    ) {
        self.name = name
        self.value = value
    }
}

/// Identity and privileges of all containers of a pod.
public struct PodSecurityContext: Codable, Hashable, Sendable {
    /// Carried, not used.
    public var seLinuxOptions: JSONValue?
    /// Carried, not used.
    public var windowsOptions: JSONValue?
    /// User id of the processes.
    public var runAsUser: Int?
    /// Group id of the processes.
    public var runAsGroup: Int?
    /// Whether user 0 is refused.
    public var runAsNonRoot: Bool?
    /// Further group ids.
    public var supplementalGroups: [Int]?
    /// Carried, not used.
    public var supplementalGroupsPolicy: String?
    /// Group that owns the volumes.
    public var fsGroup: Int?
    /// Kernel settings of the pod's namespaces.
    public var sysctls: [Sysctl]?
    /// Carried, not used.
    public var fsGroupChangePolicy: String?
    /// Which system calls are allowed.
    public var seccompProfile: SeccompProfile?
    /// Carried, not used.
    public var appArmorProfile: JSONValue?
    /// Carried, not used.
    public var seLinuxChangePolicy: String?

    public init(
        seLinuxOptions: JSONValue? = nil, windowsOptions: JSONValue? = nil, runAsUser: Int? = nil,
        runAsGroup: Int? = nil, runAsNonRoot: Bool? = nil, supplementalGroups: [Int]? = nil,
        supplementalGroupsPolicy: String? = nil, fsGroup: Int? = nil, sysctls: [Sysctl]? = nil,
        fsGroupChangePolicy: String? = nil, seccompProfile: SeccompProfile? = nil, appArmorProfile: JSONValue? = nil,
        seLinuxChangePolicy: String? = nil
    ) {
        self.seLinuxOptions = seLinuxOptions
        self.windowsOptions = windowsOptions
        self.runAsUser = runAsUser
        self.runAsGroup = runAsGroup
        self.runAsNonRoot = runAsNonRoot
        self.supplementalGroups = supplementalGroups
        self.supplementalGroupsPolicy = supplementalGroupsPolicy
        self.fsGroup = fsGroup
        self.sysctls = sysctls
        self.fsGroupChangePolicy = fsGroupChangePolicy
        self.seccompProfile = seccompProfile
        self.appArmorProfile = appArmorProfile
        self.seLinuxChangePolicy = seLinuxChangePolicy
    }
}

/// A kernel setting.
public struct Sysctl: Codable, Hashable, Sendable {
    /// As `net.core.somaxconn`.
    public var name: String
    /// Its value.
    public var value: String

    public init(
        name: String, value: String
    ) {
        self.name = name
        self.value = value
    }
}

/// Which system calls are allowed.
public struct SeccompProfile: Codable, Hashable, Sendable {
    /// `RuntimeDefault`, `Unconfined` or `Localhost`.
    public var type: String
    /// For `Localhost`, a file.
    public var localhostProfile: String?

    public init(
        type: String, localhostProfile: String? = nil
    ) {
        self.type = type
        self.localhostProfile = localhostProfile
    }
}
