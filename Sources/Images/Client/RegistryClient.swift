internal import AsyncHTTPClient
internal import JSON
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import OCI
internal import Synchronization

/// Talks to one registry for one repository, by the distribution specification.
struct RegistryClient: Sendable {
    struct Configuration: Sendable {
        var credentials: RegistryCredentials?
        /// Allows plain HTTP and unverified certificates; nil allows plain HTTP for this machine only.
        var insecure: Bool?
        var clock: any Clock<Duration> = ContinuousClock()
        var attempts = 5
        var firstDelay: Duration = .milliseconds(500)
        var longestDelay: Duration = .seconds(30)
        /// What a server may ask us to wait, in `Retry-After`.
        var longestRequestedDelay: Duration = .seconds(300)
        /// Until the head of an answer is here.
        var headTimeout: Duration = .seconds(30)
        /// Without a byte for so long a transfer is broken.
        var stallTimeout: Duration = .seconds(30)
    }

    static let manifestLimit = 4 << 20

    let reference: ImageReference
    let http: HTTPClient
    let configuration: Configuration
    let endpoint: RegistryEndpoint
    /// For this endpoint and the servers it sends us to (a CDN, a token server), which never see our certificate.
    private let tls: TLSConfiguration?
    let state = SharedState()

    /// What requests of one pull learn from each other.
    final class SharedState: Sendable {
        struct Values {
            var origin: String?
            var authorization: String?
            /// Made once: it reads the system's authorities.
            var contexts: [Bool: NIOSSLContext] = [:]
        }
        let values = Mutex(Values())
    }

    /// A client of the registry that the reference names.
    init(reference: ImageReference, http: HTTPClient, configuration: Configuration) {
        self.reference = reference
        self.http = http
        self.configuration = configuration
        endpoint = RegistryEndpoint(originOf: reference)
        tls = nil
    }

    /// A client of a registry or of a mirror of it; its own credentials take the place of the configuration's.
    init(
        reference: ImageReference, http: HTTPClient, configuration: Configuration, endpoint: RegistryEndpoint
    ) throws(ImageError) {
        self.reference = reference
        self.http = http
        self.endpoint = endpoint
        var configuration = configuration
        configuration.credentials = endpoint.credentials
        self.configuration = configuration
        tls = endpoint.trust.isDefault ? nil : try endpoint.trust.tlsConfiguration()
    }

    /// Host and port that are asked; Docker Hub's is not the name in its references.
    var authority: String { endpoint.authority }

    private var host: String { WebAddress("https://" + authority)?.host ?? authority }
    private var allowsPlain: Bool {
        switch endpoint.scheme {
        case .http: true
        case .https: false
        case .either: configuration.insecure ?? WebAddress.isLoopback(host)
        }
    }

    /// The path of something of the repository.
    func path(_ rest: String) -> String {
        let query = endpoint.namespace.map { "?ns=" + WebAddress.queryValue($0) } ?? ""
        return "\(endpoint.basePath)/\(endpoint.repository)/\(rest)\(query)"
    }

    // MARK: Documents and blobs

    /// A manifest or index by tag or digest, verified when asked by digest; an answer that breaks off is asked for again.
    func manifest(_ locator: String) async throws -> (bytes: [UInt8], type: String?, digest: Digest) {
        var attempt = 1
        while true {
            do {
                return try await fetchManifest(locator)
            } catch let error as ImageError where error.cause is BrokenAnswer && attempt < configuration.attempts {
                try await pause(after: attempt, nil)
                attempt += 1
            }
        }
    }

    /// An answer whose head came, but not the whole of its body.
    private struct BrokenAnswer: Error {}

    private func fetchManifest(_ locator: String) async throws -> (bytes: [UInt8], type: String?, digest: Digest) {
        let response = try await send(path("manifests/" + locator), accept: MediaType.acceptedManifests)
        let bytes = try await body(of: response, limit: Self.manifestLimit, what: "manifest")
        let digest = ContentHasher.digest(of: bytes)
        let asked = try? Digest(parsing: locator)
        let announced = response.headers.first(name: "Docker-Content-Digest").flatMap { try? Digest(parsing: $0) }
        if let expected = asked ?? announced, expected != digest {
            throw ImageError(
                .digestMismatch,
                "registry \(authority) sent a manifest with digest \(digest), expected \(expected); "
                    + "something between changes the content")
        }
        return (bytes, response.headers.first(name: "Content-Type"), digest)
    }

    func body(of response: HTTPClientResponse, limit: Int, what: String) async throws -> [UInt8] {
        do {
            let buffer = try await response.body.collect(upTo: limit)
            return Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw ImageError(.limitExceeded, "registry \(authority) sent a \(what) of more than \(limit) bytes")
        } catch {
            let described = RegistryFailure.describe(error, authority: authority)
            guard described.code != .cancelled else { throw described }
            throw ImageError(described.code, described.message, cause: BrokenAnswer())
        }
    }

    // MARK: Requests

    /// Sends a GET: finds the scheme, logs in when asked to, follows redirects, waits and tries again when told to.
    func send(_ path: String, accept: [String]) async throws -> HTTPClientResponse {
        var loggedIn = false
        var attempt = 1
        while true {
            let response = try await attemptSend(path, accept: accept, attempt: &attempt)
            switch response.status.code {
            case 200..<300: return response
            case 401 where !loggedIn:
                loggedIn = true
                try await logIn(response.headers["WWW-Authenticate"])
            case 429, 500, 502, 503, 504:
                guard attempt < configuration.attempts else { throw await refusal(response) }
                try await pause(after: attempt, RetryAfter.delay(response.headers))
                attempt += 1
            default: throw await refusal(response)
            }
        }
    }

    /// One try; a connection that broke is tried again, one that could not be made is not.
    private func attemptSend(_ path: String, accept: [String], attempt: inout Int) async throws -> HTTPClientResponse {
        while true {
            do {
                return try await sendToOrigin(path, accept: accept)
            } catch let error where RegistryFailure.isBrokenConnection(error) && attempt < configuration.attempts {
                try await pause(after: attempt, nil)
                attempt += 1
            } catch let error as ImageError {
                throw error
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                throw RegistryFailure.describe(error, authority: authority)
            }
        }
    }

    /// Learns how the registry is spoken to, when nothing was asked of it yet.
    func findOrigin() async throws {
        func isKnown() -> Bool { endpoint.scheme != .either || state.values.withLock { $0.origin != nil } }
        if isKnown() { return }
        do {
            _ = try await send(endpoint.basePath + "/", accept: [])
        } catch {
            // Any answer will do.
            guard isKnown() else { throw error }
        }
    }

    private func sendToOrigin(_ path: String, accept: [String]) async throws -> HTTPClientResponse {
        if let origin = state.values.withLock({ $0.origin }) {
            return try await follow(origin + path, accept: accept)
        }
        let secure = "https://" + authority
        if endpoint.scheme == .http {
            state.values.withLock { $0.origin = "http://" + authority }
            return try await sendToOrigin(path, accept: accept)
        }
        do {
            let response = try await follow(secure + path, accept: accept)
            state.values.withLock { $0.origin = secure }
            return response
        } catch let error where allowsPlain && RegistryFailure.mayBePlainHTTP(error) {
            let plain = "http://" + authority
            let response = try await follow(plain + path, accept: accept)
            // What a TLS server says to plain HTTP, when the link cut the try before this one.
            if response.status != .badRequest { state.values.withLock { $0.origin = plain } }
            return response
        }
    }

    /// Follows redirects by hand: never from https to http, and without our authorization once the server is another.
    private func follow(_ url: String, accept: [String]) async throws -> HTTPClientResponse {
        guard let start = WebAddress(url) else {
            throw ImageError(.invalidReference, "registry \"\(authority)\" is not a valid address")
        }
        var address = start
        for _ in 0..<6 {
            var headers = HTTPHeaders()
            for type in accept { headers.add(name: "Accept", value: type) }
            if address.isSameOrigin(as: start), let authorization = state.values.withLock({ $0.authorization }) {
                headers.add(name: "Authorization", value: authorization)
            }
            let response = try await execute(request(address, headers: headers))
            guard
                let next = try Self.redirect(
                    Int(response.status.code), response.headers, from: address, registry: authority)
            else {
                return response
            }
            address = next
        }
        throw tooManyRedirects
    }

    var tooManyRedirects: ImageError { ImageError(.registryFailure, "registry \(authority) redirects too often") }

    /// Where an answer leads to; nil when it leads nowhere.
    static func redirect(
        _ status: Int, _ headers: HTTPHeaders, from address: WebAddress, registry authority: String
    ) throws(ImageError) -> WebAddress? {
        guard [301, 302, 303, 307, 308].contains(status) else { return nil }
        guard let location = headers.first(name: "Location"), let next = address.resolving(location) else {
            throw ImageError(.registryFailure, "registry \(authority) sent a redirect without a usable address")
        }
        guard next.isSecure || !address.isSecure else {
            throw ImageError(
                .registryFailure, "registry \(authority) redirects from https to plain http at \(next.authority)")
        }
        return next
    }

    func request(_ address: WebAddress, headers: HTTPHeaders) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: address.description)
        request.headers = headers
        request.headers.add(name: "User-Agent", value: "wherry")
        if address.isSecure { request.tlsConfiguration = tlsConfiguration(for: address) }
        return request
    }

    /// How TLS is spoken to a server; nil is the usual way.
    private func tlsConfiguration(for address: WebAddress) -> TLSConfiguration? {
        if var tls {
            if !isOwn(address) { (tls.certificateChain, tls.privateKey) = ([], nil) }
            return tls
        }
        guard configuration.insecure == true else { return nil }
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .none
        return tls
    }

    /// The same as a context for connections of our own.
    func tlsContext(for address: WebAddress) throws -> NIOSSLContext? {
        guard address.isSecure else { return nil }
        let isOwn = isOwn(address)
        if let context = state.values.withLock({ $0.contexts[isOwn] }) { return context }
        let context = try NIOSSLContext(
            configuration: tlsConfiguration(for: address) ?? TLSConfiguration.makeClientConfiguration())
        state.values.withLock { $0.contexts[isOwn] = context }
        return context
    }

    /// Whether this is the endpoint itself, and not a server that it sends us to.
    private func isOwn(_ address: WebAddress) -> Bool {
        WebAddress("https://" + authority).map(address.isSameOrigin) ?? false
    }

    /// Says what is wrong with the certificate of a server that was refused.
    func distrust(_ error: any Error, of address: WebAddress) async -> ImageError {
        RegistryFailure.describe(
            distrust: error, by: await PresentedCertificates.of(address), host: address.host,
            server: isOwn(address) ? "registry \(authority)" : "server \(address.authority) of registry \(authority)")
    }

    func execute(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        let seconds = configuration.headTimeout.components.seconds
        do {
            return try await http.execute(request, timeout: .seconds(seconds))
        } catch let error where RegistryFailure.isDistrust(error) {
            // The server speaks TLS, so that plain HTTP is no way out; another look says what is wrong with it.
            guard let address = WebAddress(request.url) else { throw error }
            throw await distrust(error, of: address)
        }
    }

    // MARK: Logging in

    func logIn(_ headers: [String]) async throws {
        let challenges = headers.flatMap(AuthChallenge.parse)
        if let bearer = challenges.first(where: { $0.scheme == "bearer" }) {
            let token = try await token(bearer)
            state.values.withLock { $0.authorization = "Bearer " + token }
        } else if challenges.contains(where: { $0.scheme == "basic" }) {
            guard let credentials = configuration.credentials else {
                throw ImageError(
                    .unauthorized,
                    "registry \(authority) wants a login: `docker login` it for a pull by hand, or name a Secret of type "
                        + "kubernetes.io/dockerconfigjson in the pod's imagePullSecrets")
            }
            guard state.values.withLock({ $0.origin })?.hasPrefix("https:") == true || allowsPlain else {
                throw ImageError(.unauthorized, "registry \(authority) wants a password over plain http; refused")
            }
            state.values.withLock { $0.authorization = Self.basic(credentials) }
        } else {
            throw ImageError(.unauthorized, "registry \(authority) refused access without saying how to log in")
        }
    }

    private func token(_ challenge: AuthChallenge) async throws -> String {
        guard let realm = challenge.parameters["realm"], let address = WebAddress(realm) else {
            throw ImageError(.registryFailure, "registry \(authority) names no valid token server")
        }
        // A token server gets the user's password, so it must be one that nobody can pose as.
        guard
            address.isSecure || configuration.insecure == true || endpoint.scheme == .http
                || WebAddress.isLoopback(address.host)
        else {
            throw ImageError(
                .registryFailure, "registry \(authority) names the token server \(realm), which is not https")
        }
        let service = challenge.parameters["service"]
        let scope = challenge.parameters["scope"] ?? "repository:\(endpoint.repository):pull"
        let response = try await tokenResponse(address, service: service, scope: scope)
        guard response.status == .ok else {
            if [400, 401, 403].contains(response.status.code) {
                let who = configuration.credentials.map { "user \"\($0.username)\"" } ?? "anonymous access"
                throw ImageError(
                    .unauthorized,
                    "token server \(address.authority) of registry \(authority) refused \(who); check the login")
            }
            throw ImageError(
                .registryFailure, "token server \(address.authority) answered \(response.status.code)")
        }
        let value = try? JSONValue(parsing: try await body(of: response, limit: 1 << 20, what: "token"))
        guard let token = (value?["token"] ?? value?["access_token"])?.stringValue, !token.isEmpty,
            token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { throw ImageError(.registryFailure, "token server \(address.authority) sent no token") }
        return token
    }

    private func tokenResponse(
        _ address: WebAddress, service: String?, scope: String
    ) async throws -> HTTPClientResponse {
        let encode = WebAddress.queryValue
        let serviceQuery = service.map { "service=" + encode($0) + "&" } ?? ""
        var request: HTTPClientRequest
        if let identity = configuration.credentials?.identityToken {
            request = self.request(address, headers: ["Content-Type": "application/x-www-form-urlencoded"])
            request.method = .POST
            let form =
                serviceQuery + "scope=" + encode(scope) + "&grant_type=refresh_token&client_id=wherry&refresh_token="
                + encode(identity)
            request.body = .bytes(ByteBuffer(string: form))
        } else {
            let separator = address.target.contains("?") ? "&" : "?"
            let url = address.description + separator + serviceQuery + "scope=" + encode(scope)
            guard let full = WebAddress(url) else {
                throw ImageError(.registryFailure, "registry \(authority) names no valid token server")
            }
            request = self.request(full, headers: [:])
            if let credentials = configuration.credentials {
                request.headers.add(name: "Authorization", value: Self.basic(credentials))
            }
        }
        do {
            return try await execute(request)
        } catch {
            throw RegistryFailure.describe(error, authority: address.authority)
        }
    }

    private static func basic(_ credentials: RegistryCredentials) -> String {
        "Basic " + Base64.encode(Array((credentials.username + ":" + credentials.password).utf8))
    }

    // MARK: Refusals and waiting

    func refusal(_ response: HTTPClientResponse) async -> ImageError {
        let bytes = (try? await body(of: response, limit: 64 << 10, what: "error")) ?? []
        return RegistryFailure.describe(
            status: Int(response.status.code), body: bytes, authority: authority,
            hasCredentials: configuration.credentials != nil)
    }

    func pause(after attempt: Int, _ requested: Duration?) async throws {
        var delay = min(configuration.firstDelay * (1 << min(attempt - 1, 10)), configuration.longestDelay)
        if let requested { delay = max(delay, min(requested, configuration.longestRequestedDelay)) }
        // Devices that lost a registry together must not come back together.
        try await configuration.clock.sleep(for: delay * Double.random(in: 1...1.25))
    }
}
