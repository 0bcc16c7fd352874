import HTTPTypes
import Linux
import NIOCore
import NIOHTTPTypes

/// Ends connections that only hold a place: the peer is gone without a word, or its request does not get on.
final class ConnectionUpkeep: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// A peer that vanished is found out within some two minutes, whether something waits for its acknowledgement or not.
    private static let keepAlive: [(Int32, Int32)] = [
        (TCP_KEEPIDLE, 60), (TCP_KEEPINTVL, 15), (TCP_KEEPCNT, 4), (TCP_USER_TIMEOUT, 120_000),
    ]
    /// Bytes a second that a body reaches on average, whenever it is looked at.
    private static let slowestRate: Int64 = 256

    private struct Body {
        let begun: NIODeadline
        var bytes: Int64 = 0
    }

    /// The time from a request's head to the first look at it, and between looks.
    private let interval: TimeAmount
    private var body: Body?
    private var nextLook: Scheduled<Void>?
    /// Whether it is the peer's turn: without, the server is the slow one.
    private var waits = false

    init(interval: TimeAmount = .seconds(60)) {
        self.interval = interval
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard context.remoteAddress?.ipAddress != nil else { return }
        // They fail when the client is gone already, which its reader will notice.
        _ = context.channel.setOption(.socketOption(.so_keepalive), value: 1)
        for (option, value) in Self.keepAlive {
            _ = context.channel.setOption(.tcpOption(.init(rawValue: option)), value: .init(value))
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        nextLook?.cancel()
        nextLook = nil
    }

    func read(context: ChannelHandlerContext) {
        waits = true
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            body = Body(begun: context.eventLoop.now)
            if nextLook == nil { scheduleLook(in: interval, context) }
        case .body(let part):
            body?.bytes += Int64(part.readableBytes)
        case .end:
            body = nil
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        waits = false
        context.fireChannelReadComplete()
    }

    private func scheduleLook(in delay: TimeAmount, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        nextLook = context.eventLoop.scheduleTask(in: delay) {
            let (handler, context) = bound.value
            handler.nextLook = nil
            handler.look(context)
        }
    }

    private func look(_ context: ChannelHandlerContext) {
        guard let body else { return }
        let age = context.eventLoop.now - body.begun
        // Another request than the one the look was meant for.
        guard age >= interval else { return scheduleLook(in: interval - age, context) }
        if waits, body.bytes < age.nanoseconds / 1_000_000_000 * Self.slowestRate {
            context.close(promise: nil)
        } else {
            scheduleLook(in: interval, context)
        }
    }
}
