public import ContainerRuntime
public import OCI

/// A container as its user describes it; ``Engine`` turns it into an OCI runtime configuration.
public struct ContainerRequest: Sendable {
    /// Chosen by the caller, so that asking twice makes one container.
    public var id: String
    public var root: RootFilesystem
    /// Replaces the image's entrypoint and, with it, the image's command.
    public var command: [String]?
    /// Replaces the image's command.
    public var arguments: [String]?
    /// `NAME=value`, laid over the image's environment; a later entry wins.
    public var environment: [String] = []
    public var workingDirectory: String?
    public var user = UserRequest()
    public var mounts: [MountRequest] = []
    public var resources = ResourceRequest()
    public var security = SecurityRequest()
    public var sandbox: Sandbox
    public var usesHostPID = false
    public var usesHostIPC = false
    /// A pid namespace to join; nil for one of its own.
    public var pidNamespace: NamespaceFile?
    /// An IPC namespace to join in place of the sandbox's.
    public var ipcNamespace: NamespaceFile?
    /// Kept in the container's annotations, and so found again after a restart of the agent.
    public var labels: [String: String] = [:]
    public var log: LogDestination?
    /// Where the container may leave a message about its end; a file of its own is bound there.
    public var terminationMessagePath: String?
    /// Takes the end of the log for the message when the container fails without leaving one.
    public var takesMessageFromLog = false
    public var input: ContainerInput = .none
    /// Whether its three streams are a terminal.
    public var hasTerminal = false
    /// Digest of the image's config; found again in ``ContainerRecord/imageID``.
    public var imageID = ""

    public init(id: String, root: RootFilesystem, sandbox: Sandbox) {
        self.id = id
        self.root = root
        self.sandbox = sandbox
    }
}

/// The image's part of a container.
public struct RootFilesystem: Sendable {
    /// Unpacked layers, bottom first.
    public var layers: [String]
    public var config: ImageConfig.Process

    public init(layers: [String], config: ImageConfig.Process) {
        self.layers = layers
        self.config = config
    }
}

/// The user a container runs as; what isn't said comes from the image.
public struct UserRequest: Sendable, Hashable {
    public var uid: UInt32?
    public var gid: UInt32?
    public var supplementalGroups: [UInt32] = []
    /// Refuses a container that would run as root.
    public var mustNotBeRoot = false

    public init() {}
}

/// A file system made visible in a container.
public struct MountRequest: Sendable, Hashable {
    public enum Source: Sendable, Hashable {
        /// A host path, bound with everything mounted below it.
        case host(String)
        /// Memory; `size` in bytes, the kernel's default (half of the memory) when nil.
        case memory(size: Int64?)
    }

    /// Of what is mounted below the place while the container runs.
    public enum Propagation: Sendable, Hashable {
        case none
        /// What the host mounts is seen in the container, too.
        case hostToContainer
        /// And what the container mounts, on the host.
        case bidirectional
    }

    public var source: Source
    public var destination: String
    public var isReadOnly: Bool
    /// Whether a read-only host path is so with everything that is mounted below it.
    public var isReadOnlyBelow: Bool
    /// Of a host path.
    public var propagation: Propagation

    public init(
        _ source: Source, at destination: String, isReadOnly: Bool = false, isReadOnlyBelow: Bool = false,
        propagation: Propagation = .none
    ) {
        self.source = source
        self.destination = destination
        self.isReadOnly = isReadOnly
        self.isReadOnlyBelow = isReadOnlyBelow
        self.propagation = propagation
    }
}

/// What a container may use. Every container is bounded in processes, whatever it asks for.
public struct ResourceRequest: Sendable, Hashable {
    /// Thousandths of a CPU: the share under contention.
    public var cpuRequestMillis: Int64?
    /// Thousandths of a CPU: the hard limit.
    public var cpuLimitMillis: Int64?
    /// Bytes.
    public var memoryLimit: Int64?
    /// Bytes below which memory is reclaimed last.
    public var memoryRequest: Int64?
    /// Nil is ``defaultPidsLimit`` where the machine has the controller: a default of ours is no reason to fail.
    public var pidsLimit: Int64?

    public static let defaultPidsLimit: Int64 = 4096

    public init() {}
}

/// What a container may do beyond its namespaces.
public struct SecurityRequest: Sendable, Hashable {
    public enum Seccomp: Sendable, Hashable { case runtimeDefault, unconfined }

    public var isPrivileged = false
    public var allowsPrivilegeEscalation = true
    public var isRootReadOnly = false
    /// Names with or without `CAP_`; `ALL` for every one.
    public var addedCapabilities: [String] = []
    public var droppedCapabilities: [String] = []
    public var seccomp: Seccomp = .runtimeDefault

    public init() {}
}

/// Where a container's output goes, in the CRI line format.
public struct LogDestination: Sendable, Hashable {
    public var path: String
    public var maxBytes: Int64
    public var maxFiles: Int

    /// 10 MiB in 5 files, Kubernetes' defaults, would be 50 MiB per container: too much for an SD card.
    public init(path: String, maxBytes: Int64 = 2 << 20, maxFiles: Int = 3) {
        self.path = path
        self.maxBytes = maxBytes
        self.maxFiles = maxFiles
    }
}

/// The namespaces that the containers of one pod share. Paths of nil mean the host's, or the container's own.
public struct Sandbox: Sendable, Hashable {
    public var id: String
    public var usesHostNetwork: Bool
    public var networkNamespace: String?
    public var ipcNamespace: String?
    public var utsNamespace: String?
    /// Generated `hosts`, `hostname` and `resolv.conf`, bound into every container.
    public var etcDirectory: String
    public var hostname: String
}

/// What a pod asks of its sandbox.
public struct SandboxRequest: Sendable, Hashable {
    public struct HostAlias: Sendable, Hashable {
        public var address: String
        public var names: [String]

        public init(address: String, names: [String]) {
            self.address = address
            self.names = names
        }
    }

    public var id: String
    public var hostname: String
    public var usesHostNetwork: Bool
    public var hostAliases: [HostAlias] = []
    /// Kernel settings of its namespaces; with the host's network, of that for IPC.
    public var sysctls: [String: String] = [:]
    /// Name servers, search domains and options laid over the host's `resolv.conf`; nil keeps the host's.
    public var resolver: ResolverSettings?
    /// Several containers need to share System V IPC although the network is the host's.
    public var sharesIPC: Bool

    public init(id: String, hostname: String, usesHostNetwork: Bool, sharesIPC: Bool = true) {
        self.id = id
        self.hostname = hostname
        self.usesHostNetwork = usesHostNetwork
        self.sharesIPC = sharesIPC
    }
}

/// The contents of a generated `resolv.conf`.
public struct ResolverSettings: Sendable, Hashable {
    public var nameServers: [String]
    public var searchDomains: [String]
    public var options: [String]
    /// Starts from the host's file instead of an empty one.
    public var extendsHost: Bool

    public init(nameServers: [String], searchDomains: [String], options: [String], extendsHost: Bool) {
        self.nameServers = nameServers
        self.searchDomains = searchDomains
        self.options = options
        self.extendsHost = extendsHost
    }
}
