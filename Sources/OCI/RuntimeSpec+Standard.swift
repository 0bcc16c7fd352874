extension RuntimeSpec {
    /// What every container gets unless it asks for something else; callers change the result.
    ///
    /// - Parameters:
    ///   - namespaces: new pid, mount, ipc, uts and network namespaces by default. Give paths to join a sandbox; leave one out
    ///     to share the host's.
    ///   - cgroupNamespace: true on cgroup v2, where the container sees its own group as the root.
    ///   - privileged: every capability, no seccomp, nothing masked.
    public static func standard(
        process: Process, root: Root? = nil, overlay: OverlayRoot? = nil, hostname: String? = nil,
        namespaces: [Namespace] = [
            Namespace(.pid), Namespace(.mount), Namespace(.ipc), Namespace(.uts), Namespace(.network),
        ], cgroupsPath: String, cgroupNamespace: Bool, resources: Resources? = nil, privileged: Bool = false
    ) -> RuntimeSpec {
        var process = process
        if process.capabilities == nil, !privileged {
            process.capabilities = .allowing(Capabilities.defaultNames)
        }
        var spec = RuntimeSpec(process: process, root: root, hostname: hostname)
        spec.mounts = standardMounts(privileged: privileged)
        spec.linux.namespaces = namespaces + (cgroupNamespace ? [Namespace(.cgroup)] : [])
        spec.linux.cgroupsPath = cgroupsPath
        spec.linux.resources = resources
        if !privileged {
            spec.linux.maskedPaths = standardMaskedPaths
            spec.linux.readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
        }
        spec.wherry = Extension(overlay: overlay, seccomp: privileged ? .unconfined : .default)
        return spec
    }

    /// proc, dev, pts, sys, cgroup, mqueue and shm.
    public static func standardMounts(privileged: Bool = false) -> [Mount] {
        let access = privileged ? "rw" : "ro"
        return [
            Mount(destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]),
            Mount(
                destination: "/dev", type: "tmpfs", source: "tmpfs",
                options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            Mount(
                destination: "/dev/pts", type: "devpts", source: "devpts",
                options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            Mount(
                destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", access]),
            Mount(
                destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
                options: ["nosuid", "noexec", "nodev", "relatime", access]),
            Mount(
                destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]),
            Mount(
                destination: "/dev/shm", type: "tmpfs", source: "shm",
                options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        ]
    }

    /// Kernel files that tell about, or reach, the host.
    public static let standardMaskedPaths = [
        "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
        "/sys/devices/virtual/powercap", "/sys/firmware",
    ]
}
