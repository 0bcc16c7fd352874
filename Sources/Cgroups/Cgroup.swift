public import Linux

/// One container's control group: the same relative path in every hierarchy that Wherry uses.
///
/// Blocking and small enough for the monitor process. Creation, limits and attaching go through libcgroup; what
/// it lacks on cgroup v2 is in `V2Gap`. A controller that this system does not offer matters only to a limit that
/// needs it. On a hybrid layout the group is in cgroup2 only when a limit needs it there.
public struct Cgroup: Sendable {
    /// Path below each hierarchy's root, such as "/wherry/3f2a".
    public let path: String

    /// Controllers that every container joins where they are offered: for limits, accounting, freezing and device
    /// rules.
    static let joinedV1 = ["memory", "cpu", "cpuacct", "pids", "freezer", "devices", "blkio", "hugetlb"]
    static let joinedV2 = ["memory", "cpu", "pids", "io", "hugetlb"]
    /// Further controllers that it joins for the sake of a limit.
    private static let onDemandV1: Set<String> = ["cpuset", "net_cls", "net_prio", "rdma"]

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

    /// Runs several operations, on whichever groups, at little more than the price of one: libcgroup reads the mounts
    /// once.
    public static func batch<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        try LibCgroup.batch(body)
    }

    // MARK: - Attaching

    /// Which hierarchies a process enters.
    public enum Hierarchies: Sendable {
        case all
        /// All but the one that accounts memory: what the process still has to set up is not charged to the group then.
        /// On v2, where there is one hierarchy, none.
        case withoutMemory
        /// What `withoutMemory` left out.
        case memory
    }

    /// Moves a process into the group. In v1 a process is moved thread by thread, and only its main thread here: call
    /// it while the process has one thread.
    ///
    /// The first move after a while waits for the kernel's other readers, 5 to 20 ms; those that follow at once do not.
    /// - Parameter neighbour: a process of the container. On v2 a group whose processes have moved into groups of their
    ///   own below it takes no more; the process goes where this one is then.
    public func attach(
        _ pid: pid_t, to hierarchies: Hierarchies = .all, beside neighbour: pid_t? = nil
    ) throws(CgroupError) {
        try LibCgroup.batch { () throws(CgroupError) in
            try attach(pid, hierarchies, neighbour, try CgroupMounts.read())
        }
    }

    private func attach(
        _ pid: pid_t, _ hierarchies: Hierarchies, _ neighbour: pid_t?, _ mounts: CgroupMounts
    ) throws(CgroupError) {
        if mounts.layout == .v2 {
            guard hierarchies != .withoutMemory else { return }
            return try attachV2(pid, neighbour, mounts)
        }
        var moved = false
        for (controller, directory) in directoriesV1(mounts) {
            moved = true
            switch hierarchies {
            case .all: break
            case .withoutMemory: if directory == mounts.directory("memory", path) { continue }
            case .memory: if directory != mounts.directory("memory", path) { continue }
            }
            try check(LibCgroup.attach(pid, path, controller), "move process \(pid) into", controller)
        }
        guard moved else { throw CgroupError(.notFound, "cgroup \(path) does not exist", errno: ENOENT) }
        if hierarchies != .memory, existsInV2(mounts) { try attachV2(pid, neighbour, mounts) }
    }

    private func attachV2(_ pid: pid_t, _ neighbour: pid_t?, _ mounts: CgroupMounts) throws(CgroupError) {
        let directory = try v2Directory(mounts)
        let parent = String(directory.prefix(upTo: directory.lastIndex(of: "/") ?? directory.endIndex))
        do throws(CgroupError) {
            if let controller = V2Gap.enabledForChildren(parent).first {
                try check(LibCgroup.attach(pid, path, controller), "move process \(pid) into", controller)
            } else {
                try check(V2Gap.attach(pid, directory), "move process \(pid) into")
            }
        } catch {
            guard error.errno == EBUSY, let neighbour, let theirs = V2Gap.path(of: neighbour),
                theirs.hasPrefix(path + "/"),
                let mount = mounts.unified
            else { throw error }
            try check(V2Gap.attach(pid, mount + theirs), "move process \(pid) into")
        }
    }

    // MARK: - Where the group is

    /// The group's directories in v1: one for each hierarchy that it is in, with a controller of it.
    func directoriesV1(_ mounts: CgroupMounts) -> [(controller: String, directory: String)] {
        var result: [(controller: String, directory: String)] = []
        for (controller, mount) in mounts.v1.sorted(by: { $0.key < $1.key })
        where Self.joinsV1(controller) && !result.contains(where: { $0.directory == mount + path }) {
            if ControlFile.exists(mount + path) { result.append((controller, mount + path)) }
        }
        return result
    }

    func existsInV2(_ mounts: CgroupMounts) -> Bool { mounts.unified.map { ControlFile.exists($0 + path) } ?? false }

    static func joinsV1(_ controller: String) -> Bool {
        joinedV1.contains(controller) || onDemandV1.contains(controller)
    }

    func v2Directory(_ mounts: CgroupMounts) throws(CgroupError) -> String {
        guard let unified = mounts.unified else { throw CgroupError(.notMounted, "cgroup2 is not mounted") }
        let directory = unified + path
        guard ControlFile.exists(directory) else {
            throw CgroupError(.notFound, "cgroup \(path) does not exist", errno: ENOENT)
        }
        return directory
    }

    // MARK: - Errors

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
