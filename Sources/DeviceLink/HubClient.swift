internal import AsyncHTTPClient
internal import FleetProtocol
internal import Identity
import JSON
import Linux
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// HTTPS to the hub during enrolment, trusting exactly the CA that the join line names.
struct HubClient: Sendable {
    let line: EnrolmentLine
    let authority: NIOSSLCertificate

    /// Looks at the certificates that the hub presents and picks the CA by its fingerprint. Sends nothing secret.
    static func connect(_ line: EnrolmentLine) async throws(LinkError) -> HubClient {
        guard let (host, port) = line.hostAndPort else {
            throw LinkError(.invalidLine, "\(line.hub) is no host:port")
        }
        let presented: [NIOSSLCertificate]
        do { presented = try await handshake(host, port) } catch {
            throw LinkError(
                .unreachable, "cannot reach the hub at \(line.hub): check its address, port and that it runs",
                cause: error)
        }
        for certificate in presented {
            if let der = try? certificate.toDERBytes(), ContentDigest(of: der).text == line.authority {
                return HubClient(line: line, authority: certificate)
            }
        }
        throw LinkError(
            .fingerprintMismatch,
            "whoever answers at \(line.hub) is not the hub of this line (its CA is not \(line.authority)); "
                + "make a new line at the hub, and check that nothing stands in between")
    }

    private static func handshake(_ host: String, _ port: Int) async throws -> [NIOSSLCertificate] {
        let group = MultiThreadedEventLoopGroup.singleton
        let chain = group.any().makePromise(of: [NIOSSLCertificate].self)
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .noHostnameVerification
        let context = try NIOSSLContext(configuration: configuration)
        do {
            let channel = try await ClientBootstrap(group: group)
                .connectTimeout(.seconds(10))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = try NIOSSLClientHandler(
                            context: context, serverHostname: isAddress(host) ? nil : host,
                            customVerificationCallback: { certificates, verdict in
                                chain.succeed(certificates)
                                verdict.succeed(.failed)
                            })
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                }
                .connect(host: host, port: port).get()
            // The handshake ends by our own refusal; a server that never speaks is cut off.
            channel.eventLoop.scheduleTask(in: .seconds(10)) { channel.close(promise: nil) }
            channel.closeFuture.whenComplete { _ in chain.fail(ChannelError.eof) }
        } catch {
            chain.fail(error)
        }
        return try await chain.futureResult.get()
    }

    private static func isAddress(_ host: String) -> Bool {
        var buffer = in6_addr()
        return inet_pton(AF_INET, host, &buffer) == 1 || inet_pton(AF_INET6, host, &buffer) == 1
    }

    /// Posts the request; the server must now prove itself with a certificate of the pinned CA for this host.
    func enrol(_ request: EnrolmentRequest) async throws(LinkError) -> EnrolmentResponse {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates([authority])
        tls.minimumTLSVersion = .tlsv12
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let outcome: Result<(Int, [UInt8]), any Error>
        do {
            var message = HTTPClientRequest(url: "https://\(line.hub)\(EnrolmentRequest.path)")
            message.method = .POST
            message.headers.add(name: "Content-Type", value: "application/json")
            message.body = .bytes(ByteBuffer(bytes: try JSONValue(encoding: request).serialized()))
            let response = try await client.execute(message, timeout: .seconds(30))
            let body = try await response.body.collect(upTo: 256 << 10)
            outcome = .success((Int(response.status.code), Array(body.readableBytesView)))
        } catch {
            outcome = .failure(error)
        }
        try? await client.shutdown()
        switch outcome {
        case .success((200..<300, let body)): return try read(body)
        case .success((let status, let body)): throw refusal(status, body)
        case .failure(let error):
            throw LinkError(
                .unreachable, "the enrolment at \(line.hub) broke off; try the same line again", cause: error)
        }
    }

    private func read(_ body: [UInt8]) throws(LinkError) -> EnrolmentResponse {
        do { return try JSONValue(parsing: body).decode() } catch {
            throw LinkError(.malformed, "the answer of \(line.hub) is no enrolment; is it a Wherry hub?", cause: error)
        }
    }

    private func refusal(_ status: Int, _ body: [UInt8]) -> LinkError {
        let value = try? JSONValue(parsing: body, limits: JSONLimits(maxDepth: 16, maxBytes: 64 << 10))
        let words = value?["message"]?.stringValue ?? "status \(status)"
        switch status {
        case 401, 403, 410:
            return LinkError(
                .tokenRefused, "the hub refused the line: \(words)")
        case 409:
            return LinkError(.nameTaken, "the hub refused the name: \(words)")
        default:
            return LinkError(.refused, "the hub at \(line.hub) refused: \(words)")
        }
    }
}
