extension RuntimeSpec {
    /// A process in the container: its first one, or one that `exec` adds.
    public struct Process: Codable, Hashable, Sendable {
        public var terminal: Bool?
        /// Of the terminal.
        public var consoleSize: ConsoleSize?
        public var user: User
        /// The program, looked up in the environment's PATH, and its arguments.
        public var args: [String]
        /// `NAME=value` each.
        public var env: [String]
        /// Absolute path in the container; created when missing.
        public var cwd: String
        public var capabilities: Capabilities?
        public var rlimits: [ResourceLimit]
        public var noNewPrivileges: Bool?
        public var oomScoreAdj: Int?
        public var apparmorProfile: String?
        public var selinuxLabel: String?
        public var scheduler: Scheduler?
        public var ioPriority: IOPriority?
        public var execCPUAffinity: CPUAffinity?

        public init(
            args: [String], env: [String] = [], cwd: String = "/", user: User = User(),
            capabilities: Capabilities? = nil, rlimits: [ResourceLimit] = [], noNewPrivileges: Bool? = nil,
            oomScoreAdj: Int? = nil
        ) {
            self.user = user
            self.args = args
            self.env = env
            self.cwd = cwd
            self.capabilities = capabilities
            self.rlimits = rlimits
            self.noNewPrivileges = noNewPrivileges
            self.oomScoreAdj = oomScoreAdj
        }

        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            terminal = try container.decodeIfPresent(Bool.self, forKey: .terminal)
            user = try container.decodeIfPresent(User.self, forKey: .user) ?? User()
            args = try container.decodeIfPresent([String].self, forKey: .args) ?? []
            env = try container.decodeIfPresent([String].self, forKey: .env) ?? []
            cwd = try container.decode(String.self, forKey: .cwd)
            capabilities = try container.decodeIfPresent(Capabilities.self, forKey: .capabilities)
            rlimits = try container.decodeIfPresent([ResourceLimit].self, forKey: .rlimits) ?? []
            noNewPrivileges = try container.decodeIfPresent(Bool.self, forKey: .noNewPrivileges)
            oomScoreAdj = try container.decodeIfPresent(Int.self, forKey: .oomScoreAdj)
            consoleSize = try container.decodeIfPresent(ConsoleSize.self, forKey: .consoleSize)
            apparmorProfile = try container.decodeIfPresent(String.self, forKey: .apparmorProfile)
            selinuxLabel = try container.decodeIfPresent(String.self, forKey: .selinuxLabel)
            scheduler = try container.decodeIfPresent(Scheduler.self, forKey: .scheduler)
            ioPriority = try container.decodeIfPresent(IOPriority.self, forKey: .ioPriority)
            execCPUAffinity = try container.decodeIfPresent(CPUAffinity.self, forKey: .execCPUAffinity)
        }
    }

    /// Who the process runs as.
    public struct User: Codable, Hashable, Sendable {
        public var uid: UInt32
        public var gid: UInt32
        public var umask: UInt32?
        public var additionalGids: [UInt32]?
        /// `USER[:GROUP]`, names or numbers, as an image's configuration says it. Resolved by the runtime with the container's
        /// own `/etc/passwd` and `/etc/group`; it then overrides `uid` and `gid` and adds the user's groups.
        public var username: String?

        public init(
            uid: UInt32 = 0, gid: UInt32 = 0, umask: UInt32? = nil, additionalGids: [UInt32]? = nil,
            username: String? = nil
        ) {
            self.uid = uid
            self.gid = gid
            self.umask = umask
            self.additionalGids = additionalGids
            self.username = username
        }

        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            uid = try container.decodeIfPresent(UInt32.self, forKey: .uid) ?? 0
            gid = try container.decodeIfPresent(UInt32.self, forKey: .gid) ?? 0
            umask = try container.decodeIfPresent(UInt32.self, forKey: .umask)
            additionalGids = try container.decodeIfPresent([UInt32].self, forKey: .additionalGids)
            username = try container.decodeIfPresent(String.self, forKey: .username)
        }
    }

    /// The five capability sets, as names with the prefix `CAP_`.
    public struct Capabilities: Codable, Hashable, Sendable {
        public var bounding: [String]?
        public var effective: [String]?
        public var inheritable: [String]?
        public var permitted: [String]?
        public var ambient: [String]?

        public init(
            bounding: [String]? = nil, effective: [String]? = nil, inheritable: [String]? = nil,
            permitted: [String]? = nil, ambient: [String]? = nil
        ) {
            self.bounding = bounding
            self.effective = effective
            self.inheritable = inheritable
            self.permitted = permitted
            self.ambient = ambient
        }

        /// The same names as bounding, permitted and effective; nothing inheritable or ambient (CVE-2022-24769).
        public static func allowing(_ names: [String]) -> Capabilities {
            Capabilities(bounding: names, effective: names, permitted: names)
        }

        /// The 14 that Docker and Kubernetes give by default.
        public static let defaultNames = [
            "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
            "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
            "CAP_SYS_CHROOT",
        ]
    }

    /// One resource limit.
    public struct ResourceLimit: Codable, Hashable, Sendable {
        /// Such as `RLIMIT_NOFILE`.
        public var type: String
        public var soft: UInt64
        public var hard: UInt64

        public init(type: String, soft: UInt64, hard: UInt64) {
            self.type = type
            self.soft = soft
            self.hard = hard
        }
    }
}
