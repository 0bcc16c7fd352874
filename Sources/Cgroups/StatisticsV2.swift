/// The figures of cgroup v2, all from one directory.
struct StatisticsV2 {
    let directory: String

    func fill(_ statistics: inout CgroupStatistics) {
        if let cpu { statistics.cpu = cpu }
        if let memory { statistics.memory = memory }
        if let pids = StatisticsParts.pids(directory) { statistics.pids = pids }
        if let blockIO { statistics.blockIO = blockIO }
        statistics.hugetlb = StatisticsParts.hugetlb(directory, usage: "current") { prefix, entry in
            let page = prefix.hasSuffix(".rsvd") ? String(prefix.dropLast(5)) : prefix
            entry.failures = ControlFile.keyed(page + ".events")["max"] ?? 0
        }
        statistics.rdma = StatisticsParts.rdma(directory)
    }

    /// `cpu.stat` is there without its controller, too.
    private var cpu: CgroupStatistics.CPU? {
        let stat = ControlFile.keyed(directory + "/cpu.stat")
        let pressure = StatisticsParts.pressure(ControlFile.read(directory + "/cpu.pressure"))
        guard !stat.isEmpty || pressure != nil else { return nil }
        func nanoseconds(_ key: String) -> UInt64 { (stat[key] ?? 0) * 1000 }
        var cpu = CgroupStatistics.CPU()
        cpu.total = nanoseconds("usage_usec")
        cpu.user = nanoseconds("user_usec")
        cpu.kernel = nanoseconds("system_usec")
        cpu.periods = stat["nr_periods"] ?? 0
        cpu.throttledPeriods = stat["nr_throttled"] ?? 0
        cpu.throttledTime = nanoseconds("throttled_usec")
        cpu.burstPeriods = stat["nr_bursts"] ?? 0
        cpu.burstTime = nanoseconds("burst_usec")
        cpu.pressure = pressure
        return cpu
    }

    private var memory: CgroupStatistics.Memory? {
        func counter(_ prefix: String) -> CgroupStatistics.Counter? {
            guard let usage = ControlFile.unsigned(directory + "/\(prefix).current") else { return nil }
            var counter = CgroupStatistics.Counter()
            counter.usage = usage
            counter.max = ControlFile.unsigned(directory + "/\(prefix).peak") ?? 0
            counter.failures = ControlFile.keyed(directory + "/\(prefix).events")["max"] ?? 0
            counter.limit = ControlFile.unsigned(directory + "/\(prefix).max") ?? 0
            return counter
        }
        let pressure = StatisticsParts.pressure(ControlFile.read(directory + "/memory.pressure"))
        let usage = counter("memory")
        guard usage != nil || pressure != nil else { return nil }
        var memory = CgroupStatistics.Memory()
        memory.usage = usage ?? CgroupStatistics.Counter()
        memory.swapOnly = counter("memory.swap")
        if var swap = memory.swapOnly {
            swap.usage += memory.usage.usage
            swap.max = 0
            let sum = swap.limit.addingReportingOverflow(memory.usage.limit)
            swap.limit = sum.overflow ? .max : sum.partialValue
            memory.swap = swap
        }
        memory.raw = ControlFile.keyed(directory + "/memory.stat")
        memory.cache = memory.raw["file"] ?? 0
        memory.pressure = pressure
        return memory
    }

    private var blockIO: CgroupStatistics.BlockIO? {
        let text = ControlFile.read(directory + "/io.stat")
        let pressure = StatisticsParts.pressure(ControlFile.read(directory + "/io.pressure"))
        guard text != nil || pressure != nil else { return nil }
        var result = Self.blockIO(text ?? "")
        result.pressure = pressure
        return result
    }

    /// `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`, told as v1 does.
    static func blockIO(_ text: String) -> CgroupStatistics.BlockIO {
        var result = CgroupStatistics.BlockIO()
        for fields in ControlFile.fields(text) {
            guard let device = fields.first.flatMap({ StatisticsParts.device($0) }) else { continue }
            for field in fields.dropFirst() {
                let pair = field.utf8.split(separator: UInt8(ascii: "="))
                guard pair.count == 2, let value = UInt64(Substring(pair[1])) else { continue }
                func entry(_ operation: String) -> CgroupStatistics.BlockIOEntry {
                    CgroupStatistics.BlockIOEntry(
                        major: device.major, minor: device.minor, operation: operation, value: value)
                }
                switch String(Substring(pair[0])) {
                case "rbytes": result.serviceBytes.append(entry("Read"))
                case "wbytes": result.serviceBytes.append(entry("Write"))
                case "dbytes": result.serviceBytes.append(entry("Discard"))
                case "rios": result.serviced.append(entry("Read"))
                case "wios": result.serviced.append(entry("Write"))
                case "dios": result.serviced.append(entry("Discard"))
                default: break
                }
            }
        }
        return result
    }
}
