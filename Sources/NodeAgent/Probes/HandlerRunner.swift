import ContainerEngine
import Linux
import NIOCore

/// Does what probes and lifecycle hooks say: runs a command, asks over HTTP, opens a connection, waits.
struct HandlerRunner: Sendable {
    let engine: Engine
    let sockets: NamespaceSockets
    let clock: AgentClock
    let group: any EventLoopGroup

    /// - Throws: ``HandlerError`` with the failure in the kubelet's words, also when `timeout` is over.
    func run(
        _ action: HandlerAction, in container: String, network: PodNetwork, timeout: Duration
    ) async throws(HandlerError) {
        switch action {
        case .exec(let command): try await exec(command, container, timeout)
        case .http(let http): try await get(http, network, timeout)
        case .tcp(let host, let port): try await dial(host, port, network, timeout)
        case .sleep(let duration): try? await clock.sleep(min(duration, timeout))
        case .unsupported(let why): throw HandlerError(why)
        }
    }

    private func exec(_ command: [String], _ container: String, _ timeout: Duration) async throws(HandlerError) {
        let outcome: ExecOutcome
        do {
            outcome = try await engine.exec(container, command: command, timeout: timeout)
        } catch {
            throw HandlerError("\(error)")
        }
        if outcome.timedOut {
            throw HandlerError(
                "command timed out: \"\(command.joined(separator: " "))\" timed out after \(timeout.components.seconds)s"
            )
        }
        guard outcome.exitCode == 0 else {
            let text = String(decoding: outcome.output, as: UTF8.self)
            throw HandlerError(text.isEmpty ? "command exited with \(outcome.exitCode)" : text)
        }
    }

    private func get(_ http: HandlerAction.HTTP, _ network: PodNetwork, _ timeout: Duration) async throws(HandlerError)
    {
        let url = "\(http.scheme.lowercased())://\(http.host ?? "127.0.0.1"):\(http.port)\(http.path)"
        let status = try await limited(timeout, "Get \"\(url)\": context deadline exceeded (Client.Timeout exceeded)") {
            do {
                let descriptor = try await ProbeConnection(sockets: sockets, clock: clock)
                    .connect(network, host: http.host, port: http.port)
                return try await HTTPRequester(group: group).status(http, connected: descriptor)
            } catch {
                throw HandlerError("Get \"\(url)\": \(error)")
            }
        }
        guard (200..<400).contains(status) else { throw HandlerError("HTTP probe failed with statuscode: \(status)") }
    }

    private func dial(_ host: String?, _ port: Int, _ network: PodNetwork, _ timeout: Duration)
        async throws(HandlerError)
    {
        let address = "\(host ?? "127.0.0.1"):\(port)"
        _ = try await limited(timeout, "dial tcp \(address): i/o timeout") {
            let descriptor = try await ProbeConnection(sockets: sockets, clock: clock)
                .connect(network, host: host, port: port)
            close(descriptor)
            return 0
        }
    }

    private func limited(
        _ timeout: Duration, _ message: String, _ body: @escaping @Sendable () async throws -> Int
    ) async throws(HandlerError) -> Int {
        let clock = clock
        let result: Result<Int, any Error> = await withTaskGroup(of: Result<Int, any Error>.self) { group in
            group.addTask {
                do { return .success(try await body()) } catch { return .failure(error) }
            }
            group.addTask {
                try? await clock.sleep(timeout)
                return .failure(HandlerError(message))
            }
            let first = await group.next() ?? .failure(HandlerError(message))
            group.cancelAll()
            return first
        }
        switch result {
        case .success(let value): return value
        case .failure(let error as HandlerError): throw error
        case .failure(let error): throw HandlerError("\(error)")
        }
    }
}
