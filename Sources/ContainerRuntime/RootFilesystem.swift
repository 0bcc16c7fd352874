import Linux
import OCI

/// Builds the container's view of files and moves into it. Runs in the container's mount namespace, with all capabilities.
///
/// Every path of the container is resolved by `OpenBeneath` below a descriptor of the new root.
enum RootFilesystem {
    /// - Parameter inspect: called with the complete root before it is entered.
    static func enter(
        _ spec: RuntimeSpec, _ directory: ContainerDirectory, inspect: (Int32) throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        try stage("make all mounts private") {
            try systemCall("mount_setattr", on: "/") {
                wherry_mount_setattr(AT_FDCWD, "/", Kernel.recursive, 0, 0, Kernel.Propagation.isPrivate)
            }
        }
        let root = try mountRoot(spec, at: directory.rootMount)
        // Sysctls come before the mounts that may hide or protect /proc/sys.
        try Sysctl.apply(spec.linux.sysctl)
        let mounter = ContainerMounts(root: root.rawValue, spec: spec)
        for mount in spec.mounts { try mounter.mount(mount) }
        try ContainerDevices(root: root.rawValue).make(spec.linux.devices, mounts: spec.mounts)
        try inspect(root.rawValue)
        try PathProtection(root: root.rawValue).apply(
            masked: spec.linux.maskedPaths, readOnly: spec.linux.readonlyPaths)
        if spec.root?.readonly == true {
            try stage("make the root read-only") {
                try DetachedMount.setAttributes(
                    root.rawValue, Kernel.MountAttribute.readOnly, recursive: false, on: "/")
            }
        }
        try pivot(root.rawValue)
    }

    private static func mountRoot(_ spec: RuntimeSpec, at path: String) throws(RuntimeError) -> FileDescriptor {
        try stage("mount the root file system") {
            let mount: FileDescriptor
            if let overlay = spec.overlay {
                mount = try OverlayMount.make(overlay)
            } else {
                mount = try DetachedMount.clone(spec.root?.path ?? "", recursive: true)
            }
            let target = try FileDescriptor.open(path, O_PATH | O_DIRECTORY)
            try DetachedMount.attach(mount, to: target.rawValue, on: path)
            return try FileDescriptor.open(path, O_PATH | O_DIRECTORY)
        }
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
