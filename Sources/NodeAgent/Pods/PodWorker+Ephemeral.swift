import ContainerEngine
import OCI
import Resources

extension PodWorker {
    /// Puts an ephemeral container beside what it is to look at: among the processes of its target, and in the IPC namespace that
    /// a pod of one container on the host's network keeps to itself.
    /// - Throws: ``ConfigurationError`` when the target does not run; it may later.
    func join(_ ephemeral: EphemeralContainer, _ request: inout ContainerRequest) async throws {
        let target = ephemeral.targetContainerName.flatMap { $0.isEmpty ? nil : $0 }
        let name = target ?? pod.spec.containers.first?.name ?? ""
        let id = attempt(of: name).map { containerID(name, $0) }
        if let target {
            guard let id, let namespace = try await context.engine.namespace(.pid, of: id) else {
                throw ConfigurationError(message: "unable to find target container \"\(target)\"")
            }
            request.pidNamespace = namespace
        }
        guard let id, request.sandbox.ipcNamespace == nil else { return }
        request.ipcNamespace = try await context.engine.namespace(.ipc, of: id)
    }
}
