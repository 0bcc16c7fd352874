import ContainerRuntime
import JSON
import Linux
import OCI

extension Engine {
    /// Runs a command in a running container and waits for it.
    ///
    /// It gets the container's environment, user, directory and limits. When `timeout` is over it is killed and the
    /// outcome says so.
    public func exec(_ id: String, command: [String], timeout: Duration) async throws -> ExecOutcome {
        guard try entry(id).record.isRunning else { throw EngineError(.notRunning, "container \(id) isn't running") }
        guard !command.isEmpty else { throw EngineError(.invalidRequest, "the command is empty") }
        let runtime = runtime
        do {
            let handle = try await onStartLane {
                var process = try Self.process(of: id, runtime)
                process.args = command
                process.terminal = nil
                return try runtime.exec(id: id, process: process, timeout: timeout)
            }
            await watcher.waitForExit(ofPid: handle.pid, pidfd: handle.pidfd)
            // Cancelled or not, the handle is to be released; a helper that still runs ends with its timeout.
            let result =
                Task.isCancelled
                ? try await cleanupLane.run { try runtime.execResult(handle) }
                : try await onStartLane { try runtime.execResult(handle) }
            return ExecOutcome(exitCode: result.status.code, output: result.output, timedOut: result.timedOut)
        } catch {
            let name = command.first ?? ""
            throw EngineError(.execFailed, "failed to run \(name) in container \(id)", cause: error)
        }
    }

    /// The container's first process, from the configuration it was made with.
    static func process(of id: String, _ runtime: Runtime) throws -> RuntimeSpec.Process {
        let path = try runtime.state(id).bundle + "/config.json"
        let spec = try RuntimeSpec.decode(JSONValue(parsing: Files.read(path)))
        guard let process = spec.process else {
            throw EngineError(.execFailed, "the container's configuration names no process")
        }
        return process
    }
}
