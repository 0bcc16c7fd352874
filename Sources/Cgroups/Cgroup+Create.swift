import Linux

extension Cgroup {
    /// Creates the group in every hierarchy and sets its limits; when a limit is refused nothing stays behind.
    ///
    /// On v2 the controllers are enabled in `cgroup.subtree_control` from the root down, so no ancestor but the root
    /// may hold processes itself (kernel document cgroup-v2, "no internal processes").
    /// - Parameter reusing: takes a group that exists, provided it has no processes; what it has been set to and
    ///   `limits` does not name stays. By default a group that exists is refused: it is another container's, or was set
    ///   up for something else.
    /// - Throws: `.exists` or `.busy` for a group that cannot be had, or is frozen; `.controllerMissing` for a limit
    ///   whose controller or file this system lacks, `.refused` with the kernel's reason.
    public static func create(
        path: String, limits: CgroupLimits = CgroupLimits(), reusing: Bool = false
    ) throws(CgroupError) -> Cgroup {
        let group = try Cgroup(existing: path)
        let mounts = try CgroupMounts.read()
        try LibCgroup.batch { () throws(CgroupError) in
            let setting = CgroupSetting(group, limits, mounts)
            try setting.check()
            try group.refuseExisting(mounts, reusing)
            do throws(CgroupError) {
                if mounts.layout == .v2 {
                    try group.createV2(joinedV2, mounts)
                } else {
                    try group.createV1(joinedV1, mounts)
                }
                try group.refuseFrozen(mounts)
                try setting.apply(isNew: !reusing)
            } catch {
                if !reusing { try? group.remove() }
                throw error
            }
        }
        return group
    }

    private func refuseExisting(_ mounts: CgroupMounts, _ reusing: Bool) throws(CgroupError) {
        var directories = directoriesV1(mounts).map(\.directory)
        if existsInV2(mounts), let unified = mounts.unified { directories.append(unified + path) }
        guard let first = directories.first else { return }
        guard reusing else {
            throw CgroupError(
                .exists, "cgroup \(path) exists already (\(first)): choose another path, or remove it", errno: EEXIST)
        }
        for directory in directories where !Self.processes(below: directory).isEmpty {
            throw CgroupError(
                .busy, "cgroup \(path) has processes already (\(directory)): choose another path, or end them",
                errno: EBUSY)
        }
    }

    /// A process that enters a frozen group never returns from it. The state includes that of the groups above.
    private func refuseFrozen(_ mounts: CgroupMounts) throws(CgroupError) {
        var isFrozen = false
        if existsInV2(mounts), let unified = mounts.unified { isFrozen = V2Gap.isFrozen(unified + path) }
        if let directory = mounts.v1["freezer"].map({ $0 + path }),
            let state = ControlFile.read(directory + "/freezer.state")
        {
            isFrozen = isFrozen || state != "THAWED"
        }
        guard isFrozen else { return }
        throw CgroupError(
            .busy, "cgroup \(path) is frozen, or one above it is: a container cannot start there; thaw it first",
            errno: EBUSY)
    }

    func createV1(_ controllers: [String], _ mounts: CgroupMounts) throws(CgroupError) {
        var seen: Set<String> = []
        for controller in controllers {
            guard let mount = mounts.v1[controller], seen.insert(mount).inserted else { continue }
            if controller == "cpuset" {
                try createCpusetV1(mount)
            } else {
                try check(LibCgroup.create(path, controller), "create", controller)
            }
        }
    }

    /// A fresh v1 cpuset is empty and takes no process: every level gets its parent's CPUs and memory nodes first.
    private func createCpusetV1(_ mount: String) throws(CgroupError) {
        var parent = mount
        var current = ""
        for part in path.utf8.split(separator: UInt8(ascii: "/")) {
            current += "/" + String(Substring(part))
            try check(LibCgroup.create(current, "cpuset"), "create", "cpuset")
            for file in ["cpuset.cpus", "cpuset.mems"]
            where (ControlFile.read(mount + current + "/" + file) ?? "").isEmpty {
                let value = ControlValue(file: file, value: ControlFile.read(parent + "/" + file) ?? "")
                try check(LibCgroup.modify(current, "cpuset", [value]), "create", "cpuset")
            }
            parent = mount + current
        }
    }

    /// - Parameter controllers: those to enable; one that cannot be enabled matters only when a limit needs it.
    func createV2(_ controllers: [String], _ mounts: CgroupMounts) throws(CgroupError) {
        guard let mount = mounts.unified else { throw CgroupError(.notMounted, "cgroup2 is not mounted") }
        let offered = V2Gap.controllers(mount)
        var created = false
        for controller in controllers where offered.contains(controller) {
            V2Gap.enableAtRoot(controller, mount)
            if LibCgroup.create(path, controller) == nil { created = true }
        }
        if !created { try check(V2Gap.makeDirectory(mount, path), "create") }
        if ControlFile.exists(mount + path + "/memory.oom.group") {
            // The container dies as a whole, as the kubelet sets it on v2.
            _ = ControlFile.write("1", to: mount + path + "/memory.oom.group")
        }
    }
}
