import ContainerEngine
import Linux

/// What the machine uses in all, from `/proc`.
enum MachineUsage {
    /// nil when the kernel does not tell.
    static func read() -> ContainerUsage? {
        guard let stat = try? Files.read("/proc/stat", limit: 1 << 20),
            let cpu = cpu(String(decoding: stat, as: UTF8.self)),
            let info = try? Files.read("/proc/meminfo", limit: 64 << 10)
        else { return nil }
        return ContainerUsage(cpu: cpu, memory: memory(String(decoding: info, as: UTF8.self)))
    }

    /// Nanoseconds that all CPUs worked; their waiting for disks is no work.
    static func cpu(_ stat: String) -> UInt64? {
        guard let line = stat.split(separator: "\n").first, line.hasPrefix("cpu ") else { return nil }
        // user nice system idle iowait irq softirq steal; guests' time is in user already.
        let ticks = line.split(separator: " ").dropFirst().compactMap { UInt64($0) }
        guard ticks.count >= 8 else { return nil }
        let work = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]
        return work * (1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK)))))
    }

    /// Bytes that are in use and no file cache that goes first.
    static func memory(_ info: String) -> UInt64? {
        var kibibytes: [Substring: UInt64] = [:]
        for line in info.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count >= 2, let number = UInt64(words[1]) { kibibytes[words[0].dropLast()] = number }
        }
        guard let total = kibibytes["MemTotal"], let free = kibibytes["MemFree"] else { return nil }
        let idle = free + (kibibytes["Inactive(file)"] ?? 0)
        return (total - min(total, idle)) * 1024
    }
}
