/// What a group uses, as `runc events --stats` tells it. A part is nil where this system does not count it; so are
/// single figures. A limit that is none is the highest number.
public struct CgroupStatistics: Sendable, Hashable {
    public var cpu: CPU?
    public var cpuset: CPUSet?
    public var memory: Memory?
    public var pids: PIDs?
    public var blockIO: BlockIO?
    /// By page size, such as `2MB`.
    public var hugetlb: [String: Hugetlb] = [:]
    /// By device.
    public var rdma: [String: RDMA] = [:]

    public init() {}

    /// Nanoseconds, since the group was made.
    public struct CPU: Sendable, Hashable {
        public var total: UInt64 = 0
        public var user: UInt64 = 0
        public var kernel: UInt64 = 0
        /// By CPU; v1 only.
        public var perCPU: [UInt64] = []
        public var perCPUUser: [UInt64] = []
        public var perCPUKernel: [UInt64] = []
        public var periods: UInt64 = 0
        public var throttledPeriods: UInt64 = 0
        public var throttledTime: UInt64 = 0
        public var burstPeriods: UInt64 = 0
        public var burstTime: UInt64 = 0
        public var pressure: Pressure?

        public init() {}
    }

    /// What v1's cpuset is set to.
    public struct CPUSet: Sendable, Hashable {
        public var cpus: [UInt16] = []
        public var mems: [UInt16] = []
        public var cpuExclusive: UInt64 = 0
        public var memExclusive: UInt64 = 0
        public var memHardwall: UInt64 = 0
        public var memoryMigrate: UInt64 = 0
        public var memorySpreadPage: UInt64 = 0
        public var memorySpreadSlab: UInt64 = 0
        public var memoryPressure: UInt64 = 0
        public var schedLoadBalance: UInt64 = 0
        public var schedRelaxDomainLevel: Int64 = 0

        public init() {}
    }

    public struct Memory: Sendable, Hashable {
        /// Bytes of file cache.
        public var cache: UInt64 = 0
        public var usage = Counter()
        /// Memory and swap together, on v2 as well; v2 has no highest value of that.
        public var swap: Counter?
        /// Swap alone.
        public var swapOnly: Counter?
        public var kernel: Counter?
        public var kernelTCP: Counter?
        /// `memory.stat` as it is.
        public var raw: [String: UInt64] = [:]
        public var pressure: Pressure?

        public init() {}
    }

    /// Bytes.
    public struct Counter: Sendable, Hashable {
        public var usage: UInt64 = 0
        /// The highest usage so far.
        public var max: UInt64 = 0
        /// How often the limit was met.
        public var failures: UInt64 = 0
        public var limit: UInt64 = 0

        public init() {}
    }

    public struct PIDs: Sendable, Hashable {
        public var current: UInt64 = 0
        /// 0 is none.
        public var limit: UInt64 = 0

        public init() {}
    }

    /// Each list has entries for a device and an operation: `Read`, `Write`, `Sync`, `Async`, `Discard`, `Total`.
    public struct BlockIO: Sendable, Hashable {
        public var serviceBytes: [BlockIOEntry] = []
        public var serviced: [BlockIOEntry] = []
        public var queued: [BlockIOEntry] = []
        public var serviceTime: [BlockIOEntry] = []
        public var waitTime: [BlockIOEntry] = []
        public var merged: [BlockIOEntry] = []
        public var time: [BlockIOEntry] = []
        public var sectors: [BlockIOEntry] = []
        public var pressure: Pressure?

        public init() {}
    }

    public struct BlockIOEntry: Sendable, Hashable {
        public var major: UInt64
        public var minor: UInt64
        /// Empty for a figure that is of no single operation.
        public var operation: String
        public var value: UInt64

        public init(major: UInt64, minor: UInt64, operation: String, value: UInt64) {
            self.major = major
            self.minor = minor
            self.operation = operation
            self.value = value
        }
    }

    /// Bytes.
    public struct Hugetlb: Sendable, Hashable {
        public var usage: UInt64 = 0
        /// The highest usage so far; v1 only.
        public var max: UInt64 = 0
        public var failures: UInt64 = 0

        public init() {}
    }

    public struct RDMA: Sendable, Hashable {
        public var handles: UInt64 = 0
        public var objects: UInt64 = 0
        public var handleLimit: UInt64 = 0
        public var objectLimit: UInt64 = 0

        public init() {}
    }

    /// How long processes waited for the resource (kernel document psi): some of them, or all at once.
    public struct Pressure: Sendable, Hashable {
        public var some = Line()
        public var full = Line()

        public init() {}

        public struct Line: Sendable, Hashable {
            /// Percent of the last 10, 60 and 300 seconds.
            public var average10 = 0.0
            public var average60 = 0.0
            public var average300 = 0.0
            /// Microseconds.
            public var total: UInt64 = 0

            public init() {}
        }
    }
}
