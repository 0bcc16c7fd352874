public import Linux

extension Cgroup {
    /// The processes in the group and in groups below it.
    public func processes() throws(CgroupError) -> [pid_t] {
        guard let directory = try processDirectory() else { return [] }
        var result: [pid_t] = []
        Self.collect(directory, into: &result)
        return result
    }

    /// Sends SIGKILL to every process of the group; does not wait for them to end. Nothing can escape by forking: v2 has
    /// `cgroup.kill`, elsewhere the group is frozen first.
    public func kill() throws(CgroupError) {
        let mounts = try CgroupMounts.read()
        if mounts.layout == .v2, let directory = mounts.unified.map({ $0 + path }) {
            guard ControlFile.exists(directory) else { return }
            if V2Gap.kill(directory) { return }
        }
        try? freeze()
        var seen: Set<pid_t> = []
        // Frozen, one round is all; where freezing is not offered, rounds go on while new processes appear.
        for _ in 0..<64 {
            let fresh = try processes().filter { seen.insert($0).inserted }
            for pid in fresh { _ = Linux.kill(pid, SIGKILL) }
            if fresh.isEmpty { break }
        }
        try? thaw()
    }

    /// Stops every process of the group until `thaw`; waits up to 100 ms for the kernel to have done so.
    public func freeze() throws(CgroupError) { try setFrozen(true) }

    public func thaw() throws(CgroupError) { try setFrozen(false) }

    private func setFrozen(_ frozen: Bool) throws(CgroupError) {
        let mounts = try CgroupMounts.read()
        if mounts.layout == .v2 {
            let directory = try v2Directory(mounts)
            try check(V2Gap.setFrozen(frozen, directory), frozen ? "freeze" : "thaw")
            wait { V2Gap.isFrozen(directory) == frozen }
            return
        }
        guard let directory = mounts.directory("freezer", path) else {
            throw CgroupError(
                .controllerMissing, "cannot freeze cgroup \(path): this system offers no freezer controller")
        }
        let state = frozen ? "FROZEN" : "THAWED"
        try check(
            LibCgroup.modify(path, "freezer", [ControlValue(file: "freezer.state", value: state)]),
            frozen ? "freeze" : "thaw", "freezer")
        wait { ControlFile.read(directory + "/freezer.state") == state }
    }

    private func wait(for condition: () -> Bool) {
        var waited = 0
        while !condition(), waited < 100 {
            pauseFor(nanoseconds: 1_000_000)
            waited += 1
        }
    }

    /// A directory whose `cgroup.procs` lists the group's processes: any hierarchy that it is in.
    private func processDirectory() throws(CgroupError) -> String? {
        let mounts = try CgroupMounts.read()
        if mounts.layout == .v2 { return mounts.unified.map { $0 + path } }
        for controller in ["freezer", "pids", "memory", "cpu", "devices", "cpuacct"] {
            if let directory = mounts.directory(controller, path), ControlFile.exists(directory) { return directory }
        }
        return nil
    }

    private static func collect(_ directory: String, into result: inout [pid_t]) {
        if let text = ControlFile.read(directory + "/cgroup.procs") {
            for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
                if let pid = pid_t(Substring(line)), pid > 0 { result.append(pid) }
            }
        }
        for child in ControlFile.children(directory) { collect(directory + "/" + child, into: &result) }
    }
}
