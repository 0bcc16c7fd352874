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
        /// Until the head of an answer is here.
        var headTimeout: Duration = .seconds(30)
    }

    static let manifestLimit = 4 << 20

    let reference: ImageReference
    let http: HTTPClient
    let configuration: Configuration
    private let state = SharedState()

    /// What requests of one pull learn from each other.
    private final class SharedState: Sendable {
        struct Values {
            var origin: String?
            var authorization: String?
        }
        let values = Mutex(Values())
    }

    init(reference: ImageReference, http: HTTPClient, configuration: Configuration) {
        self.reference = reference
        self.http = http
        self.configuration = configuration
    }

    /// Host and port that are asked; Docker Hub's is not the name in its references.
    var authority: String {
        reference.registry == ImageReference.defaultRegistry ? "registry-1.docker.io" : reference.registry
    }

    private var host: String { WebAddress("https://" + authority)?.host ?? authority }
    private var allowsPlain: Bool { configuration.insecure ?? WebAddress.isLoopback(host) }

    // MARK: Documents and blobs

    /// A manifest or index by tag or digest, verified when asked by digest.
    func manifest(_ locator: String) async throws -> (bytes: [UInt8], type: String?, digest: Digest) {
        let response = try await send(
            "/v2/\(reference.repository)/manifests/\(locator)", accept: MediaType.acceptedManifests)
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

    /// Opens a blob's content; the caller verifies size and digest.
    func blob(_ digest: Digest) async throws -> HTTPClientResponse.Body {
        try await send("/v2/\(reference.repository)/blobs/\(digest)", accept: []).body
    }

    private func body(of response: HTTPClientResponse, limit: Int, what: String) async throws -> [UInt8] {
        do {
            let buffer = try await response.body.collect(upTo: limit)
            return Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw ImageError(.limitExceeded, "registry \(authority) sent a \(what) of more than \(limit) bytes")
        } catch {
            throw RegistryFailure.describe(error, authority: authority)
        }
    }

    // MARK: Requests

    /// Sends a GET: finds the scheme, logs in when asked to, follows redirects, waits and tries again when told to.
    private func send(_ path: String, accept: [String]) async throws -> HTTPClientResponse {
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
                try await pause(after: attempt, response.headers.first(name: "Retry-After"))
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
            } catch let error as HTTPClientError
                where error == .remoteConnectionClosed && attempt < configuration.attempts
            {
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

    private func sendToOrigin(_ path: String, accept: [String]) async throws -> HTTPClientResponse {
        if let origin = state.values.withLock({ $0.origin }) {
            return try await follow(origin + path, accept: accept)
        }
        let secure = "https://" + authority
        do {
            let response = try await follow(secure + path, accept: accept)
            state.values.withLock { $0.origin = secure }
            return response
        } catch let error where allowsPlain && RegistryFailure.mayBePlainHTTP(error) {
            let plain = "http://" + authority
            let response = try await follow(plain + path, accept: accept)
            state.values.withLock { $0.origin = plain }
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
            guard [301, 302, 303, 307, 308].contains(response.status.code) else { return response }
            guard let location = response.headers.first(name: "Location"), let next = address.resolving(location) else {
                throw ImageError(.registryFailure, "registry \(authority) sent a redirect without a usable address")
            }
            guard next.isSecure || !address.isSecure else {
                throw ImageError(
                    .registryFailure, "registry \(authority) redirects from https to plain http at \(next.authority)")
            }
            address = next
        }
        throw ImageError(.registryFailure, "registry \(authority) redirects too often")
    }

    private func request(_ address: WebAddress, headers: HTTPHeaders) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: address.description)
        request.headers = headers
        request.headers.add(name: "User-Agent", value: "wherry")
        if address.isSecure, configuration.insecure == true {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.certificateVerification = .none
            request.tlsConfiguration = tls
        }
        return request
    }

    private func execute(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        let seconds = configuration.headTimeout.components.seconds
        do {
            return try await http.execute(request, timeout: .seconds(seconds))
        } catch let error where RegistryFailure.isDistrust(error) {
            // The server speaks TLS, so that plain HTTP is no way out; another look says what is wrong with it.
            guard let address = WebAddress(request.url) else { throw error }
            let isRegistry = WebAddress("https://" + authority).map(address.isSameOrigin) ?? false
            throw RegistryFailure.describe(
                distrust: error, by: await PresentedCertificates.of(address), host: address.host,
                server: isRegistry ? "registry \(authority)" : "server \(address.authority) of registry \(authority)")
        }
    }

    // MARK: Logging in

    private func logIn(_ headers: [String]) async throws {
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
        guard address.isSecure || configuration.insecure == true || WebAddress.isLoopback(address.host) else {
            throw ImageError(
                .registryFailure, "registry \(authority) names the token server \(realm), which is not https")
        }
        let service = challenge.parameters["service"]
        let scope = challenge.parameters["scope"] ?? "repository:\(reference.repository):pull"
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

    private func refusal(_ response: HTTPClientResponse) async -> ImageError {
        let bytes = (try? await body(of: response, limit: 64 << 10, what: "error")) ?? []
        return RegistryFailure.describe(
            status: Int(response.status.code), body: bytes, authority: authority,
            hasCredentials: configuration.credentials != nil)
    }

    private func pause(after attempt: Int, _ retryAfter: String?) async throws {
        var delay = configuration.firstDelay * (1 << min(attempt - 1, 10))
        if let seconds = retryAfter.flatMap({ Int($0) }), seconds >= 0 {
            delay = max(delay, .seconds(min(seconds, 3600)))
        }
        delay = min(delay, configuration.longestDelay)
        // Devices that lost a registry together must not come back together.
        try await configuration.clock.sleep(for: delay * Double.random(in: 0.75...1.25))
    }
}
