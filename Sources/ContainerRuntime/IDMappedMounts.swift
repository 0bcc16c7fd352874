import Linux
import OCI

/// Bind mounts whose files show other ids than they have (`MOUNT_ATTR_IDMAP`, Linux 5.12).
///
/// The launcher makes them, before the container's process is cloned: the mapped root may not map the host's files.
enum IDMappedMounts {
    /// Detached mounts by their position in the specification.
    static func make(_ spec: RuntimeSpec) throws(RuntimeError) -> [Int: Int32] {
        var mounts: [Int: Int32] = [:]
        do throws(RuntimeError) {
            for (index, mount) in spec.mounts.enumerated() where isMapped(mount) {
                mounts[index] = try stage("map the ids of mount \(mount.destination)") {
                    let options = MountOptions(mount.options ?? [])
                    let namespace = try namespace(for: mount, spec.linux)
                    let tree = try DetachedMount.bind(mount.source ?? "", options)
                    let flags = Kernel.emptyPath | (options.mapsIDs == true ? Kernel.recursive : 0)
                    try systemCall("mount_setattr", on: mount.source ?? "") {
                        wherry_mount_map_ids(tree.rawValue, flags, namespace.rawValue)
                    }
                    return tree.release()
                }
            }
            return mounts
        } catch {
            for descriptor in mounts.values { close(descriptor) }
            throw error
        }
    }

    static func isMapped(_ mount: RuntimeSpec.Mount) -> Bool {
        MountOptions(mount.options ?? []).mapsIDs != nil || !(mount.uidMappings ?? []).isEmpty
            || !(mount.gidMappings ?? []).isEmpty
    }

    static func validate(_ spec: RuntimeSpec) throws(RuntimeError) {
        for mount in spec.mounts where isMapped(mount) {
            let options = MountOptions(mount.options ?? [])
            func invalid(_ why: String) -> RuntimeError {
                RuntimeError(.invalidSpec, "id-mapped mount \(mount.destination): \(why)")
            }
            guard options.isBind || mount.type == "bind", !options.isRemount else {
                throw invalid("only a bind mount can map ids")
            }
            guard mount.source?.utf8.first == UInt8(ascii: "/") else {
                throw invalid("the source must be an absolute path")
            }
            let (uids, gids) = (mount.uidMappings ?? [], mount.gidMappings ?? [])
            guard uids.isEmpty == gids.isEmpty else { throw invalid("uidMappings and gidMappings go together") }
            if uids.isEmpty, spec.linux.namespace(.user) == nil {
                throw invalid("it needs uidMappings and gidMappings, or a user namespace to take them from")
            }
        }
    }

    /// The user namespace that says what an id becomes: the container's, unless the mount has mappings of its own.
    private static func namespace(
        for mount: RuntimeSpec.Mount, _ linux: RuntimeSpec.Linux
    ) throws(SystemError) -> FileDescriptor {
        if let uids = mount.uidMappings, let gids = mount.gidMappings, !uids.isEmpty {
            return try namespace(uids, gids)
        }
        if let path = linux.namespace(.user)?.path { return try FileDescriptor.open(path, O_RDONLY) }
        return try namespace(linux.uidMappings, linux.gidMappings)
    }

    /// A user namespace without processes.
    private static func namespace(
        _ uids: [RuntimeSpec.IDMapping], _ gids: [RuntimeSpec.IDMapping]
    ) throws(SystemError) -> FileDescriptor {
        // Its end, by whatever cause, is that of the holder.
        let life = try FileDescriptor.pipe()
        let holder = try systemCall("clone3") { wherry_clone3(UInt64(WHERRY_CLONE_NEWUSER), nil, -1) }
        if holder == 0 {
            close(life.writer.rawValue)
            var byte: UInt8 = 0
            while read(life.reader.rawValue, &byte, 1) < 0 {}
            wherry_exit_now(0)
        }
        defer {
            kill(holder, SIGKILL)
            _ = ChildProcess.wait(holder)
        }
        for (file, mappings) in [("uid_map", uids), ("gid_map", gids)] {
            let map = try FileDescriptor.open("/proc/\(holder)/\(file)", O_WRONLY)
            try map.writeAll(Array(IDMappings.text(mappings).utf8))
        }
        return try FileDescriptor.open("/proc/\(holder)/ns/user", O_RDONLY)
    }
}
