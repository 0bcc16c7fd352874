internal import Resources
internal import Synchronization

/// The changes of some types, in order and without gaps; for one consumer.
///
/// It ends with a 410 `expired` error when the consumer falls too far behind: then list again and watch anew. Dropping
/// the stream ends the watch.
public struct WatchStream: AsyncSequence, Sendable {
    public typealias Element = WatchEvent
    public typealias Failure = any Error

    let subscription: WatchSubscription

    public struct AsyncIterator: AsyncIteratorProtocol {
        let subscription: WatchSubscription

        public mutating func next() async throws -> WatchEvent? { try await subscription.buffer.next() }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(subscription: subscription) }

    /// Puts a bookmark behind all events that wait: its version says how far the consumer will have read.
    public func requestBookmark() { subscription.requestBookmark() }

    /// Ends the stream: the consumer gets what waits, then nil.
    public func finish() { subscription.buffer.finish(nil) }
}

/// Ties a watcher's registration to the life of its stream.
final class WatchSubscription: Sendable {
    let buffer: WatchBuffer
    private let broadcast: WatchBroadcast
    private let id: Int

    init(buffer: WatchBuffer, broadcast: WatchBroadcast, id: Int) {
        self.buffer = buffer
        self.broadcast = broadcast
        self.id = id
    }

    func requestBookmark() { broadcast.bookmark(id) }

    deinit { broadcast.removeWatcher(id) }
}

/// A bounded queue between the store and one watcher.
final class WatchBuffer: Sendable {
    private struct State {
        var queue: [WatchEvent] = []
        var head = 0
        var waiter: CheckedContinuation<WatchEvent?, any Error>?
        var ended = false
        var failure: (any Error)?

        mutating func pop() -> WatchEvent? {
            guard head < queue.count else { return nil }
            let event = queue[head]
            head += 1
            if head == queue.count {
                queue.removeAll(keepingCapacity: queue.count <= 64)
                head = 0
            }
            return event
        }
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int, initial: [WatchEvent]) {
        self.limit = max(limit, initial.count + 1)
        state.withLock { $0.queue = initial }
    }

    func offer(_ event: WatchEvent) {
        let waiter = state.withLock { state -> CheckedContinuation<WatchEvent?, any Error>? in
            guard !state.ended else { return nil }
            if let waiter = state.waiter {
                state.waiter = nil
                return waiter
            }
            if state.queue.count - state.head >= limit {
                state.queue = []
                state.head = 0
                state.ended = true
                state.failure = StatusError.watchOverflow(limit: limit)
            } else {
                state.queue.append(event)
            }
            return nil
        }
        waiter?.resume(returning: event)
    }

    func finish(_ failure: (any Error)?) {
        let waiter = state.withLock { state -> CheckedContinuation<WatchEvent?, any Error>? in
            guard !state.ended else { return nil }
            state.ended = true
            state.failure = failure
            defer { state.waiter = nil }
            return state.waiter
        }
        guard let waiter else { return }
        if let failure { waiter.resume(throwing: failure) } else { waiter.resume(returning: nil) }
    }

    func next() async throws -> WatchEvent? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let answer = state.withLock { state -> Result<WatchEvent?, any Error>? in
                    if let event = state.pop() { return .success(event) }
                    if state.ended {
                        defer { state.failure = nil }
                        return state.failure.map { .failure($0) } ?? .success(nil)
                    }
                    precondition(state.waiter == nil, "a watch stream has one consumer")
                    state.waiter = continuation
                    return nil
                }
                if let answer { continuation.resume(with: answer) }
            }
        } onCancel: {
            finish(nil)
        }
    }
}
