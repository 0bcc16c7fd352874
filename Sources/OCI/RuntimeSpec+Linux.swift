extension RuntimeSpec {
    /// What is particular to Linux.
    public struct Linux: Codable, Hashable, Sendable {
        public var namespaces: [Namespace]
        public var devices: [Device]
        /// Relative to each hierarchy's root, starting with a slash.
        public var cgroupsPath: String?
        public var resources: Resources?
        public var sysctl: [String: String]
        public var maskedPaths: [String]
        public var readonlyPaths: [String]
        public var seccomp: Seccomp?
        /// `private`, `rprivate` (default), `slave`, `rslave`, `unbindable`.
        public var rootfsPropagation: String?

        public init(
            namespaces: [Namespace] = [], devices: [Device] = [], cgroupsPath: String? = nil,
            resources: Resources? = nil, sysctl: [String: String] = [:], maskedPaths: [String] = [],
            readonlyPaths: [String] = [], seccomp: Seccomp? = nil
        ) {
            self.namespaces = namespaces
            self.devices = devices
            self.cgroupsPath = cgroupsPath
            self.resources = resources
            self.sysctl = sysctl
            self.maskedPaths = maskedPaths
            self.readonlyPaths = readonlyPaths
            self.seccomp = seccomp
        }

        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            namespaces = try container.decodeIfPresent([Namespace].self, forKey: .namespaces) ?? []
            devices = try container.decodeIfPresent([Device].self, forKey: .devices) ?? []
            cgroupsPath = try container.decodeIfPresent(String.self, forKey: .cgroupsPath)
            resources = try container.decodeIfPresent(Resources.self, forKey: .resources)
            sysctl = try container.decodeIfPresent([String: String].self, forKey: .sysctl) ?? [:]
            maskedPaths = try container.decodeIfPresent([String].self, forKey: .maskedPaths) ?? []
            readonlyPaths = try container.decodeIfPresent([String].self, forKey: .readonlyPaths) ?? []
            seccomp = try container.decodeIfPresent(Seccomp.self, forKey: .seccomp)
            rootfsPropagation = try container.decodeIfPresent(String.self, forKey: .rootfsPropagation)
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

    /// Limits of the container as a whole.
    public struct Resources: Codable, Hashable, Sendable {
        public var memory: Memory?
        public var cpu: CPU?
        public var pids: PIDs?
        public var devices: [DeviceRule]?
        /// cgroup v2 files by name; carried.
        public var unified: [String: String]?

        public init(memory: Memory? = nil, cpu: CPU? = nil, pids: PIDs? = nil, devices: [DeviceRule]? = nil) {
            self.memory = memory
            self.cpu = cpu
            self.pids = pids
            self.devices = devices
        }

        public struct Memory: Codable, Hashable, Sendable {
            /// Bytes; -1 is none.
            public var limit: Int64?
            /// Bytes of memory that is protected or the soft limit.
            public var reservation: Int64?
            /// Bytes of memory and swap together.
            public var swap: Int64?

            public init(limit: Int64? = nil, reservation: Int64? = nil, swap: Int64? = nil) {
                self.limit = limit
                self.reservation = reservation
                self.swap = swap
            }
        }

        public struct CPU: Codable, Hashable, Sendable {
            public var shares: UInt64?
            /// Microseconds in each period.
            public var quota: Int64?
            /// Microseconds.
            public var period: UInt64?
            public var cpus: String?

            public init(shares: UInt64? = nil, quota: Int64? = nil, period: UInt64? = nil, cpus: String? = nil) {
                self.shares = shares
                self.quota = quota
                self.period = period
                self.cpus = cpus
            }
        }

        public struct PIDs: Codable, Hashable, Sendable {
            public var limit: Int64

            public init(limit: Int64) { self.limit = limit }
        }

        /// An entry of the device list, in the order in which they apply.
        public struct DeviceRule: Codable, Hashable, Sendable {
            public var allow: Bool
            public var type: String?
            public var major: Int64?
            public var minor: Int64?
            public var access: String?

            public init(
                allow: Bool, type: String? = nil, major: Int64? = nil, minor: Int64? = nil, access: String? = nil
            ) {
                self.allow = allow
                self.type = type
                self.major = major
                self.minor = minor
                self.access = access
            }
        }
    }

    /// A seccomp filter in the specification's form.
    public struct Seccomp: Codable, Hashable, Sendable {
        /// `SCMP_ACT_ERRNO` and so on.
        public var defaultAction: String
        public var defaultErrnoRet: UInt32?
        /// `SCMP_ARCH_X86_64` and so on; the native one is always part.
        public var architectures: [String]?
        public var flags: [String]?
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
