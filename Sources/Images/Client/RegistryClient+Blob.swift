internal import NIOCore
internal import NIOHTTP1
internal import OCI
internal import Synchronization

extension RegistryClient {
    /// What a server sends of a blob.
    struct BlobAnswer {
        /// Where in the blob the first byte of the body stands; never beyond what was asked for.
        let start: Int64
        /// Whether it is a range, and not all of the blob.
        let isPartial: Bool
    }

    /// A refusal, for whoever decides whether to try again.
    struct RefusedBlob: Error {
        let status: Int
        let retryAfter: Duration?
        /// It came from a server that the registry sent us to: a signed address may have run out.
        let isElsewhere: Bool
    }

    /// A 206 that is not what was asked for.
    struct WrongRange: Error {}

    /// Asks for a blob from `offset` on.
    ///
    /// The range is a closed one, since there are servers that take no other. `receive` gets where the answer starts, and its body;
    /// the caller skips what it has, verifies size and digest.
    /// - Parameter ranged: False asks for the whole, of a server that refused a range.
    func blob(
        _ digest: Digest, from offset: Int64, size: Int64, ranged: Bool,
        receive: (BlobAnswer, ResponseQueue) async throws -> Void
    ) async throws {
        try await blob(digest, range: ranged && offset > 0 ? offset..<size : nil, from: offset, receive: receive)
    }

    /// Asks for a range of a blob, from `offset` on, or for the whole when it is nil; a server may answer with more.
    func blob(
        _ digest: Digest, range: Range<Int64>?, from offset: Int64,
        receive: (BlobAnswer, ResponseQueue) async throws -> Void
    ) async throws {
        try await findOrigin()
        var loggedIn = false
        while true {
            var challenge: [String]?
            try await follow(blobAddress(digest), range: range) { head, body, isElsewhere in
                if head.status == .unauthorized, !isElsewhere, !loggedIn {
                    challenge = head.headers["WWW-Authenticate"]
                    return
                }
                let answer = try Self.answer(head, offset: offset, isElsewhere: isElsewhere)
                try await receive(answer, body)
            }
            guard let challenge else { return }
            loggedIn = true
            try await logIn(challenge)
        }
    }

    private func blobAddress(_ digest: Digest) throws(ImageError) -> WebAddress {
        let origin =
            state.values.withLock { $0.origin } ?? (endpoint.scheme == .http ? "http://" : "https://") + authority
        guard let address = WebAddress(origin + path("blobs/\(digest)")) else {
            throw ImageError(.invalidReference, "registry \"\(authority)\" is not a valid address")
        }
        return address
    }

    private static func answer(_ head: HTTPResponseHead, offset: Int64, isElsewhere: Bool) throws -> BlobAnswer {
        switch head.status.code {
        case 200: return BlobAnswer(start: 0, isPartial: false)
        case 206:
            guard let start = contentRangeStart(head.headers), start <= offset else { throw WrongRange() }
            return BlobAnswer(start: start, isPartial: true)
        default:
            throw RefusedBlob(
                status: Int(head.status.code), retryAfter: RetryAfter.delay(head.headers), isElsewhere: isElsewhere)
        }
    }

    /// The first byte's position in `Content-Range: bytes 7-99/100`; nil for several parts or nonsense.
    static func contentRangeStart(_ headers: HTTPHeaders) -> Int64? {
        guard let text = headers.first(name: "Content-Range"), text.lowercased().hasPrefix("bytes ") else { return nil }
        return text.dropFirst(6).split(separator: "-").first.flatMap { Int64($0) }.flatMap { $0 >= 0 ? $0 : nil }
    }

    /// Follows redirects as ``follow(_:accept:)`` does, on connections that lose nothing.
    private func follow(
        _ start: WebAddress, range: Range<Int64>?,
        receive: (HTTPResponseHead, ResponseQueue, _ isElsewhere: Bool) async throws -> Void
    ) async throws {
        var address = start
        let timeouts = BlobConnection.Timeouts(connect: .seconds(10), stall: configuration.stallTimeout)
        for _ in 0..<6 {
            var headers: HTTPHeaders = [:]
            let isElsewhere = !address.isSameOrigin(as: start)
            if !isElsewhere, let authorization = state.values.withLock({ $0.authorization }) {
                headers.add(name: "Authorization", value: authorization)
            }
            if let range { headers.add(name: "Range", value: "bytes=\(range.lowerBound)-\(range.upperBound - 1)") }
            var next: WebAddress?
            do {
                try await BlobConnection.get(
                    address, headers: headers, tls: try tlsContext(for: address), timeouts: timeouts
                ) { head, body in
                    next = try Self.redirect(Int(head.status.code), head.headers, from: address, registry: authority)
                    if next == nil { try await receive(head, body, isElsewhere) }
                }
            } catch let error where RegistryFailure.isDistrust(error) {
                throw await distrust(error, of: address)
            }
            guard let found = next else { return }
            address = found
        }
        throw tooManyRedirects
    }
}
