import JSON
import Linux

extension Runtime {
    /// Beside the root of the containers.
    var sandboxRoot: String { Files.directory(of: root) + "/sandboxes" }

    /// Makes namespaces that need no process to live: they are bound to files. The network has `lo` only, and it is up.
    ///
    /// - Parameter sysctls: names as sysctl(8) has them; only those of the made namespaces.
    public func makeSandbox(
        id: String, hostname: String, sysctls: [String: String] = [:], hostNetwork: Bool = false
    ) throws(RuntimeError) -> SandboxNamespaces {
        let directory = try sandboxDirectory(id)
        try stage("make \(sandboxRoot)") { try Files.makeDirectories(sandboxRoot, mode: 0o700) }
        guard mkdir(directory, 0o700) == 0 else {
            if Errno.last == .exists { throw RuntimeError(.exists, "sandbox \(id) exists already") }
            throw RuntimeError(
                stage: "make the sandbox", SystemError(call: "mkdir", errno: .last, subject: directory))
        }
        do {
            try runSandboxProcess(
                directory,
                [
                    "hostname": .string(hostname), "hostNetwork": .bool(hostNetwork),
                    "sysctls": .object(sysctls.mapValues { .string($0) }),
                ])
        } catch {
            try? removeSandbox(id: id)
            throw error
        }
        return SandboxNamespaces(directory: directory, hostNetwork: hostNetwork)
    }

    /// The namespaces of a sandbox that exists; nil when there is none, or only a part of one.
    public func sandbox(id: String) throws(RuntimeError) -> SandboxNamespaces? {
        let directory = try sandboxDirectory(id)
        guard Files.exists(directory + "/complete") else { return nil }
        return SandboxNamespaces(directory: directory, hostNetwork: !Files.exists(directory + "/net"))
    }

    /// The identifiers of all sandboxes, complete or not.
    public func listSandboxes() -> [String] {
        ((try? Files.listDirectory(sandboxRoot)) ?? []).filter(ContainerDirectory.isValid)
    }

    /// Gives the namespaces up; they go when no process is in them any more. A sandbox that is gone is fine.
    public func removeSandbox(id: String) throws(RuntimeError) {
        let directory = try sandboxDirectory(id)
        for name in ["net", "ipc", "uts"] {
            let path = "\(directory)/\(name)"
            while wherry_umount(path, Kernel.detach | Kernel.noFollow) == 0 {}
        }
        try stage("remove sandbox \(id)") { try Files.removeTree(directory) }
    }

    private func sandboxDirectory(_ id: String) throws(RuntimeError) -> String {
        try ContainerDirectory(root: sandboxRoot, id: id).path
    }

    private func runSandboxProcess(_ directory: String, _ request: JSONValue) throws(RuntimeError) {
        let process: ChildProcess.Spawned
        let bytes: [UInt8]
        do {
            let child = try spawn(verb: RuntimeProcess.sandboxVerb, directory)
            process = child.process
            try stage("describe the sandbox") { try child.request.writeAll(request.serialized()) }
            let report = try stage("start the sandbox's process") { try child.report.duplicate() }
            closeRequest(child)
            bytes = try Self.readMessage(report, from: "the sandbox's process")
        }
        close(process.pidfd)
        _ = ChildProcess.wait(process.pid)
        if bytes.isEmpty { return }
        throw RuntimeError(json: (try? JSONValue(parsing: bytes)) ?? .null)
    }

    private func closeRequest(_ child: consuming Child) {}
}
