internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import OCI
internal import Synchronization

/// Uploads by the distribution specification: a session, chunks, and a last request that names the digest.
extension RegistryClient {
    /// What an upload is read from.
    struct UploadSource: Sendable {
        let blob: Digest
        let size: Int64
        /// Bytes from an offset, as many as asked for unless the file ends.
        let read: @Sendable (_ offset: Int64, _ count: Int) async throws -> [UInt8]
    }

    /// Small enough to be sent again, large enough for links with long round trips.
    static let chunkSize = 4 << 20

    // MARK: Asking

    /// Whether the registry has a blob in this repository.
    func hasBlob(_ blob: Digest) async throws -> Bool {
        let response = try await exchange(.HEAD, try await repositoryURL("blobs/\(blob)"))
        switch response.status.code {
        case 200: return true
        case 404: return false
        default: throw await refusal(response)
        }
    }

    /// Starts an upload; with `from` the registry is asked to take the blob from another of its repositories instead.
    /// - Returns: Where to send it; nil when it was mounted.
    private func begin(mounting blob: Digest? = nil, from repository: String? = nil) async throws -> UploadSession? {
        var url = try await repositoryURL("blobs/uploads/")
        if let blob, let repository {
            let query = "?mount=\(blob)&from=\(WebAddress.queryValue(repository))"
            url = url.resolving(url.target + query) ?? url
        }
        let response = try await exchange(.POST, url)
        switch response.status.code {
        case 201: return nil
        case 202: return try UploadSession(response, asked: url, authority: authority)
        default: throw await refusal(response)
        }
    }

    /// Whether the registry took a blob over from another of its repositories.
    func mount(_ blob: Digest, from repository: String) async throws -> Bool {
        try await begin(mounting: blob, from: repository) == nil
    }

    // MARK: Uploading

    enum UploadOutcome: Sendable, Hashable {
        case uploaded
        case mounted(String)
    }

    /// Brings a blob to the registry: by mounting it from a repository that may have it, or by sending it.
    ///
    /// After a cut the registry is asked how far it got, and the rest is sent.
    /// - Parameter progress: Gets the bytes that the registry has.
    func upload(
        _ source: UploadSource, mountableFrom repositories: [String], progress: @Sendable (Int64) -> Void
    ) async throws -> UploadOutcome {
        for repository in repositories {
            guard var session = try await begin(mounting: source.blob, from: repository) else {
                return .mounted(repository)
            }
            // The registry does not have it there, and offers an upload instead.
            if repository == repositories.last {
                try await send(source, &session, progress)
                return .uploaded
            }
        }
        guard var session = try await begin() else { return .uploaded }
        try await send(source, &session, progress)
        return .uploaded
    }

    private func send(
        _ source: UploadSource, _ session: inout UploadSession, _ progress: @Sendable (Int64) -> Void
    ) async throws {
        var failures = 0
        while true {
            let before = session.offset
            do {
                while session.offset < source.size {
                    let count = Int(min(Int64(max(Self.chunkSize, session.minimumChunk)), source.size - session.offset))
                    try await sendChunk(try await source.read(session.offset, count), &session)
                    progress(session.offset)
                }
                return try await finish(source, session)
            } catch let error as ImageError where error.code == .cancelled || error.cause is FinalRefusal {
                throw error
            } catch let error as CancellationError {
                throw error
            } catch {
                failures = session.offset > before ? 1 : failures + 1
                guard failures < configuration.attempts else {
                    throw RegistryFailure.describe(error, authority: authority)
                }
                try await pause(after: failures, nil)
                if try await hasBlob(source.blob) { return }
                session = try await resumed(session)
            }
        }
    }

    private func sendChunk(_ bytes: [UInt8], _ session: inout UploadSession) async throws {
        let last = session.offset + Int64(bytes.count) - 1
        let response = try await exchange(
            .PATCH, session.address,
            headers: [
                "Content-Type": "application/octet-stream", "Content-Range": "\(session.offset)-\(last)",
            ], body: bytes, tries: 1)
        guard response.status == .accepted else { throw await outcome(of: response) }
        let next = try UploadSession(response, asked: session.address, authority: authority, sent: last + 1)
        guard next.offset > session.offset else {
            throw ImageError(.registryFailure, "registry \(authority) took a part of a blob and kept nothing of it")
        }
        session.continue(as: next)
    }

    private func finish(_ source: UploadSource, _ session: UploadSession) async throws {
        let response = try await exchange(.PUT, session.address(with: source.blob), tries: 1)
        guard response.status == .created || response.status == .noContent else { throw await outcome(of: response) }
    }

    /// Asks how far the registry got. A session that it forgot begins again, and so does one that it cannot take up: Debian's
    /// registry gives up an upload that broke off within a chunk.
    private func resumed(_ session: UploadSession) async throws -> UploadSession {
        let response = try await exchange(.GET, session.address)
        if response.status == .noContent {
            var resumed = session
            resumed.continue(as: try UploadSession(response, asked: session.address, authority: authority))
            return resumed
        }
        guard response.status.code < 500, ![401, 403, 429].contains(response.status.code), let fresh = try await begin()
        else { throw await refusal(response) }
        return fresh
    }

    /// Marks an answer that another try does not change.
    private struct FinalRefusal: Error {}

    /// A range that does not fit, an overload and a forgotten session are worth another look; other refusals are not.
    private func outcome(of response: HTTPClientResponse) async -> ImageError {
        let error = await refusal(response)
        let code = response.status.code
        guard ![404, 408, 416, 429].contains(code), code < 500 else { return error }
        return ImageError(error.code, error.message, cause: FinalRefusal())
    }

    // MARK: Manifests

    /// Stores a manifest under a tag or its digest.
    func putManifest(_ bytes: [UInt8], type: String, as locator: String) async throws {
        let url = try await repositoryURL("manifests/\(locator)")
        let response = try await exchange(.PUT, url, headers: ["Content-Type": type], body: bytes)
        guard (200..<300).contains(response.status.code) else { throw await refusal(response) }
    }

    // MARK: Requests

    /// The address of something of the repository, at the scheme that the registry speaks.
    private func repositoryURL(_ rest: String) async throws -> WebAddress {
        if state.values.withLock({ $0.origin }) == nil {
            // Any question finds the scheme; this one, whose answer does not matter, also logs in.
            do { _ = try await send(endpoint.basePath + "/", accept: []) } catch let error as ImageError
                where error.code == .unauthorized || error.code == .unknownImage
            {
                // The next request says it better, with the scope that it needs.
            }
        }
        let origin = state.values.withLock { $0.origin } ?? "https://" + authority
        guard let url = WebAddress(origin + path(rest)) else {
            throw ImageError(.invalidReference, "registry \"\(authority)\" is not a valid address")
        }
        return url
    }

    /// A request and the head of its answer. What breaks on the way and what the registry has no time for is asked again,
    /// unless the caller knows better how to go on.
    private func exchange(
        _ method: HTTPMethod, _ address: WebAddress, headers: HTTPHeaders = [:], body: [UInt8]? = nil, tries: Int? = nil
    ) async throws -> HTTPClientResponse {
        let tries = tries ?? configuration.attempts
        var attempt = 1
        while true {
            do {
                let response = try await authorizedExchange(method, address, headers: headers, body: body)
                guard [429, 500, 502, 503, 504].contains(response.status.code), attempt < tries else { return response }
            } catch let error as ImageError where error.code == .registryUnreachable && attempt < tries {
                // The link may be back after the pause.
            }
            try await pause(after: attempt, nil)
            attempt += 1
        }
    }

    /// One try; logs in when the registry wants more rights than it was shown.
    private func authorizedExchange(
        _ method: HTTPMethod, _ address: WebAddress, headers: HTTPHeaders, body: [UInt8]?
    ) async throws -> HTTPClientResponse {
        var loggedIn = false
        while true {
            var request = request(address, headers: headers)
            request.method = method
            if isOrigin(address), let authorization = state.values.withLock({ $0.authorization }) {
                request.headers.add(name: "Authorization", value: authorization)
            }
            if let body {
                request.body = .bytes(ByteBuffer(bytes: body))
            } else if method == .PUT || method == .POST {
                request.headers.add(name: "Content-Length", value: "0")
            }
            let response: HTTPClientResponse
            do {
                // Long enough for a chunk over a slow link.
                response = try await http.execute(request, timeout: .minutes(30))
            } catch {
                throw RegistryFailure.describe(error, authority: authority)
            }
            guard response.status == .unauthorized, isOrigin(address), !loggedIn else { return response }
            loggedIn = true
            try await logIn(response.headers["WWW-Authenticate"])
        }
    }

    /// Credentials go to the registry only, never to the store that it sends an upload to.
    private func isOrigin(_ address: WebAddress) -> Bool {
        let origin = state.values.withLock { $0.origin }.flatMap { WebAddress($0) }
        return origin.map(address.isSameOrigin) ?? false
    }
}

/// An upload under way: where its next part goes, and how far the registry got.
private struct UploadSession {
    private(set) var address: WebAddress
    private(set) var offset: Int64
    /// What the registry wants a chunk to have at least (`OCI-Chunk-Min-Length`), up to 64 MiB.
    private(set) var minimumChunk: Int

    /// - Parameter sent: What the registry has when it does not say.
    init(
        _ response: HTTPClientResponse, asked: WebAddress, authority: String, sent: Int64 = 0
    ) throws(ImageError) {
        guard let location = response.headers.first(name: "Location") ?? Optional(asked.description),
            let address = asked.resolving(location)
        else { throw ImageError(.registryFailure, "registry \(authority) names no usable place for an upload") }
        guard address.isSecure || !asked.isSecure else {
            throw ImageError(
                .registryFailure,
                "registry \(authority) leads an upload from https to plain http at \(address.authority)")
        }
        self.address = address
        offset = Self.end(of: response.headers.first(name: "Range"), sent: sent) ?? sent
        minimumChunk = min(Int(response.headers.first(name: "OCI-Chunk-Min-Length") ?? "") ?? 0, 64 << 20)
    }

    mutating func `continue`(as next: UploadSession) {
        address = next.address
        offset = next.offset
        minimumChunk = max(minimumChunk, next.minimumChunk)
    }

    /// `0-1023`, with `bytes=` by some, is 1024; `0-0` is one byte, and by some none at all.
    private static func end(of range: String?, sent: Int64) -> Int64? {
        guard let end = range?.split(separator: "-").last.flatMap({ Int64($0) }), end >= 0 else { return nil }
        return end == 0 ? min(sent, 1) : end + 1
    }

    func address(with blob: Digest) -> WebAddress {
        let separator = address.target.contains("?") ? "&" : "?"
        return address.resolving(address.target + separator + "digest=\(blob)") ?? address
    }
}
