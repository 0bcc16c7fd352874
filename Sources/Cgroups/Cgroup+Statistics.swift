import Linux

extension Cgroup {
    /// What the group uses now.
    public func statistics() throws(CgroupError) -> CgroupStatistics {
        let mounts = try CgroupMounts.read()
        guard let processes = try processDirectory(mounts) else {
            throw CgroupError(.notFound, "cgroup \(path) does not exist", errno: ENOENT)
        }
        var statistics = CgroupStatistics()
        if existsInV2(mounts), let unified = mounts.unified {
            StatisticsV2(directory: unified + path).fill(&statistics)
        }
        if mounts.layout != .v2 {
            StatisticsV1 { controller in
                mounts.directory(controller, path).flatMap { ControlFile.exists($0) ? $0 : nil }
            }.fill(&statistics)
        }
        if statistics.pids == nil {
            var pids = CgroupStatistics.PIDs()
            pids.current = UInt64(Self.processes(below: processes).count)
            statistics.pids = pids
        }
        return statistics
    }

    /// How often the kernel killed a process of this group for want of memory (`oom_kill`). 0 where it does not count.
    public func oomKillCount() throws(CgroupError) -> Int64 {
        let mounts = try CgroupMounts.read()
        guard let directory = mounts.directory("memory", path) else { return 0 }
        let file = mounts.layout == .v2 ? "/memory.events" : "/memory.oom_control"
        return ControlFile.number(directory + file, key: "oom_kill") ?? 0
    }
}
