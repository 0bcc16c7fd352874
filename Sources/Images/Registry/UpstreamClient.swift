internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import OCI
internal import Synchronization

/// Asks an upstream for the content of one repository.
struct UpstreamClient: Sendable {
    let reference: ImageReference
    let endpoint: RegistryEndpoint
    let configuration: RegistryClient.Configuration
    let pool: HTTPClientPool

    /// A client of a repository below an address; it gives up soon, since copies are at hand.
    init(address: WebAddress, repository: String, pool: HTTPClientPool) throws(ImageError) {
        do {
            reference = try ImageReference(registry: address.shortAuthority, repository: repository, tag: nil)
        } catch {
            throw ImageError(error)
        }
        var endpoint = RegistryEndpoint(originOf: reference)
        endpoint.scheme = address.isSecure ? .https : .http
        self.endpoint = endpoint
        self.pool = pool
        configuration = RegistryClient.Configuration(
            attempts: 3, firstDelay: .milliseconds(200), longestDelay: .seconds(5), headTimeout: .seconds(10))
    }

    func manifest(_ locator: ManifestLocator) async throws -> (bytes: [UInt8], type: String?) {
        try await withClient { client in
            let found = try await client.manifest(locator.description)
            return (found.bytes, found.type)
        }
    }

    /// The digest that a tag has now; nil when the upstream does not say it without the manifest.
    func digest(ofTag tag: String) async throws -> Digest? {
        try await withClient { try await $0.digest(ofTag: tag) }
    }

    /// Copies a blob's content; a transfer that broke off is taken up where it was.
    func copy(to blob: FetchedBlob) async throws {
        try await withClient { client in
            var retry = TransferRetry(
                limit: configuration.attempts, firstDelay: configuration.firstDelay,
                longestDelay: configuration.longestDelay)
            var ranged = true
            while await blob.count < blob.size {
                let before = await blob.count
                do {
                    try await receive(blob, from: client, at: before, ranged: ranged)
                } catch {
                    try Task.checkCancellation()
                    if try !Self.mayGoOn(after: error, client) { ranged = false }
                    let progress = await blob.count - before
                    guard let delay = retry.delay(afterProgress: progress, random: .random(in: 0...1)) else {
                        throw error
                    }
                    try await configuration.clock.sleep(for: delay)
                }
            }
            try await blob.verify()
        }
    }

    private func receive(
        _ blob: FetchedBlob, from client: RegistryClient, at offset: Int64, ranged: Bool
    ) async throws {
        try await client.blob(blob.digest, from: offset, size: blob.size, ranged: ranged) { answer, body in
            var skip = offset - answer.start
            while let part = try await body.next() {
                guard case .bytes(var chunk) = part else { continue }
                let known = Int(min(skip, Int64(chunk.readableBytes)))
                chunk.moveReaderIndex(forwardBy: known)
                skip -= Int64(known)
                if chunk.readableBytes > 0 { try await blob.append(chunk) }
            }
        }
    }

    /// Whether ranges may be used in the next try; throws what is final.
    private static func mayGoOn(after error: any Error, _ client: RegistryClient) throws -> Bool {
        switch error {
        case is RegistryClient.WrongRange: return false
        case let refusal as RegistryClient.RefusedBlob:
            if [400, 405, 416, 501].contains(refusal.status) { return false }
            if [408, 425, 429].contains(refusal.status) || refusal.status >= 500 { return true }
            throw RegistryFailure.describe(
                status: refusal.status, body: [], authority: client.authority, hasCredentials: false)
        case let error as ImageError where error.code != .registryUnreachable: throw error
        default: return true
        }
    }

    private func withClient<T>(_ body: (RegistryClient) async throws -> T) async throws -> T {
        try await pool.withClient { http in
            try await body(
                RegistryClient(reference: reference, http: http, configuration: configuration, endpoint: endpoint))
        }
    }
}

extension RegistryClient {
    /// Asks for a tag's digest by HEAD, which registries do not count as a pull. The endpoint must have a scheme.
    func digest(ofTag tag: String) async throws -> Digest? {
        let origin = (endpoint.scheme == .http ? "http://" : "https://") + authority
        guard let address = WebAddress(origin + path("manifests/" + tag)) else {
            throw ImageError(.invalidReference, "registry \"\(authority)\" is not a valid address")
        }
        var loggedIn = false
        while true {
            let response = try await head(address)
            switch response.status {
            case .ok: return response.headers.first(name: "Docker-Content-Digest").flatMap { try? Digest(parsing: $0) }
            case .unauthorized where !loggedIn:
                loggedIn = true
                try await logIn(response.headers["WWW-Authenticate"])
            default:
                throw RegistryFailure.describe(
                    status: Int(response.status.code), body: [], authority: authority,
                    hasCredentials: configuration.credentials != nil)
            }
        }
    }

    private func head(_ address: WebAddress) async throws -> HTTPClientResponse {
        var headers = HTTPHeaders(MediaType.acceptedManifests.map { ("Accept", $0) })
        if let authorization = state.values.withLock({ $0.authorization }) {
            headers.add(name: "Authorization", value: authorization)
        }
        var request = request(address, headers: headers)
        request.method = .HEAD
        do { return try await execute(request) } catch {
            throw RegistryFailure.describe(error, authority: authority)
        }
    }
}
