import Linux

/// How the machine offers cgroups.
public enum CgroupLayout: String, Sendable {
    /// Controllers on v1 hierarchies, no cgroup2.
    case v1
    /// Controllers on v1 hierarchies and a cgroup2 beside them, which may hold further controllers.
    case hybrid
    /// One cgroup2 hierarchy.
    case v2

    /// Looks at the mounts that this process sees.
    public static func detect() throws(CgroupError) -> CgroupLayout { try CgroupMounts.read().layout }
}

/// The controllers that this machine offers to this process, such as `memory` and `pids`.
public enum CgroupControllers {
    /// On a hybrid layout both what v1 has and what cgroup2 has.
    public static func available() throws(CgroupError) -> Set<String> {
        let mounts = try CgroupMounts.read()
        return Set(mounts.v1.keys).union(mounts.unified.map { V2Gap.controllers($0) } ?? [])
    }
}

/// Where this process sees which controller.
struct CgroupMounts: Sendable {
    let layout: CgroupLayout
    /// v1: controller → mount point of its hierarchy. Named hierarchies (`name=systemd`) are left out.
    let v1: [String: String]
    /// The mount point of cgroup2.
    let unified: String?

    static func read() throws(CgroupError) -> CgroupMounts { try LibCgroup.mounts() }

    static func parse(proc path: String) throws(CgroupError) -> CgroupMounts {
        guard let text = ControlFile.read(path) else {
            throw CgroupError(.notMounted, "cannot read \(path); is /proc mounted?", errno: errno)
        }
        return try parse(text)
    }

    static func parse(_ text: String) throws(CgroupError) -> CgroupMounts {
        var v1: [String: String] = [:]
        var unified: String?
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) where mountsCgroups(line) {
            let fields = line.split(separator: UInt8(ascii: " "))
            guard fields.count >= 4 else { continue }
            if fields[2].elementsEqual("cgroup2".utf8) {
                unified = unified ?? String(Substring(fields[1]))
            } else if fields[2].elementsEqual("cgroup".utf8) {
                for option in fields[3].split(separator: UInt8(ascii: ",")) {
                    let name = String(Substring(option))
                    if Self.knownControllers.contains(name), v1[name] == nil { v1[name] = String(Substring(fields[1])) }
                }
            }
        }
        if v1.isEmpty, unified == nil {
            throw CgroupError(
                .notMounted,
                "no cgroup file system is mounted; mount one with `mount -t cgroup2 cgroup2 /sys/fs/cgroup`")
        }
        let layout: CgroupLayout = v1.isEmpty ? .v2 : (unified == nil ? .v1 : .hybrid)
        return CgroupMounts(layout: layout, v1: v1, unified: unified)
    }

    /// Whether the third field begins like our file systems: most lines are of others.
    private static func mountsCgroups(_ line: Substring.UTF8View) -> Bool {
        let space = UInt8(ascii: " ")
        let place = line.drop { $0 != space }.dropFirst()
        return place.drop { $0 != space }.dropFirst().starts(with: "cgroup".utf8)
    }

    static let knownControllers: Set<String> = [
        "blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory", "net_cls", "net_prio",
        "perf_event", "pids", "rdma", "misc",
    ]

    /// Controllers of cgroup2.
    var offeredV2: [String] { unified.map { V2Gap.controllers($0) } ?? [] }

    /// Where `group` is, if it exists: a directory for each v1 hierarchy that Wherry uses, and that of cgroup2.
    func directories(of group: Cgroup) -> [String] {
        let v1 = v1.filter { Cgroup.joinsV1($0.key) }.values
        return Set(v1).sorted().map { $0 + group.path } + (unified.map { [$0 + group.path] } ?? [])
    }

    /// The host directory of group `path` for `controller`, nil where that controller is not offered.
    func directory(_ controller: String, _ path: String) -> String? {
        if layout == .v2 { return unified.map { $0 + path } }
        return v1[controller].map { $0 + path }
    }
}
