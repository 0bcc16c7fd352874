import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Sends one GET over a connected socket and tells the status code. Certificates aren't checked, as the kubelet doesn't.
struct HTTPRequester: Sendable {
    let group: any EventLoopGroup

    /// Takes ownership of the descriptor.
    func status(_ action: HandlerAction.HTTP, connected descriptor: Int32) async throws -> Int {
        let promise = group.any().makePromise(of: Int.self)
        let head = Self.head(action)
        let tls = action.scheme.uppercased() == "HTTPS" ? try Self.unverified() : nil
        let serverName = action.headers.first { $0.name.lowercased() == "host" }?.value
        let bootstrap = ClientBootstrap(group: group).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                if let tls { try pipeline.addHandler(Self.tlsHandler(tls, serverName)) }
                try pipeline.addHTTPClientHandlers()
                try pipeline.addHandler(StatusHandler(head: head, promise: promise))
            }
        }
        let channel: any Channel
        do {
            channel = try await bootstrap.withConnectedSocket(descriptor).get()
        } catch {
            promise.fail(error)
            throw error
        }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    private static func head(_ action: HandlerAction.HTTP) -> HTTPRequestHead {
        var headers = HTTPHeaders()
        headers.add(name: "Host", value: "\(action.host ?? "127.0.0.1"):\(action.port)")
        headers.add(name: "User-Agent", value: "kube-probe/1.33")
        headers.add(name: "Accept", value: "*/*")
        headers.add(name: "Connection", value: "close")
        for header in action.headers { headers.replaceOrAdd(name: header.name, value: header.value) }
        let path = action.path.hasPrefix("/") ? action.path : "/" + action.path
        return HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
    }

    private static func unverified() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        return try NIOSSLContext(configuration: configuration)
    }

    /// A server name that isn't one (an address) is left out.
    private static func tlsHandler(_ context: NIOSSLContext, _ name: String?) throws -> NIOSSLClientHandler {
        if let name, let handler = try? NIOSSLClientHandler(context: context, serverHostname: name) { return handler }
        return try NIOSSLClientHandler(context: context, serverHostname: nil)
    }
}

private final class StatusHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let head: HTTPRequestHead
    private let promise: EventLoopPromise<Int>

    init(head: HTTPRequestHead, promise: EventLoopPromise<Int>) {
        self.head = head
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data), head.status.code >= 200 else { return }
        promise.succeed(Int(head.status.code))
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(HandlerError("EOF"))
    }
}
