import ContainerEngine
import ContainerRuntime
import KubernetesAPI
import Linux
import NodeAgent

extension PodStreams {
    /// The pods of this machine.
    init(_ agent: Agent) {
        self.init(
            check: { pod, container in
                try await Self.refusing { _ = try await agent.runningContainer(container, of: pod) }
            },
            exec: { request in
                let session = try await agent.exec(request)
                return PodProcess(streams: session.streams) { try await Self.end(of: session) }
            },
            attach: { request in
                // How the container ended is in the pod's status; the session has done what it was to do.
                PodProcess(streams: try await agent.attach(request)) { .exited(0) }
            },
            connect: { pod, port in try await agent.connect(toPort: port, of: pod) })
    }

    private static func refusing(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as ContainerNotFound {
            throw StreamRefusal("\(error)")
        }
    }

    /// A program that can't be run ends as it would in a shell.
    private static func end(of session: ExecSession) async throws -> PodProcess.End {
        do {
            return .exited(try await session.exit().code)
        } catch let error as EngineError {
            guard let cause = error.cause as? RuntimeError,
                [.commandNotFound, .permissionDenied].contains(cause.code)
            else { throw error }
            return .notRun(
                cause.exitCode,
                "OCI runtime exec failed: exec failed: unable to start container process: \(cause.message): unknown")
        }
    }
}
