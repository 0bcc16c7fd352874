import Linux
import OCI

/// Builds the container's view of files and moves into it. Runs in the container's mount namespace, with all capabilities.
///
/// Every path of the container is resolved by `OpenBeneath` below a descriptor of the new root.
enum RootFilesystem {
    /// What comes from the host's files: opened while this process may still go where the runtime may. In a user namespace the
    /// mapped root may not.
    struct Sources {
        /// The container's root, a detached mount.
        let root: Int32
        /// Where it is attached.
        let place: Int32
        /// Detached copies for bind mounts, by their position among the mounts.
        let binds: [Int: Int32]

        /// - Parameter mapped: the id-mapped ones, which the launcher has made.
        init(_ spec: RuntimeSpec, _ directory: ContainerDirectory, mapped: [Int: Int32]) throws(RuntimeError) {
            let propagation = try RootFilesystem.propagation(spec)
            let followsHost = RootFilesystem.followsHost(spec, propagation)
            let isFollower = propagation != nil && followsHost
            var binds = mapped
            if propagation?.kind == Kernel.Propagation.shared {
                // Copies of the host's own mounts share with it; copies of the slaves that these become would only follow.
                try Self.copySources(of: spec, to: &binds, keepsPropagation: isFollower) {
                    $0.propagation?.kind == Kernel.Propagation.shared
                }
            }
            try stage("separate the mounts from the host's") {
                try systemCall("mount_setattr", on: "/") {
                    // A slave still sees what the host mounts later; it is for those that ask for it.
                    let first = followsHost ? Kernel.Propagation.slave : Kernel.Propagation.isPrivate
                    return wherry_mount_setattr(AT_FDCWD, "/", Kernel.recursive, 0, 0, first)
                }
            }
            (root, place) = try stage("mount the root file system") {
                let root: Int32
                if let overlay = spec.overlay {
                    root = try OverlayMount.make(overlay).release()
                } else {
                    let path = spec.root?.path ?? ""
                    root = try DetachedMount.clone(path, recursive: true, keepsPropagation: isFollower).release()
                }
                // Over the directory itself, where hooks look for it.
                let place = spec.overlay == nil ? spec.root?.path ?? "" : directory.rootMount
                return (root, try FileDescriptor.open(place, O_PATH | O_DIRECTORY).release())
            }
            try Self.copySources(of: spec, to: &binds, keepsPropagation: isFollower) { _ in true }
            self.binds = binds
        }

        /// Of the bind mounts that are not there yet.
        private static func copySources(
            of spec: RuntimeSpec, to binds: inout [Int: Int32], keepsPropagation: Bool,
            where isWanted: (MountOptions) -> Bool
        ) throws(RuntimeError) {
            for (index, mount) in spec.mounts.enumerated() where binds[index] == nil {
                let options = MountOptions(mount.options ?? [])
                guard options.isBind || mount.type == "bind", !options.isRemount, isWanted(options) else { continue }
                binds[index] = try stage("mount \(mount.destination)") {
                    guard let source = mount.source, source.utf8.first == UInt8(ascii: "/") else {
                        throw RuntimeError(
                            .invalidSpec, "bind mount \(mount.destination): the source must be an absolute path")
                    }
                    return try DetachedMount.bind(source, options, keepsPropagation: keepsPropagation).release()
                }
            }
        }
    }

    /// - Parameters:
    ///   - beforeCgroups: called before the container's group is shown to it.
    ///   - beforeEntering: called with the complete root, before it is entered and while the host's files are in sight.
    static func enter(
        _ spec: RuntimeSpec, _ sources: Sources, beforeCgroups: () throws(RuntimeError) -> Void,
        beforeEntering: (Int32) throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        let propagation = try propagation(spec)
        let root = FileDescriptor(adopting: sources.root)
        try stage("mount the root file system") {
            try DetachedMount.attach(root, to: sources.place, on: "the container's directory")
            try systemCall("close") { close(sources.place) }
        }
        // Sysctls come before the mounts that may hide or protect /proc/sys.
        try Sysctl.apply(spec.linux.sysctl)
        let mounter = ContainerMounts(root: root.rawValue, spec: spec)
        for (index, mount) in spec.mounts.enumerated() {
            if ContainerMounts.showsCgroups(mount) { try beforeCgroups() }
            try mounter.mount(mount, source: sources.binds[index])
        }
        try ContainerDevices(root: root.rawValue).make(spec.linux.devices, mounts: spec.mounts)
        try beforeEntering(root.rawValue)
        try PathProtection(root: root.rawValue).apply(
            masked: spec.linux.maskedPaths, readOnly: spec.linux.readonlyPaths)
        if spec.root?.readonly == true {
            try stage("make the root read-only") {
                try DetachedMount.makeReadOnly(root.rawValue, recursive: false, on: "/")
            }
        }
        try pivot(root.rawValue)
        if let propagation {
            try stage("set rootfsPropagation") {
                try systemCall("mount_setattr", on: "/") {
                    wherry_mount_setattr(
                        AT_FDCWD, "/", propagation.isRecursive ? Kernel.recursive : 0, 0, 0, propagation.kind)
                }
            }
        }
    }

    private static func propagation(_ spec: RuntimeSpec) throws(RuntimeError) -> MountOptions.Propagation? {
        guard let text = spec.linux.rootfsPropagation, !text.isEmpty else { return nil }
        guard let propagation = MountOptions.Propagation(text) else {
            throw RuntimeError(
                .invalidSpec, "linux.rootfsPropagation \"\(text)\" is not shared, slave, private or unbindable")
        }
        return propagation
    }

    private static func followsHost(_ spec: RuntimeSpec, _ root: MountOptions.Propagation?) -> Bool {
        let kinds = [root?.kind] + spec.mounts.map { MountOptions($0.options ?? []).propagation?.kind }
        return kinds.contains { $0 == Kernel.Propagation.slave || $0 == Kernel.Propagation.shared }
    }

    /// Makes the root the namespace's root and detaches the host's.
    private static func pivot(_ root: Int32) throws(RuntimeError) {
        try stage("change the root") {
            try systemCall("fchdir") { fchdir(root) }
            if wherry_pivot_root(".", ".") == 0 {
                // The old root now lies over the new one at the same place; private, so the host does not see it go.
                try systemCall("umount2", on: "the old root") { wherry_umount(".", Kernel.detach) }
            } else {
                // The host runs from its initial ramdisk, which cannot be pivoted away.
                guard Errno.last == .invalid else { throw SystemError(call: "pivot_root", errno: .last) }
                try systemCall("mount", on: "/") { wherry_mount(".", "/", nil, 0x2000, nil) }  // MS_MOVE
                try systemCall("chroot") { chroot(".") }
            }
            try systemCall("chdir") { chdir("/") }
            var expected = stat()
            var actual = stat()
            guard fstat(root, &expected) == 0, stat("/", &actual) == 0, expected.st_ino == actual.st_ino,
                expected.st_dev == actual.st_dev
            else { throw SystemError(call: "pivot_root", errno: .invalid, subject: "/ is not the container's root") }
        }
    }
}
