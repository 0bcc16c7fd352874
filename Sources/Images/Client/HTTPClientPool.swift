internal import AsyncHTTPClient
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// One HTTP client for all pulls under way; an idle device holds none, with its connections and certificates.
final class HTTPClientPool: Sendable {
    private struct State {
        var client: HTTPClient?
        var users = 0
    }

    private let state = Mutex(State())

    /// Runs `body` with the client, which is shut down after the last user.
    func withClient<T>(_ body: (HTTPClient) async throws -> T) async throws -> T {
        let client = acquire()
        do {
            let result = try await body(client)
            try await release()
            return result
        } catch {
            try? await release()
            throw error
        }
    }

    private func acquire() -> HTTPClient {
        state.withLock { state in
            state.users += 1
            if let client = state.client { return client }
            let client = HTTPClient(
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: Self.configuration)
            state.client = client
            return client
        }
    }

    private func release() async throws {
        let last: HTTPClient? = state.withLock { state in
            state.users -= 1
            guard state.users == 0 else { return nil }
            defer { state.client = nil }
            return state.client
        }
        try await last?.shutdown()
    }

    private static var configuration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10), read: .seconds(60)))
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.idleTimeout = .seconds(15)
        // Registries multiplex nothing that one connection for each blob does not do as well.
        configuration.httpVersion = .http1Only
        return configuration
    }
}
