extension RuntimeSpec {
    /// Limits of the container as a whole. A member that is nil is left as the kernel has it.
    public struct Resources: Codable, Hashable, Sendable {
        public var memory: Memory?
        public var cpu: CPU?
        public var pids: PIDs?
        public var blockIO: BlockIO?
        public var hugepageLimits: [HugepageLimit]?
        public var network: Network?
        /// By device, such as `mlx5_1`.
        public var rdma: [String: RDMA]?
        /// Access to devices; applied in this order.
        public var devices: [DeviceRule]?
        /// cgroup v2 files by name; they win over the other members.
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
            /// Bytes; kernels have given these up.
            public var kernel: Int64?
            public var kernelTCP: Int64?
            /// 0 to 100.
            public var swappiness: UInt64?
            public var disableOOMKiller: Bool?
            public var useHierarchy: Bool?
            /// Refuse a new limit below what is in use.
            public var checkBeforeUpdate: Bool?

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
            public var burst: UInt64?
            /// Microseconds.
            public var period: UInt64?
            /// Microseconds.
            public var realtimeRuntime: Int64?
            /// Microseconds.
            public var realtimePeriod: UInt64?
            /// CPUs and memory nodes as lists such as `0-2,7`.
            public var cpus: String?
            public var mems: String?
            /// 1 is SCHED_IDLE for the whole group.
            public var idle: Int64?

            public init(shares: UInt64? = nil, quota: Int64? = nil, period: UInt64? = nil, cpus: String? = nil) {
                self.shares = shares
                self.quota = quota
                self.period = period
                self.cpus = cpus
            }
        }

        public struct PIDs: Codable, Hashable, Sendable {
            /// A negative number is no limit.
            public var limit: Int64

            public init(limit: Int64) { self.limit = limit }
        }

        public struct BlockIO: Codable, Hashable, Sendable {
            /// 10 to 1000.
            public var weight: UInt16?
            public var leafWeight: UInt16?
            public var weightDevice: [WeightDevice]?
            public var throttleReadBpsDevice: [ThrottleDevice]?
            public var throttleWriteBpsDevice: [ThrottleDevice]?
            public var throttleReadIOPSDevice: [ThrottleDevice]?
            public var throttleWriteIOPSDevice: [ThrottleDevice]?

            public init() {}
        }

        public struct WeightDevice: Codable, Hashable, Sendable {
            public var major: Int64
            public var minor: Int64
            public var weight: UInt16?
            public var leafWeight: UInt16?
        }

        public struct ThrottleDevice: Codable, Hashable, Sendable {
            public var major: Int64
            public var minor: Int64
            /// Bytes or operations in a second.
            public var rate: UInt64
        }

        public struct HugepageLimit: Codable, Hashable, Sendable {
            /// Such as `2MB`.
            public var pageSize: String
            /// Bytes.
            public var limit: UInt64
        }

        public struct Network: Codable, Hashable, Sendable {
            public var classID: UInt32?
            public var priorities: [InterfacePriority]?
        }

        public struct InterfacePriority: Codable, Hashable, Sendable {
            public var name: String
            public var priority: UInt32
        }

        public struct RDMA: Codable, Hashable, Sendable {
            public var hcaHandles: UInt32?
            public var hcaObjects: UInt32?
        }

        /// An entry of the device list, in the order in which they apply.
        public struct DeviceRule: Codable, Hashable, Sendable {
            public var allow: Bool
            /// `a`, `b` or `c`; nil is `a`.
            public var type: String?
            public var major: Int64?
            public var minor: Int64?
            /// Of `r`, `w` and `m`.
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
}
