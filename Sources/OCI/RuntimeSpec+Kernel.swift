// Members that few containers have.

extension RuntimeSpec {
    /// A range of ids of a user namespace or of a mount.
    public struct IDMapping: Codable, Hashable, Sendable {
        public var containerID: UInt32
        public var hostID: UInt32
        public var size: UInt32

        public init(containerID: UInt32, hostID: UInt32, size: UInt32) {
            self.containerID = containerID
            self.hostID = hostID
            self.size = size
        }
    }

    /// What a time namespace adds to a clock.
    public struct TimeOffset: Codable, Hashable, Sendable {
        public var secs: Int64?
        public var nanosecs: UInt32?
    }

    /// A network device to move into the container.
    public struct NetDevice: Codable, Hashable, Sendable {
        /// Its name there; nil keeps it.
        public var name: String?
    }

    /// The execution domain.
    public struct Personality: Codable, Hashable, Sendable {
        /// `LINUX` or `LINUX32`.
        public var domain: String
        /// None is defined yet.
        public var flags: [String]?
    }

    /// The NUMA memory policy of the process.
    public struct MemoryPolicy: Codable, Hashable, Sendable {
        /// `MPOL_BIND` and so on.
        public var mode: String
        /// A list such as `0-1`.
        public var nodes: String?
        /// `MPOL_F_STATIC_NODES` and so on.
        public var flags: [String]?
    }

    /// How the process is scheduled.
    public struct Scheduler: Codable, Hashable, Sendable {
        /// `SCHED_OTHER` and so on.
        public var policy: String
        public var nice: Int32?
        public var priority: Int32?
        /// `SCHED_FLAG_RESET_ON_FORK` and so on.
        public var flags: [String]?
        /// Nanoseconds, for `SCHED_DEADLINE`.
        public var runtime: UInt64?
        public var deadline: UInt64?
        public var period: UInt64?
    }

    /// The process's priority for block devices.
    public struct IOPriority: Codable, Hashable, Sendable {
        /// `IOPRIO_CLASS_RT`, `IOPRIO_CLASS_BE` or `IOPRIO_CLASS_IDLE`.
        public var `class`: String
        /// 0 (first) to 7.
        public var priority: Int32?
    }

    /// CPUs for a process of `exec`, as lists such as `0-2`: while it enters the container, and after that.
    public struct CPUAffinity: Codable, Hashable, Sendable {
        public var initial: String?
        public var final: String?
    }

    /// The size of a terminal, in characters.
    public struct ConsoleSize: Codable, Hashable, Sendable {
        public var height: UInt32
        public var width: UInt32

        public init(height: UInt32, width: UInt32) {
            self.height = height
            self.width = width
        }
    }

    /// Programs that the runtime runs as the container passes from one state to the next.
    public struct Hooks: Codable, Hashable, Sendable {
        /// As `createRuntime`, and older.
        public var prestart: [Hook]?
        /// Outside, when the namespaces are there and before the root is entered.
        public var createRuntime: [Hook]?
        /// In the container's namespaces, before the root is entered.
        public var createContainer: [Hook]?
        /// In the container, just before its program.
        public var startContainer: [Hook]?
        /// Outside, after its program was started.
        public var poststart: [Hook]?
        /// Outside, after the container was deleted.
        public var poststop: [Hook]?

        public init() {}
    }

    /// A program with the container's state on its standard input.
    public struct Hook: Codable, Hashable, Sendable {
        /// Absolute.
        public var path: String
        /// With the program's name first, as execv(3) has it.
        public var args: [String]?
        public var env: [String]?
        /// Seconds, more than 0; nil waits for ever.
        public var timeout: Int?
    }
}
