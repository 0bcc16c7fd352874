import Linux
import Testing

@testable import Cgroups

/// How limits are written down in each version's files; no kernel is asked.
struct CgroupValueTests {
    @Test(arguments: ["", "/", "wherry", "/a//b", "/a/../b", "/a/", "/./a", "/..", "/a/.."])
    func aPathThatIsNotPlainIsRefused(_ path: String) {
        #expect(refusal { _ = try Cgroup(existing: path) }?.code == .invalidPath)
        #expect(refusal { _ = try Cgroup.create(path: path) }?.code == .invalidPath)
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        /// `file=value` of each controller in cgroup v1 and v2.
        let v1: [String]
        let v2: [String]
        let limits: CgroupLimits
        var testDescription: String { name }

        init(_ name: String, v1: [String], v2: [String], _ set: (inout CgroupLimits) -> Void) {
            var limits = CgroupLimits()
            set(&limits)
            (self.name, self.v1, self.v2, self.limits) = (name, v1, v2, limits)
        }
    }

    static let rows: [Row] = [
        Row("nothing", v1: [], v2: []) { _ in },
        Row("memory", v1: ["memory.limit_in_bytes=100"], v2: ["memory.max=100"]) { $0.memoryBytes = 100 },
        Row(
            "no memory limit", v1: ["memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1"],
            v2: ["memory.max=max", "memory.swap.max=max"]
        ) { $0.memoryBytes = -1 },
        Row(
            "memory and swap", v1: ["memory.limit_in_bytes=100", "memory.memsw.limit_in_bytes=150"],
            v2: ["memory.max=100", "memory.swap.max=50"]
        ) { ($0.memoryBytes, $0.memorySwapBytes) = (100, 150) },
        Row(
            "no swap", v1: ["memory.limit_in_bytes=100", "memory.memsw.limit_in_bytes=100"],
            v2: ["memory.max=100", "memory.swap.max=0"]
        ) { ($0.memoryBytes, $0.memorySwapBytes) = (100, 100) },
        Row("all swap", v1: ["memory.memsw.limit_in_bytes=-1"], v2: ["memory.swap.max=max"]) {
            $0.memorySwapBytes = -1
        },
        Row("reservation", v1: ["memory.soft_limit_in_bytes=7"], v2: ["memory.low=7"]) { $0.memoryReservation = 7 },
        Row("no reservation", v1: ["memory.soft_limit_in_bytes=-1"], v2: ["memory.low=max"]) {
            $0.memoryReservation = -1
        },
        Row("kernel memory", v1: ["memory.kmem.limit_in_bytes=5", "memory.kmem.tcp.limit_in_bytes=6"], v2: []) {
            ($0.kernelMemoryBytes, $0.kernelTCPMemoryBytes) = (5, 6)
        },
        Row("swappiness", v1: ["memory.swappiness=30"], v2: ["memory.swappiness=30 (none)"]) {
            $0.memorySwappiness = 30
        },
        Row("no OOM killer", v1: ["memory.oom_control=1"], v2: ["memory.oom_control=1 (none)"]) {
            $0.disablesOOMKiller = true
        },
        Row("OOM killer", v1: ["memory.oom_control=0"], v2: []) { $0.disablesOOMKiller = false },
        Row("hierarchy", v1: ["memory.use_hierarchy=1"], v2: []) { $0.usesHierarchy = true },
        Row("no hierarchy", v1: ["memory.use_hierarchy=0"], v2: ["memory.use_hierarchy=0 (none)"]) {
            $0.usesHierarchy = false
        },
        Row("quota", v1: ["cpu.cfs_quota_us=20000"], v2: ["cpu.max=20000 100000"]) { $0.cpuQuotaMicroseconds = 20_000 },
        Row("period", v1: ["cpu.cfs_period_us=40000"], v2: ["cpu.max=max 40000"]) { $0.cpuPeriodMicroseconds = 40_000 },
        Row("no quota", v1: ["cpu.cfs_quota_us=-1"], v2: ["cpu.max=max 100000"]) { $0.cpuQuotaMicroseconds = -1 },
        Row("burst", v1: ["cpu.cfs_burst_us=10"], v2: ["cpu.max.burst=10"]) { $0.cpuBurstMicroseconds = 10 },
        Row("shares", v1: ["cpu.shares=1024"], v2: ["cpu.weight=100"]) { $0.cpuShares = 1024 },
        Row("idle", v1: ["cpu.idle=1"], v2: ["cpu.idle=1"]) { $0.cpuIdle = 1 },
        Row(
            "real time", v1: ["cpu.rt_period_us=1000", "cpu.rt_runtime_us=950"],
            v2: ["cpu.rt_period_us=1000 (none)", "cpu.rt_runtime_us=950 (none)"]
        ) { ($0.cpuRealtimeRuntimeMicroseconds, $0.cpuRealtimePeriodMicroseconds) = (950, 1000) },
        Row("cpuset", v1: ["cpuset.cpus=0-1", "cpuset.mems=0"], v2: ["cpuset.cpus=0-1", "cpuset.mems=0"]) {
            ($0.cpusetCpus, $0.cpusetMems) = ("0-1", "0")
        },
        Row("pids", v1: ["pids.max=21"], v2: ["pids.max=21"]) { $0.pids = 21 },
        Row("no pids", v1: ["pids.max=0"], v2: ["pids.max=0"]) { $0.pids = 0 },
        Row("any pids", v1: ["pids.max=max"], v2: ["pids.max=max"]) { $0.pids = -1 },
        Row("weight", v1: ["blkio.weight=300"], v2: ["io.bfq.weight=300"]) { $0.blockIO.weight = 300 },
        Row("leaf weight", v1: ["blkio.leaf_weight=300"], v2: ["blkio.leaf_weight=300 (none)"]) {
            $0.blockIO.leafWeight = 300
        },
        Row(
            "device weights",
            v1: ["blkio.weight_device=8:0 20", "blkio.weight_device=8:16 30", "blkio.leaf_weight_device=8:0 40"],
            v2: ["io.bfq.weight=8:0 20", "io.bfq.weight=8:16 30", "blkio.leaf_weight_device=8:0 (none)"]
        ) {
            $0.blockIO.deviceWeights = [
                .init(major: 8, minor: 0, weight: 20, leafWeight: 40), .init(major: 8, minor: 16, weight: 30),
            ]
        },
        Row(
            "rates",
            v1: [
                "blkio.throttle.read_bps_device=8:0 1", "blkio.throttle.write_bps_device=8:0 2",
                "blkio.throttle.read_iops_device=8:0 3", "blkio.throttle.write_iops_device=8:0 0",
            ], v2: ["io.max=8:0 rbps=1", "io.max=8:0 wbps=2", "io.max=8:0 riops=3", "io.max=8:0 wiops=max"]
        ) {
            $0.blockIO.readBytes = [.init(major: 8, minor: 0, rate: 1)]
            $0.blockIO.writeBytes = [.init(major: 8, minor: 0, rate: 2)]
            $0.blockIO.readOperations = [.init(major: 8, minor: 0, rate: 3)]
            $0.blockIO.writeOperations = [.init(major: 8, minor: 0, rate: 0)]
        },
        Row(
            "huge pages", v1: ["hugetlb.2MB.limit_in_bytes=9", "hugetlb.2MB.rsvd.limit_in_bytes=9"],
            v2: ["hugetlb.2MB.max=9", "hugetlb.2MB.rsvd.max=9"]
        ) { $0.hugepages = [.init(pageSize: "2MB", bytes: 9)] },
        Row("class", v1: ["net_cls.classid=1048577"], v2: []) { $0.networkClassID = 1_048_577 },
        Row("priorities", v1: ["net_prio.ifpriomap=eth0 5", "net_prio.ifpriomap=lo 1"], v2: []) {
            $0.networkPriorities = [.init(name: "eth0", priority: 5), .init(name: "lo", priority: 1)]
        },
        Row(
            "rdma", v1: ["rdma.max=mlx5_1 hca_handle=3 hca_object=4", "rdma.max=mlx4_0 hca_object=1"],
            v2: ["rdma.max=mlx5_1 hca_handle=3 hca_object=4", "rdma.max=mlx4_0 hca_object=1"]
        ) {
            $0.rdma = [.init(device: "mlx5_1", handles: 3, objects: 4), .init(device: "mlx4_0", objects: 1)]
        },
        Row("devices", v1: ["devices.deny=a", "devices.allow=c 1:3 rwm", "devices.allow=b *:* m"], v2: []) {
            $0.devices = [DeviceRule(kind: .character, major: 1, minor: 3), DeviceRule(kind: .block, access: "m")]
        },
    ]

    @Test(arguments: rows) func eachLimitHasItsFileInV1(_ row: Row) throws {
        let values = try CgroupLimits.controllersV1.flatMap { try row.limits.valuesV1($0) }
        #expect(values.map { "\($0.file)=\($0.value)" } == row.v1)
        for controller in CgroupLimits.controllersV1 {
            for value in try row.limits.valuesV1(controller) { #expect(value.file.hasPrefix(controller + ".")) }
        }
    }

    /// What v2 has nothing for is marked; devices and the network are no files there.
    @Test(arguments: rows) func eachLimitHasItsFileInV2(_ row: Row) throws {
        let values = try CgroupLimits.controllersV2.flatMap { try row.limits.valuesV2($0) }
        let rest = row.limits.valuesWithoutV2
        #expect(values.map { "\($0.file)=\($0.value)" } + rest.map { "\($0.file)=\($0.value) (none)" } == row.v2)
    }

    @Test func withoutTheirFirstNamesWeightsHaveOthers() throws {
        var limits = CgroupLimits()
        limits.blockIO.weight = 1000
        limits.blockIO.deviceWeights = [.init(major: 8, minor: 0, weight: 10)]
        #expect(
            try limits.valuesV1("blkio") { !$0.hasPrefix("blkio.weight") }.map { "\($0.file)=\($0.value)" }
                == ["blkio.bfq.weight=1000", "blkio.bfq.weight_device=8:0 10"])
        #expect(
            try limits.valuesV2("io") { $0 == "io.weight" }.map { "\($0.file)=\($0.value)" }
                == ["io.weight=10000", "io.weight=8:0 1"])
    }

    @Test func onlyWhatCostsNothingMayBeLeftOut() throws {
        var limits = CgroupLimits(memoryBytes: 100, memorySwapBytes: 150)
        limits.kernelMemoryBytes = 5
        limits.hugepages = [.init(pageSize: "2MB", bytes: 9)]
        #expect(try limits.valuesV1("memory").filter(\.isOptional).map(\.file) == ["memory.kmem.limit_in_bytes"])
        #expect(try limits.valuesV2("memory").filter(\.isOptional).isEmpty)
        #expect(try limits.valuesV2("hugetlb").filter(\.isOptional).map(\.file) == ["hugetlb.2MB.rsvd.max"])
        for swap in [-1, 100] as [Int64] {  // nothing to lift or to forbid without swap
            limits.memorySwapBytes = swap
            #expect(try limits.valuesV2("memory").filter(\.isOptional).map(\.file) == ["memory.swap.max"])
        }
    }

    @Test(arguments: [CgroupLimits(memorySwapBytes: 100), CgroupLimits(memoryBytes: 101, memorySwapBytes: 100)])
    func swapThatCannotBeToldFromMemoryIsRefused(_ limits: CgroupLimits) {
        #expect(refusal { _ = try limits.valuesV2("memory") }?.message.contains("memory.swap.max") == true)
    }

    @Test func sharesMapOntoWeightsWithDefaultsAndEndsMeeting() {
        #expect(CgroupLimits.weight(fromShares: 2) == 1)
        #expect(CgroupLimits.weight(fromShares: 1024) == 100)
        #expect(CgroupLimits.weight(fromShares: 262_144) == 10_000)
        for weight in [(10, 1), (500, 4950), (1000, 10_000)] as [(UInt16, UInt64)] {
            #expect(CgroupLimits.ioWeight(fromBlockIO: weight.0) == weight.1)
        }
    }

    @Test func libcgroupGetsOneValueForAFileInOrder() {
        let values = ["a=1", "a=2", "b=1", "a=3"].map {
            ControlValue(file: String($0.first ?? " "), value: String($0.last ?? " "))
        }
        let portions = LibCgroup.portions(values).map { $0.map { "\($0.file)=\($0.value)" } }
        #expect(portions == [["a=1\n2", "b=1"], ["a=3"]])
        let long = (0..<1000).map { ControlValue(file: "devices.allow", value: "c 100:\($0) rwm") }
        let parts = LibCgroup.portions(long)
        #expect(parts.allSatisfy { $0.allSatisfy { $0.value.utf8.count < 4096 } })
        let lines = parts.flatMap {
            $0.flatMap { $0.value.utf8.split(separator: UInt8(ascii: "\n")).map { String(Substring($0)) } }
        }
        #expect(lines == long.map(\.value))
        #expect(LibCgroup.portions([]).isEmpty)
    }

    @Test func theLayoutFollowsTheMounts() throws {
        let v1 = "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu,cpuacct 0 0\n"
        let v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n"
        #expect(try CgroupMounts.parse(v1).layout == .v1)
        #expect(try CgroupMounts.parse(v1).v1 == ["cpu": "/sys/fs/cgroup/cpu", "cpuacct": "/sys/fs/cgroup/cpu"])
        #expect(try CgroupMounts.parse(v2).layout == .v2)
        #expect(try CgroupMounts.parse(v1 + v2).layout == .hybrid)
        #expect(refusal { _ = try CgroupMounts.parse("tmpfs / tmpfs rw 0 0\n") }?.code == .notMounted)
    }
}
