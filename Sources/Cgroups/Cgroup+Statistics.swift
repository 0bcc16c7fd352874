import Linux

/// What a group uses; nil where this system does not count it.
public struct CgroupStatistics: Sendable, Hashable {
    /// Memory in use, bytes, file cache included.
    public var memoryUsage: Int64?
    /// The highest `memoryUsage` so far, bytes.
    public var memoryPeak: Int64?
    /// CPU time used so far, nanoseconds.
    public var cpuUsageNanoseconds: Int64?
    /// Number of tasks.
    public var pids: Int64?
}

/// A directory to show to a container below its `/sys/fs/cgroup`, read-only.
public struct CgroupMount: Sendable, Hashable {
    /// The group's directory on the host.
    public let source: String
    /// Name below the container's `/sys/fs/cgroup`; empty for v2, where the source is the whole tree.
    public let name: String
}

extension Cgroup {
    /// How often the kernel killed a process of this group for want of memory (`oom_kill`). 0 where it does not count.
    public func oomKillCount() throws(CgroupError) -> Int64 {
        let mounts = try CgroupMounts.read()
        guard let directory = mounts.directory("memory", path) else { return 0 }
        let file = mounts.layout == .v2 ? "/memory.events" : "/memory.oom_control"
        return ControlFile.number(directory + file, key: "oom_kill") ?? 0
    }

    public func statistics() throws(CgroupError) -> CgroupStatistics {
        let mounts = try CgroupMounts.read()
        func number(_ controller: String, _ file: String) -> Int64? {
            mounts.directory(controller, path).flatMap { ControlFile.number($0 + "/" + file) }
        }
        if mounts.layout == .v2 {
            let directory = try v2Directory(mounts)
            return CgroupStatistics(
                memoryUsage: number("memory", "memory.current"), memoryPeak: number("memory", "memory.peak"),
                cpuUsageNanoseconds: ControlFile.number(directory + "/cpu.stat", key: "usage_usec").map { $0 * 1000 },
                pids: number("pids", "pids.current") ?? (try? processes()).map { Int64($0.count) })
        }
        return CgroupStatistics(
            memoryUsage: number("memory", "memory.usage_in_bytes"),
            memoryPeak: number("memory", "memory.max_usage_in_bytes"),
            cpuUsageNanoseconds: number("cpuacct", "cpuacct.usage"),
            pids: number("pids", "pids.current") ?? (try? processes()).map { Int64($0.count) })
    }

    /// What a container sees of its own group: one directory per v1 controller, or the one of v2.
    public func mountsForContainer() throws(CgroupError) -> [CgroupMount] {
        let mounts = try CgroupMounts.read()
        if mounts.layout == .v2 { return [CgroupMount(source: try v2Directory(mounts), name: "")] }
        return mounts.v1.sorted { $0.key < $1.key }.compactMap { controller, mount in
            let directory = mount + path
            return Self.joinsV1(controller) && ControlFile.exists(directory)
                ? CgroupMount(source: directory, name: controller) : nil
        }
    }

    /// A fresh descriptor (O_PATH-free, O_CLOEXEC) of the group's directory for `CLONE_INTO_CGROUP`; nil on v1 and hybrid, or
    /// when the group does not exist. The caller closes it.
    public var v2DirectoryFD: Int32? {
        guard let mounts = try? CgroupMounts.read(), mounts.layout == .v2, let directory = try? v2Directory(mounts)
        else {
            return nil
        }
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        return descriptor < 0 ? nil : descriptor
    }
}
