import Linux

extension Cgroup {
    /// Changes limits; those that are nil stay as they are. A group that has not joined a limit's controller joins it,
    /// with all its processes.
    /// - Throws: as `create`. What this system lacks is found before anything is changed; a value that the kernel
    ///   refuses leaves those before it changed.
    public func update(_ limits: CgroupLimits) throws(CgroupError) {
        try LibCgroup.batch { () throws(CgroupError) in
            let mounts = try CgroupMounts.read()
            guard try processDirectory(mounts) != nil else {
                throw CgroupError(.notFound, "cgroup \(path) does not exist", errno: ENOENT)
            }
            let setting = CgroupSetting(self, limits, mounts)
            try setting.check()
            try setting.apply(isNew: false)
        }
    }

    /// Moves the group's processes, with all their threads, into a hierarchy that it has just joined. libcgroup moves
    /// single threads on v1, so this writes `cgroup.procs` itself.
    func moveAll(into directory: String, _ mounts: CgroupMounts) throws(CgroupError) {
        guard let source = try processDirectory(mounts), source != directory else { return }
        var moved: Set<pid_t> = []
        for _ in 0..<64 {
            let fresh = Self.processes(below: source).filter { moved.insert($0).inserted }
            if fresh.isEmpty { return }
            for pid in fresh {
                let error = ControlFile.write(String(pid), to: directory + "/cgroup.procs")
                if error != ESRCH { try check(error, "move process \(pid) into") }
            }
        }
    }
}
