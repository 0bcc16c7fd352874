public import ContainerEngine
public import Linux
import ResourceStore
public import Resources

extension Agent {
    /// Runs a command in a container of a pod; the caller closes its streams.
    /// - Throws: ``StatusError``, or ``ContainerNotFound`` when the container does not run.
    public func exec(_ request: PodExecRequest) async throws -> ExecSession {
        let id = try await runningContainer(
            request.container, of: ResourceKey(type: .pod, namespace: request.namespace, name: request.pod))
        let streams = request.streams
        return try await context.engine.openExec(
            id,
            ExecRequest(
                command: request.command, hasTerminal: streams.tty, stdin: streams.stdin, stdout: streams.stdout,
                stderr: streams.stderr))
    }

    /// A running container's streams, from now on; the caller closes them.
    /// - Throws: as ``exec(_:)``.
    public func attach(_ request: PodAttachRequest) async throws -> ProcessStreams {
        let id = try await runningContainer(
            request.container, of: ResourceKey(type: .pod, namespace: request.namespace, name: request.pod))
        return try await context.engine.attach(id)
    }

    /// A TCP connection to a port in a pod's network; the caller closes the descriptor.
    /// - Throws: ``PortForwardError`` in the words of the kubelet.
    public func connect(toPort port: UInt16, of key: ResourceKey) async throws -> Int32 {
        guard let worker = await supervisor.worker(for: key), let sandbox = await worker.sandbox else {
            throw PortForwardError(port, key.name, "", "the pod has no network yet: it is not running")
        }
        let network = sandbox.networkNamespace.map { PodNetwork.namespace($0) } ?? .host
        let connection = ProbeConnection(sockets: context.handlers.sockets, clock: context.clock)
        var failures: [String] = []
        for host in ["127.0.0.1", "::1"] {
            do {
                return try await connection.connect(network, host: host, port: Int(port))
            } catch {
                failures.append("\(error)")
            }
        }
        try Task.checkCancellation()
        throw PortForwardError(
            port, sandbox.id, sandbox.networkNamespace ?? "",
            "failed to connect to localhost:\(port) inside the pod's network, IPv4: \(failures[0]) IPv6 \(failures[1])")
    }

    /// The engine's name of a pod's container.
    /// - Throws: ``ContainerNotFound`` when it does not run.
    public func runningContainer(_ name: String, of key: ResourceKey) async throws -> String {
        guard let worker = await supervisor.worker(for: key), let attempt = await worker.attempt(of: name) else {
            throw ContainerNotFound(name: name)
        }
        let uid = try await context.store.get(key).uid
        let id = ContainerBlueprint.containerID(podUID: uid, container: name, attempt: attempt)
        guard await context.engine.inspect(id)?.isRunning == true else { throw ContainerNotFound(name: name) }
        return id
    }
}

/// The container that a client wants to talk to does not run.
public struct ContainerNotFound: Error, CustomStringConvertible {
    public let name: String
    public var description: String { "container not found (\"\(name)\")" }
}

/// A port of a pod that could not be reached.
public struct PortForwardError: Error, CustomStringConvertible {
    public let description: String

    init(_ port: UInt16, _ sandbox: String, _ namespace: String, _ why: String) {
        let place = namespace.isEmpty ? "" : "failed to execute portforward in network namespace \"\(namespace)\": "
        description = "error forwarding port \(port) to pod \(sandbox), uid : \(place)\(why)"
    }
}
