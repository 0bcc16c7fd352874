import Cgroups
import Linux
import OCI

/// Makes the specification's mounts below the container's root.
struct ContainerMounts {
    let root: Int32
    let spec: RuntimeSpec

    /// Files below /proc that may be covered, because programs such as lxcfs provide them (also allowed by runc).
    private static let coverableProcFiles: Set<String> = [
        "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
        "/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid",
    ]

    /// - Parameter source: of a bind mount.
    func mount(_ mount: RuntimeSpec.Mount, source: Int32?) throws(RuntimeError) {
        let options = MountOptions(mount.options ?? [])
        try stage("mount \(mount.destination)") {
            if options.isRemount {
                try remount(mount, options)
            } else if let source {
                try attach(source, mount)
            } else if Self.showsCgroups(mount) {
                try mountCgroups(mount, options)
            } else {
                try mountFileSystem(mount, options)
            }
        }
    }

    static func showsCgroups(_ mount: RuntimeSpec.Mount) -> Bool { mount.type == "cgroup" || mount.type == "cgroup2" }

    private func mountFileSystem(_ mount: RuntimeSpec.Mount, _ options: MountOptions) throws {
        let type = mount.type ?? "none"
        var options = options
        if type == "tmpfs", !options.data.contains(where: { $0.key == "mode" }),
            let mode = directoryMode(mount.destination)
        {
            options.data.append(("mode", String(mode, radix: 8)))
        }
        let target = try target(mount.destination, type: type, isDirectory: true)
        let fileSystem = try DetachedMount.fileSystem(type, source: mount.source, options: options)
        if options.copiesUp { try copyUp(target.rawValue, to: fileSystem.rawValue) }
        try DetachedMount.attach(fileSystem, to: target.rawValue, on: mount.destination)
    }

    /// Of a directory that the image has already.
    private func directoryMode(_ path: String) -> mode_t? {
        var info = stat()
        guard let place = try? OpenBeneath.open(root: root, path: path, flags: O_PATH | O_DIRECTORY),
            fstat(place.rawValue, &info) == 0
        else { return nil }
        return info.st_mode & 0o7777
    }

    private func copyUp(_ directory: Int32, to fileSystem: Int32) throws(SystemError) {
        let from = try FileDescriptor.open(at: directory, ".", O_RDONLY | O_DIRECTORY)
        let to = try FileDescriptor.open(at: fileSystem, ".", O_RDONLY | O_DIRECTORY)
        try Files.copyContents(of: from.rawValue, to: to.rawValue)
    }

    private func attach(_ source: Int32, _ mount: RuntimeSpec.Mount) throws {
        var info = stat()
        try systemCall("fstat", on: mount.source ?? "") { fstat(source, &info) }
        let target = try target(mount.destination, type: "bind", isDirectory: info.st_mode & S_IFMT == S_IFDIR)
        try DetachedMount.attach(source, to: target.rawValue, on: mount.destination)
        close(source)
    }

    private func remount(_ mount: RuntimeSpec.Mount, _ options: MountOptions) throws {
        let target = try OpenBeneath.open(root: root, path: mount.destination, flags: O_PATH)
        try DetachedMount.setAttributes(
            target.rawValue, options.attributes, recursive: false, on: mount.destination)
    }

    /// Opens, and makes when missing, the place of a mount.
    ///
    /// /proc and /sys are only ever covered by their own kind, at a path without links, so that later writes below them
    /// reach the kernel (CVE-2019-16884, CVE-2019-19921).
    private func target(_ path: String, type: String, isDirectory: Bool) throws -> FileDescriptor {
        let isKernelView = type == "proc" || type == "sysfs"
        let target =
            isDirectory
            ? try OpenBeneath.makeDirectories(root: root, path: path)
            : try OpenBeneath.makeFile(root: root, path: path)
        if isKernelView {
            // The same path, but refused when a link is part of it.
            return try OpenBeneath.open(
                root: root, path: path, flags: O_PATH | O_DIRECTORY, restrictions: .noSymbolicLinks)
        }
        var clean = ""
        for part in path.utf8.split(separator: UInt8(ascii: "/")) { clean += "/" + String(Substring(part)) }
        guard clean != "/proc" else { throw RuntimeError(.refused, "only procfs may be mounted at /proc") }
        if wherry_filesystem_type(target.rawValue) == Kernel.FileSystem.proc, !Self.coverableProcFiles.contains(clean) {
            throw RuntimeError(.refused, "mount \(path): a mount inside /proc is not allowed")
        }
        return target
    }

    /// The container's own groups. With a cgroup namespace on v2 a fresh view of the tree, else copies of its directories.
    private func mountCgroups(_ mount: RuntimeSpec.Mount, _ options: MountOptions) throws {
        let target = try target(mount.destination, type: "cgroup", isDirectory: true)
        let groups: [CgroupMount]
        do throws(CgroupError) {
            groups =
                try spec.linux.cgroupsPath.map { path throws(CgroupError) in
                    try Cgroup(existing: path).mountsForContainer()
                } ?? []
        } catch {
            guard error.code == .notFound else { throw error }
            groups = []
        }
        guard !groups.isEmpty else {
            // A plain user's container has no group, and sees none: those of its user could be written (CVE-2023-25809).
            let nothing = try DetachedMount.fileSystem(
                "tmpfs", source: "cgroup", options: MountOptions(["ro", "nosuid", "noexec", "nodev", "mode=555"]))
            return try DetachedMount.attach(nothing, to: target.rawValue, on: mount.destination)
        }
        if let unified = groups.first, unified.name.isEmpty {
            let view =
                spec.linux.namespace(.cgroup) != nil
                ? try DetachedMount.fileSystem("cgroup2", source: "cgroup", options: MountOptions(mount.options ?? []))
                : try DetachedMount.bind(unified.source, options)
            try DetachedMount.attach(view, to: target.rawValue, on: mount.destination)
            return
        }
        let directory = try DetachedMount.fileSystem(
            "tmpfs", source: "cgroup", options: MountOptions(["nosuid", "noexec", "nodev", "mode=755", "size=64k"]))
        try DetachedMount.attach(directory, to: target.rawValue, on: mount.destination)
        for group in groups {
            let place = try OpenBeneath.makeDirectories(root: directory.rawValue, path: group.name)
            let view = try DetachedMount.bind(group.source, options)
            try DetachedMount.attach(view, to: place.rawValue, on: "\(mount.destination)/\(group.name)")
        }
        if options.attributes.set & Kernel.MountAttribute.readOnly != 0 {
            try DetachedMount.makeReadOnly(directory.rawValue, recursive: false, on: mount.destination)
        }
    }
}
