import Linux

/// The two figures that a glance at what runs needs. One is nil where this system does not count it.
public struct CgroupUsage: Sendable, Hashable {
    /// Nanoseconds of CPU since the group was made.
    public let cpu: UInt64?
    /// Bytes in use, less the file cache that the kernel gives up first: what Kubernetes calls the working set.
    public let workingSet: UInt64?
}

extension Cgroup {
    /// The same as ``statistics()`` counts, from three files.
    public func usage() throws(CgroupError) -> CgroupUsage {
        let mounts = try CgroupMounts.read()
        guard try processDirectory(mounts) != nil else {
            throw CgroupError(.notFound, "cgroup \(path) does not exist", errno: ENOENT)
        }
        func directory(_ controller: String) -> String? {
            guard mounts.layout != .v2 else { return nil }
            return mounts.directory(controller, path).flatMap { ControlFile.exists($0) ? $0 : nil }
        }
        return CgroupUsage(
            cpuacct: directory("cpuacct"), memory: directory("memory"),
            unified: existsInV2(mounts) ? mounts.unified.map { $0 + path } : nil)
    }
}

extension CgroupUsage {
    /// From the group's directories in v1, and from the one in cgroup2 what those do not tell.
    init(cpuacct: String?, memory: String?, unified: String?) {
        cpu =
            cpuacct.flatMap { ControlFile.unsigned($0 + "/cpuacct.usage") }
            ?? unified.flatMap { ControlFile.keyed($0 + "/cpu.stat")["usage_usec"] }.map { $0 * 1000 }
        workingSet =
            memory.flatMap { Self.workingSet($0, usage: "memory.usage_in_bytes", inactive: "total_inactive_file") }
            ?? unified.flatMap { Self.workingSet($0, usage: "memory.current", inactive: "inactive_file") }
    }

    private static func workingSet(_ directory: String, usage: String, inactive: String) -> UInt64? {
        guard let used = ControlFile.unsigned("\(directory)/\(usage)") else { return nil }
        return used - min(used, ControlFile.keyed(directory + "/memory.stat")[inactive] ?? 0)
    }
}
