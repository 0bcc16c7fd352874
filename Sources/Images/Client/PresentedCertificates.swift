internal import Linux
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// The certificates that a server presents, looked at without trusting them: only to say what is wrong with them.
enum PresentedCertificates {
    /// The server's own first; empty when it cannot be asked.
    static func of(_ address: WebAddress) async -> [NIOSSLCertificate] {
        let host = address.host.hasPrefix("[") ? String(address.host.dropFirst().dropLast()) : address.host
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let chain = loop.makePromise(of: [NIOSSLCertificate].self)
        do {
            let context = try NIOSSLContext(configuration: .makeClientConfiguration())
            let channel = try await ClientBootstrap(group: loop)
                .connectTimeout(.seconds(10))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = try NIOSSLClientHandler(
                            context: context, serverHostname: isLiteral(host) ? nil : host,
                            customVerificationCallback: { certificates, verdict in
                                chain.succeed(certificates)
                                verdict.succeed(.failed)
                            })
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                }
                .connect(host: host, port: address.port).get()
            // The handshake ends by our own refusal; a server that never speaks is cut off.
            channel.eventLoop.scheduleTask(in: .seconds(10)) { channel.close(promise: nil) }
            channel.closeFuture.whenComplete { _ in chain.fail(ChannelError.eof) }
        } catch {
            chain.fail(error)
        }
        return (try? await chain.futureResult.get()) ?? []
    }

    private static func isLiteral(_ host: String) -> Bool {
        var buffer = in6_addr()
        return inet_pton(AF_INET, host, &buffer) == 1 || inet_pton(AF_INET6, host, &buffer) == 1
    }
}
