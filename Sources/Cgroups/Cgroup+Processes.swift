public import Linux

extension Cgroup {
    /// The processes in the group and in groups below it.
    public func processes() throws(CgroupError) -> [pid_t] {
        guard let directory = try processDirectory(try CgroupMounts.read()) else { return [] }
        return Self.processes(below: directory)
    }

    /// Sends SIGKILL to every process of the group and of those below it; does not wait for them to end. Nothing can
    /// escape by forking: v2 has `cgroup.kill`, elsewhere the group is frozen first. The group is thawed in any case:
    /// on v1 a frozen process does not die, and a group that stayed frozen could not be removed.
    public func kill() throws(CgroupError) {
        let mounts = try CgroupMounts.read()
        // On v1 each hierarchy has its own, and a process whose move was cut short is in some of them only.
        let directories = mounts.directories(of: self)
        if mounts.layout == .v2, let directory = directories.first, V2Gap.kill(directory) { return }
        let freezer = try? Freezer(self, mounts)
        guard freezer?.isFrozen == true || directories.contains(where: { !Self.processes(below: $0).isEmpty }) else {
            return
        }
        LibCgroup.batch { kill(below: directories, freezer) }
    }

    private func kill(below directories: [String], _ freezer: Freezer?) {
        try? freezer?.freeze(milliseconds: 200)
        defer { try? freezer?.thaw() }
        var seen: Set<pid_t> = []
        // Frozen, one round is all; where that failed, rounds go on while new processes appear.
        for _ in 0..<64 {
            let fresh = directories.flatMap(Self.processes).filter { seen.insert($0).inserted }
            for pid in fresh { _ = Linux.kill(pid, SIGKILL) }
            if fresh.isEmpty { break }
        }
    }

    /// A directory whose `cgroup.procs` lists the group's processes: any hierarchy that it is in; nil when it does not
    /// exist.
    func processDirectory(_ mounts: CgroupMounts) throws(CgroupError) -> String? {
        if mounts.layout == .v2 {
            return mounts.unified.map { $0 + path }.flatMap { ControlFile.exists($0) ? $0 : nil }
        }
        for controller in ["freezer", "pids", "memory", "cpu", "devices", "cpuacct", "blkio"] {
            if let directory = mounts.v1[controller].map({ $0 + path }), ControlFile.exists(directory) {
                return directory
            }
        }
        return directoriesV1(mounts).first?.directory
    }

    static func processes(below directory: String) -> [pid_t] {
        var result: [pid_t] = []
        collect(directory, into: &result)
        return result
    }

    private static func collect(_ directory: String, into result: inout [pid_t]) {
        var text = ControlFile.read(directory + "/cgroup.procs")
        if text == nil, errno == ENOENT { return }
        // A threaded v2 group names its processes at the top of the threaded part only; their threads' numbers do as
        // well.
        if text == nil, errno == EOPNOTSUPP { text = ControlFile.read(directory + "/cgroup.threads") }
        for line in (text ?? "").utf8.split(separator: UInt8(ascii: "\n")) {
            if let pid = pid_t(Substring(line)), pid > 0 { result.append(pid) }
        }
        for child in ControlFile.children(directory) { collect(directory + "/" + child, into: &result) }
    }
}
