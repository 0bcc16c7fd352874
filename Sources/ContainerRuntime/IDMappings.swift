import Linux
import OCI

/// The ids of a user namespace, written from outside while its first process waits.
enum IDMappings {
    static func write(_ linux: RuntimeSpec.Linux, to pid: pid_t) throws(RuntimeError) {
        guard let namespace = linux.namespace(.user), namespace.path == nil else { return }
        if geteuid() != 0 {
            guard isItself(linux.uidMappings, geteuid()), isItself(linux.gidMappings, getegid()) else {
                // Further ids are those that /etc/subuid and /etc/subgid grant.
                try grant("newuidmap", linux.uidMappings, pid)
                return try grant("newgidmap", linux.gidMappings, pid)
            }
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
        guard let namespace = linux.namespace(.user) else {
            guard linux.uidMappings.isEmpty, linux.gidMappings.isEmpty else {
                throw RuntimeError(
                    .invalidSpec, "linux.uidMappings and linux.gidMappings need a user namespace in linux.namespaces")
            }
            return
        }
        // One that is joined has its mappings; engines repeat them.
        guard namespace.path == nil else { return }
        guard !linux.uidMappings.isEmpty, !linux.gidMappings.isEmpty else {
            throw RuntimeError(.invalidSpec, "a new user namespace needs linux.uidMappings and linux.gidMappings")
        }
    }

    static func text(_ mappings: [RuntimeSpec.IDMapping]) -> String {
        mappings.map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined()
    }

    private static func isItself(_ mappings: [RuntimeSpec.IDMapping], _ own: UInt32) -> Bool {
        mappings.count == 1 && mappings[0].size == 1 && mappings[0].hostID == own
    }

    /// By the set-user-ID helpers of Debian's package uidmap.
    private static func grant(
        _ program: String, _ mappings: [RuntimeSpec.IDMapping], _ pid: pid_t
    ) throws(RuntimeError) {
        let paths = ["/usr/bin", "/bin", "/usr/sbin", "/usr/local/bin"].map { "\($0)/\(program)" }
        guard let path = paths.first(where: Files.exists) else {
            throw RuntimeError(
                .unsupported, "a plain user needs \(program) to map more than the own id: install the package uidmap")
        }
        let arguments = mappings.flatMap { ["\($0.containerID)", "\($0.hostID)", "\($0.size)"] }
        try stage("map the container's ids") {
            var output = try FileDescriptor.pipe()
            let child = try ChildProcess.spawn(
                path: path, arguments: [program, "\(pid)"] + arguments,
                fileDescriptors: [(output.writer.rawValue, 1), (output.writer.rawValue, 2)])
            output.writer = try FileDescriptor.open("/dev/null", O_WRONLY)  // so that the reader sees the end
            let text = String(decoding: (try? output.reader.readToEnd(limit: 4096)) ?? [], as: UTF8.self)
            guard ChildProcess.wait(child.pid)?.code == 0 else {
                throw RuntimeError(
                    .refused, text.isEmpty ? "\(program) failed" : String(text.prefix { $0 != "\n" }))
            }
        }
    }

    /// The kernel takes a map in one write.
    private static func write(_ text: String, to path: String) throws(RuntimeError) {
        try stage("write \(path)") {
            let file = try FileDescriptor.open(path, O_WRONLY)
            try file.writeAll(Array(text.utf8))
        }
    }
}
