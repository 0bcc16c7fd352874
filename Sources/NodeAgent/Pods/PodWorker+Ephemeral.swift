import ContainerEngine
import Resources

extension PodWorker {
    /// Puts an ephemeral container beside what it is to look at: among the processes of its target, and in the IPC namespace that
    /// a pod of one container on the host's network keeps to itself.
    /// - Throws: ``ConfigurationError`` when the target does not run; it may later.
    func join(_ ephemeral: EphemeralContainer, _ request: inout ContainerRequest) async throws {
        let target = ephemeral.targetContainerName.flatMap { $0.isEmpty ? nil : $0 }
        let process = await firstProcess(of: target ?? pod.spec.containers.first?.name ?? "")
        if let target {
            guard let process else {
                throw ConfigurationError(message: "unable to find target container \"\(target)\"")
            }
            request.pidNamespace = "/proc/\(process)/ns/pid"
        }
        if let process, request.sandbox.ipcNamespace == nil { request.ipcNamespace = "/proc/\(process)/ns/ipc" }
    }

    private func firstProcess(of container: String) async -> Int32? {
        guard let attempt = attempt(of: container),
            let record = await context.engine.inspect(containerID(container, attempt)), record.isRunning
        else { return nil }
        return record.pid
    }
}
