import ContainerRuntime
import Linux
import OCI

extension Engine {
    /// Makes the namespaces and generated files that a pod's containers share; finds them when they exist already.
    public func makeSandbox(_ request: SandboxRequest) async throws -> Sandbox {
        let runtime = runtime
        let etc = layout.etc(sandbox: request.id)
        var request = request
        if request.usesHostNetwork { request.hostname = Self.nodeHostname() }
        let final = request
        do {
            return try await onStartLane {
                try HostFiles.write(final, to: etc)
                var sandbox = Sandbox(
                    id: final.id, usesHostNetwork: final.usesHostNetwork, etcDirectory: etc, hostname: final.hostname)
                if final.usesHostNetwork && !final.sharesIPC && final.sysctls.isEmpty { return sandbox }
                let namespaces = try Self.namespaces(final, runtime)
                sandbox.ipcNamespace = namespaces.ipc
                if !final.usesHostNetwork {
                    sandbox.networkNamespace = namespaces.net
                    sandbox.utsNamespace = namespaces.uts
                }
                return sandbox
            }
        } catch {
            throw EngineError(.sandboxFailed, "failed to create pod sandbox", cause: error)
        }
    }

    /// Removes a sandbox, whose containers must have ended. Does nothing when there is none.
    public func removeSandbox(_ id: String) async throws {
        let runtime = runtime
        let etc = layout.etc(sandbox: id)
        do {
            try await cleanupLane.run {
                try runtime.removeSandbox(id: id)
                try Files.removeTree(etc)
            }
        } catch {
            throw EngineError(.sandboxFailed, "failed to remove pod sandbox", cause: error)
        }
    }

    /// A sandbox that was cut short is made anew, and so is one whose binds a reboot took away.
    private static func namespaces(_ request: SandboxRequest, _ runtime: Runtime) throws -> SandboxNamespaces {
        if let present = try runtime.sandbox(id: request.id), isMounted(present.ipc) { return present }
        try runtime.removeSandbox(id: request.id)
        return try runtime.makeSandbox(
            id: request.id, hostname: request.hostname, sysctls: request.sysctls, hostNetwork: request.usesHostNetwork)
    }

    private static func isMounted(_ path: String) -> Bool {
        let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "/"
        return wherry_mount_id(AT_FDCWD, path, 0) != wherry_mount_id(AT_FDCWD, directory, 0)
    }

    private static func nodeHostname() -> String {
        var name = utsname()
        guard uname(&name) == 0 else { return "localhost" }
        return withUnsafeBytes(of: &name.nodename) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
