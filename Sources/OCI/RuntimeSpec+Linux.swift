public import JSON

extension RuntimeSpec {
    /// What is particular to Linux.
    public struct Linux: Codable, Hashable, Sendable {
        public var namespaces: [Namespace]
        /// What the user namespace's ids stand for outside; several ranges may be given.
        public var uidMappings: [IDMapping]
        public var gidMappings: [IDMapping]
        /// By clock, `monotonic` and `boottime`.
        public var timeOffsets: [String: TimeOffset]
        public var devices: [Device]
        /// Network devices of the runtime's namespace that move into the container's, by name.
        public var netDevices: [String: NetDevice]
        /// Relative to each hierarchy's root when it starts with a slash, else below a place of the runtime's choice.
        public var cgroupsPath: String?
        public var resources: Resources?
        public var sysctl: [String: String]
        public var maskedPaths: [String]
        public var readonlyPaths: [String]
        public var seccomp: Seccomp?
        /// `shared`, `slave`, `private` and `unbindable`, with `r` in front for the whole tree; nil is `rprivate`.
        public var rootfsPropagation: String?
        /// An SELinux context for the mounts.
        public var mountLabel: String?
        public var personality: Personality?
        public var memoryPolicy: MemoryPolicy?
        public var intelRdt: JSONValue?

        public init(
            namespaces: [Namespace] = [], devices: [Device] = [], cgroupsPath: String? = nil,
            resources: Resources? = nil, sysctl: [String: String] = [:], maskedPaths: [String] = [],
            readonlyPaths: [String] = [], seccomp: Seccomp? = nil
        ) {
            self.namespaces = namespaces
            uidMappings = []
            gidMappings = []
            timeOffsets = [:]
            self.devices = devices
            netDevices = [:]
            self.cgroupsPath = cgroupsPath
            self.resources = resources
            self.sysctl = sysctl
            self.maskedPaths = maskedPaths
            self.readonlyPaths = readonlyPaths
            self.seccomp = seccomp
        }

        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            namespaces = (try container.decodeIfPresent([Namespace].self, forKey: .namespaces) ?? []).map {
                $0.path?.isEmpty == true ? Namespace($0.type) : $0  // engines write both for a new one
            }
            uidMappings = try container.decodeIfPresent([IDMapping].self, forKey: .uidMappings) ?? []
            gidMappings = try container.decodeIfPresent([IDMapping].self, forKey: .gidMappings) ?? []
            timeOffsets = try container.decodeIfPresent([String: TimeOffset].self, forKey: .timeOffsets) ?? [:]
            devices = try container.decodeIfPresent([Device].self, forKey: .devices) ?? []
            netDevices = try container.decodeIfPresent([String: NetDevice].self, forKey: .netDevices) ?? [:]
            cgroupsPath = try container.decodeIfPresent(String.self, forKey: .cgroupsPath)
            resources = try container.decodeIfPresent(Resources.self, forKey: .resources)
            sysctl = try container.decodeIfPresent([String: String].self, forKey: .sysctl) ?? [:]
            maskedPaths = try container.decodeIfPresent([String].self, forKey: .maskedPaths) ?? []
            readonlyPaths = try container.decodeIfPresent([String].self, forKey: .readonlyPaths) ?? []
            seccomp = try container.decodeIfPresent(Seccomp.self, forKey: .seccomp)
            rootfsPropagation = try container.decodeIfPresent(String.self, forKey: .rootfsPropagation)
            mountLabel = try container.decodeIfPresent(String.self, forKey: .mountLabel)
            personality = try container.decodeIfPresent(Personality.self, forKey: .personality)
            memoryPolicy = try container.decodeIfPresent(MemoryPolicy.self, forKey: .memoryPolicy)
            intelRdt = try container.decodeIfPresent(JSONValue.self, forKey: .intelRdt)
        }

        /// The namespace of a kind, nil when the container shares the host's.
        public func namespace(_ kind: Namespace.Kind) -> Namespace? { namespaces.first { $0.type == kind } }
    }

    /// A namespace of the container: a new one, or the one at `path`.
    public struct Namespace: Codable, Hashable, Sendable {
        public enum Kind: String, Codable, Sendable, CaseIterable {
            case pid, network, mount, ipc, uts, user, cgroup, time
        }
        public var type: Kind
        public var path: String?

        public init(_ type: Kind, path: String? = nil) {
            self.type = type
            self.path = path
        }
    }

    /// A device node to make, besides the default ones.
    public struct Device: Codable, Hashable, Sendable {
        /// `c`, `u`, `b` or `p`.
        public var type: String
        public var path: String
        public var major: UInt32?
        public var minor: UInt32?
        public var fileMode: UInt32?
        public var uid: UInt32?
        public var gid: UInt32?

        public init(
            type: String, path: String, major: UInt32?, minor: UInt32?, fileMode: UInt32? = 0o666, uid: UInt32? = nil,
            gid: UInt32? = nil
        ) {
            self.type = type
            self.path = path
            self.major = major
            self.minor = minor
            self.fileMode = fileMode
            self.uid = uid
            self.gid = gid
        }
    }

    /// A seccomp filter in the specification's form.
    public struct Seccomp: Codable, Hashable, Sendable {
        /// `SCMP_ACT_ERRNO` and so on.
        public var defaultAction: String
        public var defaultErrnoRet: UInt32?
        /// `SCMP_ARCH_X86_64` and so on; the native one is always part.
        public var architectures: [String]?
        /// `SECCOMP_FILTER_FLAG_TSYNC` and so on.
        public var flags: [String]?
        /// A UNIX socket that is given the notification descriptor of `SCMP_ACT_NOTIFY`, and a text to go with it.
        public var listenerPath: String?
        public var listenerMetadata: String?
        public var syscalls: [Rule]?

        public init(
            defaultAction: String, defaultErrnoRet: UInt32? = nil, architectures: [String]? = nil,
            syscalls: [Rule]? = nil
        ) {
            self.defaultAction = defaultAction
            self.defaultErrnoRet = defaultErrnoRet
            self.architectures = architectures
            self.syscalls = syscalls
        }

        public struct Rule: Codable, Hashable, Sendable {
            public var names: [String]
            public var action: String
            public var errnoRet: UInt32?
            public var args: [Argument]?

            public init(names: [String], action: String, errnoRet: UInt32? = nil, args: [Argument]? = nil) {
                self.names = names
                self.action = action
                self.errnoRet = errnoRet
                self.args = args
            }
        }

        public struct Argument: Codable, Hashable, Sendable {
            public var index: UInt32
            public var value: UInt64
            public var valueTwo: UInt64?
            /// `SCMP_CMP_EQ` and so on.
            public var op: String

            public init(index: UInt32, value: UInt64, valueTwo: UInt64? = nil, op: String) {
                self.index = index
                self.value = value
                self.valueTwo = valueTwo
                self.op = op
            }
        }
    }
}
