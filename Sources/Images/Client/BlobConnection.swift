internal import Linux
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// One GET over one connection of its own, whose body loses nothing that arrived.
///
/// AsyncHTTPClient drops what it has buffered when a connection breaks, which is what pulls over bad links are paid by.
/// Here every byte that the kernel had is handed out before the error.
enum BlobConnection {
    struct Timeouts: Sendable {
        var connect: Duration
        /// Without a byte for so long, while we wait for one, the connection is broken.
        var stall: Duration
    }

    /// The connection has been silent for too long.
    struct Stalled: Error {}

    /// Sends the request, and closes the connection when `receive` returns.
    static func get(
        _ address: WebAddress, headers: HTTPHeaders, tls: NIOSSLContext?, timeouts: Timeouts,
        receive: (HTTPResponseHead, ResponseQueue) async throws -> Void
    ) async throws {
        let queue = ResponseQueue()
        let channel = try await connect(address, tls, timeouts, queue)
        do {
            var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: address.target, headers: headers)
            head.headers.replaceOrAdd(name: "Host", value: address.shortAuthority)
            head.headers.replaceOrAdd(name: "User-Agent", value: "wherry")
            head.headers.replaceOrAdd(name: "Accept-Encoding", value: "identity")
            head.headers.replaceOrAdd(name: "Connection", value: "close")
            channel.write(HTTPClientRequestPart.head(head), promise: nil)
            // A write that fails ends the queue, too.
            channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
            try await receive(try await answer(queue), queue)
        } catch {
            channel.close(promise: nil)
            throw error
        }
        channel.close(promise: nil)
    }

    private static func answer(_ queue: ResponseQueue) async throws -> HTTPResponseHead {
        while let part = try await queue.next() {
            if case .head(let head) = part, !(100..<200).contains(head.status.code) { return head }
        }
        throw ChannelError.eof
    }

    private static func connect(
        _ address: WebAddress, _ tls: NIOSSLContext?, _ timeouts: Timeouts, _ queue: ResponseQueue
    ) async throws -> any Channel {
        let host = address.host.hasPrefix("[") ? String(address.host.dropFirst().dropLast()) : address.host
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.init(timeouts.connect))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(StallHandler(.init(timeouts.stall)))
                    if let tls {
                        let name = isLiteral(host) ? nil : host
                        try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
                    }
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(QueueHandler(queue))
                }
            }
            .connect(host: host, port: address.port).get()
    }

    private static func isLiteral(_ host: String) -> Bool {
        var buffer = in6_addr()
        return inet_pton(AF_INET, host, &buffer) == 1 || inet_pton(AF_INET6, host, &buffer) == 1
    }
}

/// Breaks a connection that owes us bytes and sends none. While nobody reads, no time runs.
private final class StallHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private let timeout: TimeAmount
    private var timer: Scheduled<Void>?

    init(_ timeout: TimeAmount) { self.timeout = timeout }

    func read(context: ChannelHandlerContext) {
        if timer == nil {
            timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
                context.fireErrorCaught(BlobConnection.Stalled())
                context.close(promise: nil)
            }
        }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        stopTimer()
        context.fireChannelRead(data)
    }

    func channelInactive(context: ChannelHandlerContext) {
        stopTimer()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { stopTimer() }

    private func stopTimer() {
        timer?.cancel()
        timer = nil
    }
}

/// Puts an answer's parts into a queue, and reads no more than that has room for.
private final class QueueHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private let queue: ResponseQueue
    private var isHeldBack = false

    init(_ queue: ResponseQueue) { self.queue = queue }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        queue.whenRoom {
            loop.execute {
                let (handler, context) = bound.value
                guard handler.isHeldBack else { return }
                handler.isHeldBack = false
                context.read()
            }
        }
    }

    func read(context: ChannelHandlerContext) {
        if queue.hasRoom { context.read() } else { isHeldBack = true }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): queue.append(.head(head))
        case .body(let bytes): queue.append(.bytes(bytes))
        case .end: queue.end(nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        queue.end(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        queue.end(ChannelError.eof)
        context.fireChannelInactive()
    }
}
