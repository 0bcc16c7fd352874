import Linux
import OCI

/// Kernel parameters of the container's own namespaces. Any other would be the host's.
enum Sysctl {
    private static let ofIPC: Set<String> = [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
        "kernel.shmmni", "kernel.shm_rmid_forced",
    ]

    /// Refuses names that are not namespaced, or whose namespace is the host's.
    static func validate(_ linux: RuntimeSpec.Linux) throws(RuntimeError) {
        try validate(names: linux.sysctl.keys) { kind in
            guard let namespace = linux.namespace(kind) else { return false }
            return namespace.path.map { !isOurs($0, kind) } ?? true
        }
    }

    /// Whether the path names the namespace that the runtime is in itself.
    private static func isOurs(_ path: String, _ kind: RuntimeSpec.Namespace.Kind) -> Bool {
        var (own, other) = (stat(), stat())
        return stat("/proc/self/ns/\(kind.link)", &own) == 0 && stat(path, &other) == 0 && own.st_ino == other.st_ino
            && own.st_dev == other.st_dev
    }

    /// The same for a sandbox, whose containers have only its IPC namespace when they are on the host's network.
    static func validate(names: some Collection<String>, hostNetwork: Bool) throws(RuntimeError) {
        try validate(names: names) { $0 == .ipc || !hostNetwork }
    }

    private static func validate(
        names: some Collection<String>, isOwn: (RuntimeSpec.Namespace.Kind) -> Bool
    ) throws(RuntimeError) {
        for name in names {
            guard components(name) != nil else {
                throw RuntimeError(.invalidSpec, "sysctl \"\(name)\" is not a valid name")
            }
            guard let kind = kind(of: String(name.map { $0 == "/" ? "." : $0 })) else {
                throw RuntimeError(.invalidSpec, "sysctl \"\(name)\" is not of a namespace: it would change the host")
            }
            guard isOwn(kind) else {
                throw RuntimeError(
                    .invalidSpec, "sysctl \"\(name)\" needs an own \(kind.rawValue) namespace: it would change the host"
                )
            }
        }
    }

    private static func kind(of name: String) -> RuntimeSpec.Namespace.Kind? {
        if ofIPC.contains(name) || name.utf8.starts(with: "fs.mqueue.".utf8) { return .ipc }
        if name.utf8.starts(with: "net.".utf8) { return .network }
        return name == "kernel.domainname" ? .uts : nil
    }

    /// The name as path components; a name with slashes may hold dots inside a component, as sysctl(8) reads it.
    static func components(_ name: String) -> [String]? {
        let separator: Character = name.contains("/") ? "/" : "."
        let parts = name.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
        let isValid = parts.allSatisfy { part in
            !part.isEmpty && part != "." && part != ".."
                && part.utf8.allSatisfy { byte in
                    byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
                        || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
                        || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
                }
        }
        return isValid && parts.count >= 2 ? parts : nil
    }

    /// Writes values through a procfs mount of our own, which nobody else can have put something over (CVE-2025-52881).
    static func apply(_ values: [String: String]) throws(RuntimeError) {
        guard !values.isEmpty else { return }
        let proc = try stage("open procfs for sysctls") {
            try DetachedMount.fileSystem("proc", options: MountOptions([]))
        }
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            guard let parts = components(name) else { continue }
            try stage("set sysctl \(name)") {
                let file = try OpenBeneath.open(
                    root: proc.rawValue, path: (["sys"] + parts).joined(separator: "/"), flags: O_WRONLY,
                    restrictions: [.sameMount, .noSymbolicLinks])
                guard wherry_filesystem_type(file.rawValue) == Kernel.FileSystem.proc else {
                    throw SystemError(call: "open", errno: .invalid, subject: name)
                }
                try file.writeAll(Array(value.utf8))
            }
        }
    }
}
