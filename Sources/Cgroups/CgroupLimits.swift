/// The limits of one container, in the OCI runtime specification's units. What is nil is left as the kernel has it.
public struct CgroupLimits: Sendable, Hashable {
    /// Hard limit of memory in bytes; -1 is none.
    public var memoryBytes: Int64?
    /// Hard limit of memory plus swap in bytes, as OCI and cgroup v1 count it; -1 is none.
    public var memorySwapBytes: Int64?
    /// Memory that is protected (v2 `memory.low`) or the soft limit (v1), in bytes.
    public var memoryReservation: Int64?
    /// Bytes of kernel memory. The specification does not recommend it and kernels have given it up: v1 is told where
    /// it has the file, whatever it answers; v2 never had one.
    public var kernelMemoryBytes: Int64?
    /// Bytes of buffers for TCP; treated like `kernelMemoryBytes`.
    public var kernelTCPMemoryBytes: Int64?
    /// 0…100; v1 only.
    public var memorySwappiness: UInt64?
    /// True stops processes at the limit instead of killing one; v1 only.
    public var disablesOOMKiller: Bool?
    /// Whether groups below count into this one. Always so on v2 and on newer kernels.
    public var usesHierarchy: Bool?
    /// `update` refuses a memory limit that is not above what is in use.
    public var checksMemoryBeforeUpdate = false
    /// CPU time in microseconds for each period; -1 is no limit.
    public var cpuQuotaMicroseconds: Int64?
    /// Length of a period in microseconds; 100 000 when absent.
    public var cpuPeriodMicroseconds: UInt64?
    /// Unused time in microseconds that may be saved up for later periods; at most the quota.
    public var cpuBurstMicroseconds: UInt64?
    /// Relative weight, 2…262144, 1024 being the default of cgroup v1.
    public var cpuShares: UInt64?
    /// 1 runs the group only when nothing else wants the CPU.
    public var cpuIdle: Int64?
    /// Real-time CPU time in microseconds for each real-time period; v1 only.
    public var cpuRealtimeRuntimeMicroseconds: Int64?
    public var cpuRealtimePeriodMicroseconds: UInt64?
    /// CPUs the group may use, as the list "0-2,4".
    public var cpusetCpus: String?
    /// Memory nodes the group may use, as such a list.
    public var cpusetMems: String?
    /// Highest number of tasks; -1 is none.
    public var pids: Int64?
    public var blockIO = BlockIO()
    public var hugepages: [HugepageLimit] = []
    /// Tags the group's packets (`net_cls.classid`); v1 only.
    public var networkClassID: UInt32?
    /// Priorities of the group's packets; v1 only.
    public var networkPriorities: [InterfacePriority] = []
    public var rdma: [RDMALimit] = []
    /// cgroup v2 files and what to write into them, line by line; written after everything else.
    public var unified: [String: String] = [:]
    /// Which devices may be used, the last rule that matches being the one that counts; nil leaves devices alone. What
    /// no rule matches is denied.
    public var devices: [DeviceRule]?
    /// The device rules are a default that nobody asked for: where this system cannot enforce them, do without.
    public var devicesAreOptional = false

    public init(
        memoryBytes: Int64? = nil, memorySwapBytes: Int64? = nil, memoryReservation: Int64? = nil,
        cpuQuotaMicroseconds: Int64? = nil, cpuPeriodMicroseconds: UInt64? = nil, cpuShares: UInt64? = nil,
        cpusetCpus: String? = nil, pids: Int64? = nil, devices: [DeviceRule]? = nil
    ) {
        self.memoryBytes = memoryBytes
        self.memorySwapBytes = memorySwapBytes
        self.memoryReservation = memoryReservation
        self.cpuQuotaMicroseconds = cpuQuotaMicroseconds
        self.cpuPeriodMicroseconds = cpuPeriodMicroseconds
        self.cpuShares = cpuShares
        self.cpusetCpus = cpusetCpus
        self.pids = pids
        self.devices = devices
    }
}

extension CgroupLimits {
    /// Limits and weights of access to block devices.
    public struct BlockIO: Sendable, Hashable {
        /// 10…1000.
        public var weight: UInt16?
        /// 10…1000, against groups below; of the CFQ scheduler, which kernels since 5.0 lack.
        public var leafWeight: UInt16?
        public var deviceWeights: [DeviceWeight] = []
        /// Bytes in a second.
        public var readBytes: [Rate] = []
        public var writeBytes: [Rate] = []
        /// Operations in a second.
        public var readOperations: [Rate] = []
        public var writeOperations: [Rate] = []

        public init() {}
    }

    public struct DeviceWeight: Sendable, Hashable {
        public var major: UInt32
        public var minor: UInt32
        public var weight: UInt16?
        public var leafWeight: UInt16?

        public init(major: UInt32, minor: UInt32, weight: UInt16? = nil, leafWeight: UInt16? = nil) {
            self.major = major
            self.minor = minor
            self.weight = weight
            self.leafWeight = leafWeight
        }
    }

    /// A rate for one device; 0 lifts the limit.
    public struct Rate: Sendable, Hashable {
        public var major: UInt32
        public var minor: UInt32
        public var rate: UInt64

        public init(major: UInt32, minor: UInt32, rate: UInt64) {
            self.major = major
            self.minor = minor
            self.rate = rate
        }
    }

    public struct HugepageLimit: Sendable, Hashable {
        /// As the kernel writes it: `2MB`.
        public var pageSize: String
        public var bytes: UInt64

        public init(pageSize: String, bytes: UInt64) {
            self.pageSize = pageSize
            self.bytes = bytes
        }
    }

    public struct InterfacePriority: Sendable, Hashable {
        public var name: String
        public var priority: UInt32

        public init(name: String, priority: UInt32) {
            self.name = name
            self.priority = priority
        }
    }

    public struct RDMALimit: Sendable, Hashable {
        /// Such as `mlx5_1`.
        public var device: String
        public var handles: UInt32?
        public var objects: UInt32?

        public init(device: String, handles: UInt32? = nil, objects: UInt32? = nil) {
            self.device = device
            self.handles = handles
            self.objects = objects
        }
    }
}

/// A control file and what to write into it.
struct ControlValue: Hashable {
    let file: String
    let value: String
    /// What the kernel lacks or refuses may be left out: the specification allows it, or nothing is lost.
    var isOptional = false
}
