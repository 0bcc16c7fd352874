import Linux
import OCI

/// The ids of a user namespace, written from outside while its first process waits.
enum IDMappings {
    static func write(_ linux: RuntimeSpec.Linux, to pid: pid_t) throws(RuntimeError) {
        guard let namespace = linux.namespace(.user), namespace.path == nil else { return }
        if geteuid() != 0 {
            // Without privileges a process may only map itself, and must give up setgroups(2) for that.
            try write("deny", to: "/proc/\(pid)/setgroups")
        }
        try write(text(linux.uidMappings), to: "/proc/\(pid)/uid_map")
        try write(text(linux.gidMappings), to: "/proc/\(pid)/gid_map")
    }

    static func validate(_ linux: RuntimeSpec.Linux) throws(RuntimeError) {
        for clock in linux.timeOffsets.keys where clock != "monotonic" && clock != "boottime" {
            throw RuntimeError(.invalidSpec, "linux.timeOffsets: clock \"\(clock)\" is not monotonic or boottime")
        }
        guard let namespace = linux.namespace(.user), namespace.path == nil else {
            guard linux.uidMappings.isEmpty, linux.gidMappings.isEmpty else {
                throw RuntimeError(
                    .invalidSpec,
                    "linux.uidMappings and linux.gidMappings need a new user namespace in linux.namespaces")
            }
            return
        }
        guard !linux.uidMappings.isEmpty, !linux.gidMappings.isEmpty else {
            throw RuntimeError(.invalidSpec, "a new user namespace needs linux.uidMappings and linux.gidMappings")
        }
    }

    static func text(_ mappings: [RuntimeSpec.IDMapping]) -> String {
        mappings.map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined()
    }

    /// The kernel takes a map in one write.
    private static func write(_ text: String, to path: String) throws(RuntimeError) {
        try stage("write \(path)") {
            let file = try FileDescriptor.open(path, O_WRONLY)
            try file.writeAll(Array(text.utf8))
        }
    }
}
