/// The figures of cgroup v1, each from its controller's own directory.
struct StatisticsV1 {
    let directory: (String) -> String?

    func fill(_ statistics: inout CgroupStatistics) {
        if let cpu { statistics.cpu = cpu }
        if let cpuset { statistics.cpuset = cpuset }
        if let memory { statistics.memory = memory }
        if let pids = StatisticsParts.pids(directory("pids")) { statistics.pids = pids }
        if let directory = directory("blkio") { statistics.blockIO = Self.blockIO(directory) }
        if let directory = directory("hugetlb") { statistics.hugetlb = Self.hugetlb(directory) }
        if let directory = directory("rdma") { statistics.rdma = StatisticsParts.rdma(directory) }
    }

    private var cpu: CgroupStatistics.CPU? {
        guard directory("cpu") != nil || directory("cpuacct") != nil else { return nil }
        var cpu = CgroupStatistics.CPU()
        if let directory = directory("cpu") {
            let stat = ControlFile.keyed(directory + "/cpu.stat")
            cpu.periods = stat["nr_periods"] ?? 0
            cpu.throttledPeriods = stat["nr_throttled"] ?? 0
            cpu.throttledTime = stat["throttled_time"] ?? 0
            cpu.burstPeriods = stat["nr_bursts"] ?? 0
            cpu.burstTime = stat["burst_time"] ?? 0
        }
        if let directory = directory("cpuacct") {
            cpu.total = ControlFile.unsigned(directory + "/cpuacct.usage") ?? 0
            // In USER_HZ, which is 100 on every architecture that Linux containers run on.
            let stat = ControlFile.keyed(directory + "/cpuacct.stat")
            cpu.user = (stat["user"] ?? 0) * 10_000_000
            cpu.kernel = (stat["system"] ?? 0) * 10_000_000
            cpu.perCPU = ControlFile.lines(directory + "/cpuacct.usage_percpu").flatMap { $0.compactMap { UInt64($0) } }
            for fields in ControlFile.lines(directory + "/cpuacct.usage_all").dropFirst() where fields.count >= 3 {
                cpu.perCPUUser.append(UInt64(fields[1]) ?? 0)
                cpu.perCPUKernel.append(UInt64(fields[2]) ?? 0)
            }
        }
        return cpu
    }

    private var cpuset: CgroupStatistics.CPUSet? {
        guard let directory = directory("cpuset") else { return nil }
        func number(_ file: String) -> UInt64 { ControlFile.unsigned(directory + "/cpuset." + file) ?? 0 }
        var cpuset = CgroupStatistics.CPUSet()
        cpuset.cpus = StatisticsParts.list(ControlFile.read(directory + "/cpuset.cpus") ?? "")
        cpuset.mems = StatisticsParts.list(ControlFile.read(directory + "/cpuset.mems") ?? "")
        cpuset.cpuExclusive = number("cpu_exclusive")
        cpuset.memExclusive = number("mem_exclusive")
        cpuset.memHardwall = number("mem_hardwall")
        cpuset.memoryMigrate = number("memory_migrate")
        cpuset.memorySpreadPage = number("memory_spread_page")
        cpuset.memorySpreadSlab = number("memory_spread_slab")
        cpuset.memoryPressure = number("memory_pressure")
        cpuset.schedLoadBalance = number("sched_load_balance")
        cpuset.schedRelaxDomainLevel = ControlFile.number(directory + "/cpuset.sched_relax_domain_level") ?? 0
        return cpuset
    }

    private var memory: CgroupStatistics.Memory? {
        guard let directory = directory("memory") else { return nil }
        func counter(_ prefix: String) -> CgroupStatistics.Counter? {
            guard let usage = ControlFile.unsigned(directory + "/\(prefix).usage_in_bytes") else { return nil }
            var counter = CgroupStatistics.Counter()
            counter.usage = usage
            counter.max = ControlFile.unsigned(directory + "/\(prefix).max_usage_in_bytes") ?? 0
            counter.failures = ControlFile.unsigned(directory + "/\(prefix).failcnt") ?? 0
            counter.limit = ControlFile.unsigned(directory + "/\(prefix).limit_in_bytes") ?? 0
            return counter
        }
        var memory = CgroupStatistics.Memory()
        memory.usage = counter("memory") ?? CgroupStatistics.Counter()
        memory.swap = counter("memory.memsw")
        memory.kernel = counter("memory.kmem")
        memory.kernelTCP = counter("memory.kmem.tcp")
        if let swap = memory.swap {
            var swapOnly = CgroupStatistics.Counter()
            swapOnly.usage = swap.usage - min(swap.usage, memory.usage.usage)
            swapOnly.failures = swap.failures - min(swap.failures, memory.usage.failures)
            memory.swapOnly = swapOnly
        }
        memory.raw = ControlFile.keyed(directory + "/memory.stat")
        memory.cache = memory.raw["cache"] ?? 0
        return memory
    }

    /// From the scheduler that counts: BFQ with all its figures, BFQ, CFQ, and what the throttling layer sees of every
    /// disk.
    static func blockIO(_ directory: String) -> CgroupStatistics.BlockIO {
        func entries(_ file: String) -> [CgroupStatistics.BlockIOEntry] {
            StatisticsParts.blockIO(ControlFile.read(directory + "/" + file) ?? "")
        }
        var result = CgroupStatistics.BlockIO()
        for prefix in ["blkio.bfq.", "blkio.", "blkio.throttle."] {
            result.serviceBytes = entries(prefix + "io_service_bytes_recursive")
            result.serviced = entries(prefix + "io_serviced_recursive")
            guard !result.serviceBytes.isEmpty || !result.serviced.isEmpty else { continue }
            result.queued = entries(prefix + "io_queued_recursive")
            result.serviceTime = entries(prefix + "io_service_time_recursive")
            result.waitTime = entries(prefix + "io_wait_time_recursive")
            result.merged = entries(prefix + "io_merged_recursive")
            result.time = entries(prefix + "time_recursive")
            result.sectors = entries(prefix + "sectors_recursive")
            return result
        }
        result.serviceBytes = entries("blkio.throttle.io_service_bytes")
        result.serviced = entries("blkio.throttle.io_serviced")
        return result
    }

    private static func hugetlb(_ directory: String) -> [String: CgroupStatistics.Hugetlb] {
        StatisticsParts.hugetlb(directory, usage: "usage_in_bytes") { prefix, entry in
            entry.max = ControlFile.unsigned(prefix + ".max_usage_in_bytes") ?? 0
            entry.failures = ControlFile.unsigned(prefix + ".failcnt") ?? 0
        }
    }
}
