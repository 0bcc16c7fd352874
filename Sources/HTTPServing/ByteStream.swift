import Linux
public import NIOCore
import NIOHTTP1
import NIOPosix

/// Bytes both ways over a connection, a socket, a pipe or a terminal.
///
/// Both directions hold back: little more is read than the reader has taken, and a write returns once the kernel has the bytes.
/// Whoever gets one closes it.
public final class ByteStream: Sendable {
    /// Bytes that are read ahead of the reader.
    static let readAhead = 128 << 10

    /// What comes in, until the other side ends its direction or the connection is gone. For one reader.
    public let inbound: Inbound
    private let channel: any Channel
    private let handler: NIOLoopBound<ByteStreamHandler>
    private let untilInputEnd: AsyncStream<Never>

    /// The pieces that come in.
    public struct Inbound: AsyncSequence, AsyncIteratorProtocol, Sendable {
        let queue: ByteQueue

        public func next() async -> ByteBuffer? { await queue.next() }
        public func makeAsyncIterator() -> Inbound { self }
    }

    private init(
        _ channel: any Channel, _ handler: NIOLoopBound<ByteStreamHandler>, _ queue: ByteQueue,
        _ untilInputEnd: AsyncStream<Never>
    ) {
        self.channel = channel
        self.handler = handler
        self.untilInputEnd = untilInputEnd
        inbound = Inbound(queue: queue)
    }

    /// On the channel's event loop.
    private static func make(
        on channel: any Channel, add: (ByteStreamHandler) throws -> Void
    ) throws -> ByteStream {
        let loop = channel.eventLoop
        let (untilInputEnd, inputEnd) = AsyncStream<Never>.makeStream()
        let handler = ByteStreamHandler(loop, inputEnd)
        let bound = NIOLoopBound(handler, eventLoop: loop)
        let queue = ByteQueue(limit: readAhead) { loop.execute { bound.value.readMore() } }
        handler.queue = queue
        do {
            try add(handler)
        } catch {
            handler.queue = nil
            throw error
        }
        return ByteStream(channel, bound, queue, untilInputEnd)
    }

    /// Returns when the other side has ended its direction or is gone, read or not, or when the task is cancelled. For one
    /// waiter.
    public func inputEnd() async { for await _ in untilInputEnd {} }

    /// Sends bytes as one piece, whole before whatever another task sends. When the task is cancelled meanwhile, the stream
    /// is closed.
    public func write(_ bytes: ByteBuffer) async throws {
        let (channel, handler) = (channel, handler)
        try await withTaskCancellationHandler {
            try await channel.eventLoop.flatSubmit { handler.value.write(bytes) }.get()
        } onCancel: {
            channel.eventLoop.execute { handler.value.close() }
        }
    }

    /// Ends our direction; the other side may go on.
    public func finishOutput() async {
        let handler = handler
        try? await channel.eventLoop.flatSubmit { handler.value.finishOutput() }.get()
    }

    /// Closes both directions. Closing what is closed is fine.
    public func close() async {
        let (channel, handler) = (channel, handler)
        channel.eventLoop.execute { handler.value.close() }
        try? await channel.closeFuture.get()
    }
}

// MARK: Where they come from

extension ByteStream {
    /// Takes over an HTTP connection whose request has been read: its handlers read nothing more, and write the answer, 101,
    /// past this stream.
    static func takingOver(_ channel: any Channel) async throws -> ByteStream {
        // It fails when the client is gone already, which its reader will notice.
        try? await boundReceiving(channel)
        return try await channel.eventLoop.submit {
            let operations = channel.pipeline.syncOperations
            return try make(on: channel) { handler in
                let encoder = try operations.context(handlerType: HTTPResponseEncoder.self).handler
                try operations.addHandler(handler, position: .before(encoder))
            }
        }.get()
    }

    /// Bytes. What the kernel holds when a peer leaves is read at once, so it is bounded.
    private static let receiveBuffer: ChannelOptions.Types.SocketOption.Value = 256 << 10

    private static func boundReceiving(_ channel: any Channel) async throws {
        guard channel.remoteAddress?.ipAddress != nil else { return }
        try await channel.setOption(.socketOption(.so_rcvbuf), value: receiveBuffer).get()
    }

    /// The reading end of a pipe.
    public static func reading(_ descriptor: Int32) async throws -> ByteStream {
        try await adopt(descriptor) {
            try await pipes().takingOwnershipOfDescriptor(input: descriptor, channelInitializer: wrap)
        }
    }

    /// The writing end of a pipe.
    public static func writing(_ descriptor: Int32) async throws -> ByteStream {
        try await adopt(descriptor) {
            try await pipes().takingOwnershipOfDescriptor(output: descriptor, channelInitializer: wrap)
        }
    }

    /// A terminal's master.
    public static func terminal(_ descriptor: Int32) async throws -> ByteStream {
        try await adopt(descriptor) {
            try await pipes().takingOwnershipOfDescriptor(inputOutput: descriptor, channelInitializer: wrap)
        }
    }

    /// A connected socket.
    public static func socket(_ descriptor: Int32) async throws -> ByteStream {
        try await adopt(descriptor) {
            try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .channelOption(.socketOption(.so_rcvbuf), value: receiveBuffer)
                .withConnectedSocket(descriptor, channelInitializer: wrap)
        }
    }

    private static func pipes() -> NIOPipeBootstrap {
        NIOPipeBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
    }

    private static func adopt(_ descriptor: Int32, _ open: () async throws -> ByteStream) async throws -> ByteStream {
        do {
            return try await open()
        } catch {
            Linux.close(descriptor)
            throw error
        }
    }

    @Sendable private static func wrap(_ channel: any Channel) -> EventLoopFuture<ByteStream> {
        channel.eventLoop.makeCompletedFuture {
            try make(on: channel) { try channel.pipeline.syncOperations.addHandler($0) }
        }
    }
}

/// Between a channel and its stream. In an HTTP connection it stands before the HTTP handlers and keeps everything from them
/// but the end.
final class ByteStreamHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    var queue: ByteQueue?
    private let eventLoop: any EventLoop
    private let inputEnd: AsyncStream<Never>.Continuation
    private var context: ChannelHandlerContext?
    private var wantsMore = true

    init(_ eventLoop: any EventLoop, _ inputEnd: AsyncStream<Never>.Continuation) {
        self.eventLoop = eventLoop
        self.inputEnd = inputEnd
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { context.read() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        finish()
        // The queue refers to this handler.
        queue = nil
    }

    private func finish() {
        queue?.finish()
        inputEnd.finish()
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        context.read()
    }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if queue?.offer(unwrapInboundIn(data)) == false { wantsMore = false }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if wantsMore { context.read() }
    }

    /// The channel asks by itself; it is let only when there is room.
    func read(context: ChannelHandlerContext) {
        if wantsMore { context.read() }
    }

    func readMore() {
        wantsMore = true
        context?.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { finish() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish()
        context.fireChannelInactive()
    }

    /// A connection that breaks ends; so does a terminal that nobody has open any more, which is an error to the kernel.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish()
        context.close(promise: nil)
    }

    // MARK: Out

    func write(_ bytes: ByteBuffer) -> EventLoopFuture<Void> {
        guard let context else { return closed() }
        return context.writeAndFlush(wrapOutboundOut(bytes))
    }

    func finishOutput() -> EventLoopFuture<Void> {
        guard let context else { return closed() }
        return context.close(mode: .output)
    }

    func close() { context?.close(promise: nil) }

    private func closed() -> EventLoopFuture<Void> {
        eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
    }
}
