internal import AsyncHTTPClient
internal import OCI
internal import Synchronization

/// What one pull goes by.
struct PullSession: Sendable {
    let sources: PullSources
    let limits: RegistryConfiguration.Limits
    let ignoresBudget: Bool
    let progress: ProgressSink
    /// Threads of this pull: another one must not wait for this one's link.
    let unpacker = LayerUnpacker()
    let syncer = PartSyncer()
}

/// The servers that may have an image, in the order in which they are asked.
final class PullSources: Sendable {
    let reference: ImageReference
    private let clients: [RegistryClient]
    /// The first that answered; those before it are not waited for again.
    private let preferred = Mutex(0)

    init(
        _ reference: ImageReference, _ endpoints: [RegistryEndpoint], http: HTTPClient, insecure: Bool?,
        stall: Duration,
        firstDelay: Duration
    ) throws(ImageError) {
        self.reference = reference
        var clients: [RegistryClient] = []
        for endpoint in endpoints {
            var configuration = RegistryClient.Configuration(insecure: endpoint.isMirror ? nil : insecure)
            configuration.stallTimeout = stall
            configuration.firstDelay = firstDelay
            if endpoint.isMirror {
                // There is another to ask.
                configuration.attempts = 2
                configuration.headTimeout = .seconds(10)
            }
            clients.append(
                try RegistryClient(reference: reference, http: http, configuration: configuration, endpoint: endpoint))
        }
        self.clients = clients
    }

    /// The clients, the one that answered first at the head.
    var ordered: [RegistryClient] {
        let first = preferred.withLock { $0 }
        return Array(clients[first...]) + clients[..<first]
    }

    /// A manifest of the first that has it; when none has, the registry's own error, and what its mirrors said.
    func manifest(_ locator: String) async throws -> (bytes: [UInt8], type: String?, digest: Digest) {
        var failures: [String] = []
        for index in preferred.withLock({ $0 })..<clients.count {
            let client = clients[index]
            do {
                let found = try await client.manifest(locator)
                preferred.withLock { $0 = max($0, index) }
                return found
            } catch {
                let failure = RegistryFailure.describe(error, authority: client.authority)
                if failure.code == .cancelled { throw failure }
                guard index == clients.count - 1 else {
                    failures.append("mirror \(client.authority): \(failure.message)")
                    continue
                }
                guard !failures.isEmpty else { throw failure }
                throw ImageError(
                    failure.code, "\(failure.message) (before that, \(failures.joined(separator: "; ")))",
                    cause: failure.cause)
            }
        }
        throw ImageError(.registryFailure, "no registry is left to ask")
    }
}
