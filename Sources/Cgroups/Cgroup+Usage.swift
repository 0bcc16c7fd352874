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
        let unified = existsInV2(mounts) ? mounts.unified.map { $0 + path } : nil
        func directory(_ controller: String) -> String? {
            mounts.layout == .v2
                ? nil : mounts.directory(controller, path).flatMap { ControlFile.exists($0) ? $0 : nil }
        }
        return CgroupUsage(
            cpu: directory("cpuacct").flatMap { ControlFile.unsigned($0 + "/cpuacct.usage") }
                ?? unified.flatMap { ControlFile.number($0 + "/cpu.stat", key: "usage_usec") }.map { UInt64($0) * 1000 },
            workingSet: directory("memory").flatMap {
                Self.workingSet($0, usage: "memory.usage_in_bytes", inactive: "total_inactive_file")
            } ?? unified.flatMap { Self.workingSet($0, usage: "memory.current", inactive: "inactive_file") })
    }

    private static func workingSet(_ directory: String, usage: String, inactive: String) -> UInt64? {
        guard let used = ControlFile.unsigned("\(directory)/\(usage)") else { return nil }
        let cold = ControlFile.number(directory + "/memory.stat", key: inactive) ?? 0
        return used - min(used, UInt64(max(0, cold)))
    }
}
