public import Linux

/// One container's control group: the same relative path in every hierarchy that Wherry uses.
///
/// Blocking and small enough for the monitor process. Creation, limits, attaching and removal go through libcgroup; what it
/// lacks on cgroup v2 is in `V2Gap`. A controller that this system does not offer matters only to a limit that needs it.
public struct Cgroup: Sendable {
    /// Path below each hierarchy's root, such as "/wherry/3f2a".
    public let path: String

    /// Controllers that every container joins where they are offered: for limits, accounting, freezing and device rules.
    private static let joinedV1 = ["memory", "cpu", "cpuacct", "pids", "freezer", "devices"]
    private static let joinedV2 = ["memory", "cpu", "pids"]
    private static let limitControllers = ["memory", "cpu", "cpuset", "pids", "devices"]

    /// Names a group without looking whether it exists.
    /// - Throws: `.invalidPath`.
    public init(existing path: String) throws(CgroupError) {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let valid =
            path.utf8.first == UInt8(ascii: "/") && path.utf8.count > 1 && path.utf8.count < 1024
            && parts.dropFirst().allSatisfy {
                !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) && !$0.contains(0)
            }
        guard valid else {
            throw CgroupError(
                .invalidPath, "cgroup path \(path) is not an absolute path without empty, `.` or `..` parts")
        }
        self.path = path
    }

    /// Creates the group in every hierarchy and sets its limits; when a limit is refused nothing stays behind.
    ///
    /// On v2 the controllers are enabled in `cgroup.subtree_control` from the root down, so no ancestor but the root may
    /// hold processes itself (kernel document cgroup-v2, "no internal processes").
    /// - Throws: `.controllerMissing` for a limit whose controller this system lacks, `.refused` with the kernel's reason.
    public static func create(path: String, limits: CgroupLimits = CgroupLimits()) throws(CgroupError) -> Cgroup {
        let group = try Cgroup(existing: path)
        let mounts = try CgroupMounts.read()
        try LibCgroup.batch { () throws(CgroupError) in
            do throws(CgroupError) {
                if mounts.layout == .v2 {
                    try group.createV2(mounts, limits)
                } else {
                    try group.createV1(mounts, limits)
                }
            } catch {
                try? group.remove()
                throw error
            }
        }
        return group
    }

    /// Runs several operations, on whichever groups, at little more than the price of one: libcgroup reads the mounts once.
    public static func batch<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        try LibCgroup.batch(body)
    }

    /// Which hierarchies a process enters.
    public enum Hierarchies: Sendable {
        case all
        /// All but the one that accounts memory: what the process still has to set up is not charged to the group then. On
        /// v2, where there is one hierarchy, none.
        case withoutMemory
        /// What `withoutMemory` left out.
        case memory
    }

    /// Moves a process into the group. In v1 a process is moved thread by thread, and only its main thread here: call it
    /// while the process has one thread.
    ///
    /// The first move after a while waits for the kernel's other readers, 5 to 20 ms; those that follow at once do not.
    public func attach(_ pid: pid_t, to hierarchies: Hierarchies = .all) throws(CgroupError) {
        try LibCgroup.batch { () throws(CgroupError) in try attach(pid, hierarchies, try CgroupMounts.read()) }
    }

    private func attach(
        _ pid: pid_t, _ hierarchies: Hierarchies, _ mounts: CgroupMounts
    ) throws(CgroupError) {
        if mounts.layout == .v2 {
            guard hierarchies != .withoutMemory else { return }
            return try attachV2(pid, mounts)
        }
        var moved = false
        for (controller, mount) in mounts.v1.sorted(by: { $0.key < $1.key })
        where Self.joinsV1(controller) && ControlFile.exists(mount + path) {
            moved = true
            switch hierarchies {
            case .all: break
            case .withoutMemory: if controller == "memory" { continue }
            case .memory: if controller != "memory" { continue }
            }
            try check(LibCgroup.attach(pid, path, controller), "move process \(pid) into", controller)
        }
        guard moved else { throw CgroupError(.notFound, "cgroup \(path) does not exist", errno: ENOENT) }
    }

    private func attachV2(_ pid: pid_t, _ mounts: CgroupMounts) throws(CgroupError) {
        let directory = try v2Directory(mounts)
        let parent = String(directory.prefix(upTo: directory.lastIndex(of: "/") ?? directory.endIndex))
        if let controller = V2Gap.enabledForChildren(parent).first {
            try check(LibCgroup.attach(pid, path, controller), "move process \(pid) into", controller)
        } else {
            try check(V2Gap.attach(pid, directory), "move process \(pid) into")
        }
    }

    /// Changes limits; those that are nil stay as they are.
    public func update(_ limits: CgroupLimits) throws(CgroupError) {
        try LibCgroup.batch { () throws(CgroupError) in try update(limits, try CgroupMounts.read()) }
    }

    private func update(_ limits: CgroupLimits, _ mounts: CgroupMounts) throws(CgroupError) {
        for controller in Self.limitControllers {
            var values = mounts.layout == .v2 ? limits.valuesV2(controller) : limits.valuesV1(controller)
            if controller == "devices", mounts.layout == .v2, let rules = limits.devices {
                try setDevicesV2(mounts, rules)
            }
            guard !values.isEmpty else { continue }
            guard let directory = mounts.directory(controller, path),
                ControlFile.exists(directory + "/" + values[0].file)
            else { throw missing(controller, values) }
            // Raising memory above the present memory + swap needs the larger limit first.
            if values.count > 1, values[1].file == "memory.memsw.limit_in_bytes", let wanted = limits.memoryBytes,
                let present = ControlFile.number(directory + "/memory.memsw.limit_in_bytes"),
                wanted < 0 || wanted > present
            {
                values.swapAt(0, 1)
            }
            try check(LibCgroup.modify(path, controller, values), "set \(Self.names(values)) of", controller)
        }
    }

    /// Removes the group and groups below it. Kills nothing: waits up to a second for processes that are just ending.
    /// - Throws: `.busy` when processes remain. A group that does not exist counts as removed.
    public func remove() throws(CgroupError) {
        try LibCgroup.batch { () throws(CgroupError) in try remove(try CgroupMounts.read()) }
    }

    private func remove(_ mounts: CgroupMounts) throws(CgroupError) {
        if mounts.layout == .v2 {
            guard let directory = mounts.unified.map({ $0 + path }), ControlFile.exists(directory) else { return }
            let first = V2Gap.controllers(mounts.unified ?? "").first
            try remove(directory, controller: first)
            return
        }
        for (controller, mount) in mounts.v1 where Self.joinsV1(controller) && ControlFile.exists(mount + path) {
            try remove(mount + path, controller: controller)
        }
    }

    // MARK: - Creating

    private func createV1(_ mounts: CgroupMounts, _ limits: CgroupLimits) throws(CgroupError) {
        for controller in Self.limitControllers where mounts.v1[controller] == nil {
            let values = limits.valuesV1(controller)
            if !values.isEmpty { throw missing(controller, values) }
        }
        for controller in Self.joinedV1 where mounts.v1[controller] != nil {
            let values = limits.valuesV1(controller)
            try check(LibCgroup.create(path, controller, values), Self.creating(values), controller)
        }
        if let mount = mounts.v1["cpuset"], limits.cpusetCpus != nil { try createCpusetV1(mount, limits) }
    }

    /// A fresh v1 cpuset is empty and takes no process: every level gets its parent's CPUs and memory nodes first.
    private func createCpusetV1(_ mount: String, _ limits: CgroupLimits) throws(CgroupError) {
        var parent = mount
        var current = ""
        for part in path.utf8.split(separator: UInt8(ascii: "/")) {
            current += "/" + String(Substring(part))
            var values: [ControlValue] = []
            for file in ["cpuset.cpus", "cpuset.mems"]
            where (ControlFile.read(mount + current + "/" + file) ?? "").isEmpty {
                values.append(ControlValue(file: file, value: ControlFile.read(parent + "/" + file) ?? ""))
            }
            try check(LibCgroup.create(current, "cpuset", values), Self.creating(values), "cpuset")
            parent = mount + current
        }
        let values = limits.valuesV1("cpuset")
        try check(LibCgroup.modify(path, "cpuset", values), Self.creating(values), "cpuset")
    }

    private func createV2(_ mounts: CgroupMounts, _ limits: CgroupLimits) throws(CgroupError) {
        guard let mount = mounts.unified else { throw CgroupError(.notMounted, "cgroup2 is not mounted") }
        let offered = V2Gap.controllers(mount)
        for controller in Self.limitControllers where controller != "devices" && !offered.contains(controller) {
            let values = limits.valuesV2(controller)
            if !values.isEmpty { throw missing(controller, values) }
        }
        var created = false
        for controller in offered where Self.joinedV2.contains(controller) || controller == "cpuset" {
            let values = limits.valuesV2(controller)
            if controller == "cpuset", values.isEmpty { continue }
            V2Gap.enableAtRoot(controller, mount)
            let failure = LibCgroup.create(path, controller, values)
            // A controller that cannot be enabled here matters only when a limit needs it.
            if failure == nil {
                created = true
            } else if !values.isEmpty {
                try check(failure, Self.creating(values), controller)
            }
        }
        if !created { try check(V2Gap.makeDirectory(mount, path), "create") }
        if ControlFile.exists(mount + path + "/memory.oom.group") {
            // The container dies as a whole, as the kubelet sets it on v2.
            _ = ControlFile.write("1", to: mount + path + "/memory.oom.group")
        }
        if let rules = limits.devices { try setDevicesV2(mounts, rules) }
    }

    private func setDevicesV2(_ mounts: CgroupMounts, _ rules: [DeviceRule]) throws(CgroupError) {
        try check(DeviceFilter.attach(rules, to: v2Directory(mounts)), "set the device rules of")
    }

    // MARK: - Removing

    private func remove(_ directory: String, controller: String?) throws(CgroupError) {
        for child in ControlFile.children(directory) { try removeTree(directory + "/" + child) }
        try retryWhileBusy(directory) {
            guard let controller else { return rmdir(directory) == 0 || errno == ENOENT ? 0 : errno }
            // libcgroup 2.0.2 answers success for a group that it could not remove because it is in use: look again.
            guard let failure = LibCgroup.delete(path, controller) else {
                return ControlFile.exists(directory) ? EBUSY : 0
            }
            return failure.isMissing ? 0 : (failure.errno == 0 ? EIO : failure.errno)
        }
    }

    private func removeTree(_ directory: String) throws(CgroupError) {
        for child in ControlFile.children(directory) { try removeTree(directory + "/" + child) }
        try retryWhileBusy(directory) { rmdir(directory) == 0 || errno == ENOENT ? 0 : errno }
    }

    private func retryWhileBusy(_ directory: String, _ attempt: () -> Int32) throws(CgroupError) {
        var pause = 1_000_000
        var waited = 0
        while true {
            let error = attempt()
            if error == 0 { return }
            guard error == EBUSY else { return try check(error, "remove") }
            guard waited < 1_000_000_000 else {
                throw CgroupError(
                    .busy, "cannot remove cgroup \(path): processes are still in \(directory); kill them first",
                    errno: EBUSY)
            }
            pauseFor(nanoseconds: pause)
            waited += pause
            pause = min(pause * 2, 64_000_000)
        }
    }

    // MARK: - Shared

    static func joinsV1(_ controller: String) -> Bool { joinedV1.contains(controller) || controller == "cpuset" }

    func v2Directory(_ mounts: CgroupMounts) throws(CgroupError) -> String {
        guard let unified = mounts.unified else { throw CgroupError(.notMounted, "cgroup2 is not mounted") }
        let directory = unified + path
        guard ControlFile.exists(directory) else {
            throw CgroupError(.notFound, "cgroup \(path) does not exist", errno: ENOENT)
        }
        return directory
    }

    func check(_ failure: LibCgroup.Failure?, _ action: String, _ controller: String) throws(CgroupError) {
        guard let failure else { return }
        let reason = failure.errno == 0 ? failure.text : String(cString: strerror(failure.errno))
        let code: CgroupError.Code = failure.isMissing ? .notFound : .refused
        throw CgroupError(
            code, "cannot \(action) cgroup \(path) (controller \(controller)): \(reason)\(Self.advice(failure.errno))",
            errno: failure.errno)
    }

    func check(_ number: Int32, _ action: String) throws(CgroupError) {
        guard number != 0 else { return }
        let code: CgroupError.Code = number == ENOENT ? .notFound : (number == EBUSY ? .busy : .refused)
        throw CgroupError(
            code, "cannot \(action) cgroup \(path): \(String(cString: strerror(number)))\(Self.advice(number))",
            errno: number)
    }

    private func missing(_ controller: String, _ values: [ControlValue]) -> CgroupError {
        CgroupError(
            .controllerMissing,
            "cannot set \(Self.names(values)) of cgroup \(path): this system offers no \(controller) controller; "
                + "leave that limit out or enable the controller in the kernel")
    }

    private static func creating(_ values: [ControlValue]) -> String {
        values.isEmpty ? "create" : "create, with \(names(values)),"
    }

    private static func names(_ values: [ControlValue]) -> String {
        values.prefix(3).map { "\($0.file)=\($0.value)" }.joined(separator: ", ")
    }

    private static func advice(_ number: Int32) -> String {
        switch number {
        case EACCES, EPERM, EROFS: "; run as root with a writable cgroup file system"
        case EBUSY: "; an ancestor holds processes of its own: move them into a leaf group"
        case EINVAL, ERANGE: "; the value is outside what the kernel takes"
        default: ""
        }
    }
}

func pauseFor(nanoseconds: Int) {
    var request = timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
    var rest = timespec()
    while nanosleep(&request, &rest) != 0 && errno == EINTR { request = rest }
}
