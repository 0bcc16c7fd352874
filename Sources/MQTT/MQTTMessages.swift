internal import Synchronization

/// What a connection received, in order. For one reader; ends when the connection does.
public struct MQTTMessages: AsyncSequence, Sendable {
    public typealias Element = MQTTMessage
    public typealias Failure = Never
    let inbox: Inbox

    public struct AsyncIterator: AsyncIteratorProtocol {
        var base: AsyncStream<MQTTMessage>.Iterator
        let inbox: Inbox

        public mutating func next() async -> MQTTMessage? { await next(isolation: #isolation) }

        public mutating func next(isolation actor: isolated (any Actor)?) async -> MQTTMessage? {
            let message = await base.next(isolation: actor)
            if message != nil { inbox.taken() }
            return message
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(base: inbox.stream.makeAsyncIterator(), inbox: inbox)
    }
}

/// The bounded buffer between the network thread and the reader.
///
/// It never drops: at the limit the network thread stops reading the socket, so that TCP holds the broker back.
final class Inbox: Sendable {
    let stream: AsyncStream<MQTTMessage>
    private let continuation: AsyncStream<MQTTMessage>.Continuation
    private let waiting = Mutex(0)
    private let limit: Int
    private let wake: WakeDescriptor

    init(limit: Int, wake: WakeDescriptor) {
        self.limit = limit
        self.wake = wake
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    var isFull: Bool { waiting.withLock { $0 >= limit } }

    func add(_ message: MQTTMessage) {
        waiting.withLock { $0 += 1 }
        continuation.yield(message)
    }

    func taken() {
        let resume = waiting.withLock { count in
            count -= 1
            return count == limit / 2
        }
        if resume { wake.signal() }
    }

    func finish() { continuation.finish() }
}
