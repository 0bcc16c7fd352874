import Linux

/// A directory to show to a container below its `/sys/fs/cgroup`, read-only.
public struct CgroupMount: Sendable, Hashable {
    /// The group's directory on the host.
    public let source: String
    /// Name below the container's `/sys/fs/cgroup`; empty for v2, where the source is the whole tree.
    public let name: String
}

extension Cgroup {
    /// What a container sees of its own group: one directory per v1 controller, or the one of v2.
    public func mountsForContainer() throws(CgroupError) -> [CgroupMount] {
        let mounts = try CgroupMounts.read()
        if mounts.layout == .v2 { return [CgroupMount(source: try v2Directory(mounts), name: "")] }
        return mounts.v1.sorted { $0.key < $1.key }.compactMap { controller, mount in
            let directory = mount + path
            return Self.joinsV1(controller) && ControlFile.exists(directory)
                ? CgroupMount(source: directory, name: controller) : nil
        }
    }

    /// A fresh descriptor of the group's directory, for a clone into it (`CLONE_INTO_CGROUP`); nil where the group is not
    /// in cgroup2 alone. The caller closes it.
    public func descriptorForClone() -> Int32? {
        guard let mounts = try? CgroupMounts.read(), mounts.layout == .v2, let directory = try? v2Directory(mounts)
        else { return nil }
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        return descriptor < 0 ? nil : descriptor
    }
}
