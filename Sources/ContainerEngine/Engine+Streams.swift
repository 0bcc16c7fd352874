import ContainerRuntime
public import Linux
import OCI
import Synchronization

/// A command to run in a container, connected to its caller.
public struct ExecRequest: Sendable {
    public var command: [String]
    public var hasTerminal: Bool
    /// The streams that are wanted; a terminal has one for all.
    public var stdin: Bool
    public var stdout: Bool
    public var stderr: Bool

    public init(
        command: [String], hasTerminal: Bool = false, stdin: Bool = false, stdout: Bool = true, stderr: Bool = true
    ) {
        self.command = command
        self.hasTerminal = hasTerminal
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
    }
}

/// A command that runs in a container.
public struct ExecSession: Sendable {
    /// The receiver closes them. Closing them ends nothing by itself: the command reads an end, or writes to nobody.
    public let streams: ProcessStreams
    let end: ExecEnd

    /// Waits for the command's end, or until the task is cancelled.
    /// - Throws: ``EngineError`` `execFailed` when it could not be run, with the runtime's error as its cause.
    public func exit() async throws -> ExitStatus {
        await end.ended.wait()
        try Task.checkCancellation()
        guard let result = end.result.withLock({ $0 }) else {
            throw EngineError(.execFailed, "the command's end could not be read")
        }
        return try result.get()
    }
}

/// How a command ended, once it has.
final class ExecEnd: Sendable {
    let result = Mutex<Result<ExitStatus, EngineError>?>(nil)
    let ended = OneShot()
}

extension Engine {
    /// Runs a command in a running container, and returns at once; with a terminal, once that is there.
    ///
    /// It gets the container's environment, user, directory and limits. It is not ended when its caller goes: a program whose
    /// terminal hangs up or whose output nobody reads ends by itself, another goes on, as Docker and the kubelet have it.
    public func openExec(_ id: String, _ request: ExecRequest) async throws -> ExecSession {
        guard try entry(id).record.isRunning else { throw EngineError(.notRunning, "container \(id) isn't running") }
        guard !request.command.isEmpty else { throw EngineError(.invalidRequest, "the command is empty") }
        let runtime = runtime
        do {
            let (handle, streams) = try await onStartLane {
                var process = try Self.process(of: id, runtime)
                process.args = request.command
                process.terminal = request.hasTerminal ? true : nil
                if request.hasTerminal { process.env = Self.withTerminal(process.env) }
                return request.hasTerminal
                    ? try Self.execOnTerminal(id, process, runtime)
                    : try Self.execOnPipes(id, process, request, runtime)
            }
            let end = ExecEnd()
            watchExec(handle, of: id, request.command[0], end)
            return ExecSession(streams: streams, end: end)
        } catch {
            throw EngineError(.execFailed, "failed to run \(request.command[0]) in container \(id)", cause: error)
        }
    }

    /// A running container's streams, from now on; the receiver closes them.
    public func attach(_ id: String) async throws -> ProcessStreams {
        guard try entry(id).record.isRunning else { throw EngineError(.notRunning, "container \(id) isn't running") }
        let runtime = runtime
        do {
            return try await onStartLane { try runtime.attach(id) }
        } catch {
            throw EngineError(.attachFailed, "failed to attach to container \(id)", cause: error)
        }
    }

    private static func withTerminal(_ environment: [String]) -> [String] {
        environment.contains { $0.utf8.starts(with: "TERM=".utf8) } ? environment : environment + ["TERM=xterm"]
    }

    private static func execOnPipes(
        _ id: String, _ process: RuntimeSpec.Process, _ request: ExecRequest, _ runtime: Runtime
    ) throws -> (Runtime.ExecHandle, ProcessStreams) {
        var (ours, theirs) = (ProcessStreams(), [nil, nil, nil] as [Int32?])
        defer { for descriptor in theirs.compactMap(\.self) { close(descriptor) } }
        func pipe() throws -> (reader: Int32, writer: Int32) {
            let ends = try FileDescriptor.pipe()
            return (try ends.reader.duplicate().release(), try ends.writer.duplicate().release())
        }
        do {
            if request.stdin { (theirs[0], ours.input) = try pipe() }
            if request.stdout { (ours.stdout, theirs[1]) = try pipe() }
            if request.stderr { (ours.stderr, theirs[2]) = try pipe() }
            let handle = try runtime.exec(
                id: id, process: process, connections: Runtime.ExecConnections(standard: theirs))
            return (handle, ours)
        } catch {
            ours.close()
            throw error
        }
    }

    private static func execOnTerminal(
        _ id: String, _ process: RuntimeSpec.Process, _ runtime: Runtime
    ) throws -> (Runtime.ExecHandle, ProcessStreams) {
        var ends: [Int32] = [-1, -1]
        try systemCall("socketpair") { wherry_socket_pair(&ends) }
        defer { close(ends[0]) }
        let handle: Runtime.ExecHandle
        do {
            defer { close(ends[1]) }
            handle = try runtime.exec(
                id: id, process: process, connections: Runtime.ExecConnections(console: ends[1]))
        }
        // No terminal comes from a program that could not be started; the result says why.
        let master = wherry_receive_descriptor(ends[0])
        guard master >= 0 else { return (handle, ProcessStreams(hasTerminal: true)) }
        return (handle, ProcessStreams(input: master, stdout: master, hasTerminal: true))
    }
}

extension Engine {
    /// Collects a command that has ended, whether or not somebody still waits for it.
    func collect(_ handle: Runtime.ExecHandle, of id: String, _ program: String, _ end: ExecEnd) async {
        await watcher.waitForExit(ofPid: handle.pid, pidfd: handle.pidfd)
        let runtime = runtime
        let result: Result<ExitStatus, EngineError>
        do {
            // Cancelled, the command may go on; its helper belongs to init then.
            guard !Task.isCancelled else { throw CancellationError() }
            result = .success(try await onStartLane { try runtime.execResult(handle) }.status)
        } catch {
            result = .failure(EngineError(.execFailed, "failed to run \(program) in container \(id)", cause: error))
        }
        end.result.withLock { $0 = result }
        end.ended.happen()
    }
}
