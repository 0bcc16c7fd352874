extension RuntimeSpec {
    /// A specification to start from, as `spec` prints it: a shell in `rootfs`.
    public static func example() -> RuntimeSpec {
        let names = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
        var process = Process(
            args: ["sh"], env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            capabilities: .allowing(names), rlimits: [ResourceLimit(type: "RLIMIT_NOFILE", soft: 1024, hard: 1024)],
            noNewPrivileges: true)
        process.terminal = true
        var spec = RuntimeSpec.standard(
            process: process, root: Root(path: "rootfs", readonly: true), hostname: "wherry", cgroupsPath: "",
            cgroupNamespace: true)
        spec.linux.cgroupsPath = nil
        spec.linux.resources = Resources(devices: [Resources.DeviceRule(allow: false, access: "rwm")])
        spec.wherry = Extension()
        return spec
    }

    /// Changes what a plain user may not have.
    public mutating func becomeRootless(uid: UInt32, gid: UInt32) {
        linux.namespaces.removeAll { $0.type == .network }
        linux.namespaces.append(Namespace(.user))
        linux.uidMappings = [IDMapping(containerID: 0, hostID: uid, size: 1)]
        linux.gidMappings = [IDMapping(containerID: 0, hostID: gid, size: 1)]
        linux.resources = nil
        for index in mounts.indices {
            // Ids that are not mapped cannot be given.
            mounts[index].options?.removeAll { $0.hasPrefix("gid=") || $0.hasPrefix("uid=") }
            // Without a network namespace of its own sysfs is the host's.
            if mounts[index].destination == "/sys" {
                mounts[index] = Mount(
                    destination: "/sys", type: "none", source: "/sys",
                    options: ["rbind", "nosuid", "noexec", "nodev", "ro"])
            }
        }
    }
}
