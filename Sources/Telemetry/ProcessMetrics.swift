import Linux

/// The process as the kernel accounts for it, with the names Prometheus' own clients use.
public enum ProcessMetrics {
    /// Adds the collector; it reads `/proc/self` at each scrape.
    public static func register(in registry: MetricsRegistry) {
        registry.collect { families() }
    }

    static func families() -> [MetricFamily] {
        var families: [MetricFamily] = []
        if let status = statFields() {
            let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
            families += [
                MetricFamily(
                    "process_cpu_seconds_total", .counter, help: "User and system CPU time of this process.",
                    value: (status.userTicks + status.systemTicks) / ticks),
                MetricFamily(
                    "process_threads", .gauge, help: "Threads of this process.", value: status.threads),
                MetricFamily(
                    "process_virtual_memory_bytes", .gauge, help: "Virtual memory size.", value: status.virtualBytes),
            ]
            if let boot = bootTime() {
                families.append(
                    MetricFamily(
                        "process_start_time_seconds", .gauge, help: "Start time in seconds since the Unix epoch.",
                        value: boot + status.startTicks / ticks))
            }
        }
        let memory = statusKilobytes(["VmRSS:", "RssAnon:"])
        if let resident = memory["VmRSS:"] {
            families.append(
                MetricFamily(
                    "process_resident_memory_bytes", .gauge, help: "Resident memory size.", value: resident * 1024))
        }
        if let anonymous = memory["RssAnon:"] {
            families.append(
                MetricFamily(
                    "process_resident_anonymous_memory_bytes", .gauge, help: "Resident memory that no file backs.",
                    value: anonymous * 1024))
        }
        if let open = try? Files.listDirectory("/proc/self/fd").count {
            families.append(
                MetricFamily("process_open_fds", .gauge, help: "Open file descriptors.", value: Double(open)))
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            families.append(
                MetricFamily(
                    "process_max_fds", .gauge, help: "Most file descriptors this process may open.",
                    value: Double(limit.rlim_cur)))
        }
        return families
    }

    private struct Stat {
        var userTicks: Double
        var systemTicks: Double
        var threads: Double
        var startTicks: Double
        var virtualBytes: Double
    }

    /// proc(5): fields count from 1, the second (the name) is in parentheses and may hold anything.
    private static func statFields() -> Stat? {
        guard let bytes = try? Files.read("/proc/self/stat"), let close = bytes.lastIndex(of: UInt8(ascii: ")")) else {
            return nil
        }
        let fields = bytes[(close + 1)...].split(separator: UInt8(ascii: " ")).map {
            Double(String(decoding: $0, as: UTF8.self)) ?? 0
        }
        func field(_ number: Int) -> Double { number - 3 < fields.count ? fields[number - 3] : 0 }
        return Stat(
            userTicks: field(14), systemTicks: field(15), threads: field(20), startTicks: field(22),
            virtualBytes: field(23))
    }

    private static func bootTime() -> Double? {
        guard let bytes = try? Files.read("/proc/stat") else { return nil }
        for line in bytes.split(separator: 0x0A) where line.starts(with: "btime ".utf8) {
            return Double(String(decoding: line.dropFirst(6), as: UTF8.self))
        }
        return nil
    }

    private static func statusKilobytes(_ keys: Set<String>) -> [String: Double] {
        guard let bytes = try? Files.read("/proc/self/status") else { return [:] }
        var found: [String: Double] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard words.count >= 2, keys.contains(String(words[0])) else { continue }
            found[String(words[0])] = Double(words[1])
        }
        return found
    }
}
