internal import Resources
internal import Synchronization

/// What became dirty, coalesced: for level-triggered loops, which look at the present state and not at events.
///
/// It never overflows: it holds a set of items, not a queue of events. One consumer; it may fall behind as far as it likes.
public struct ChangeFeed<Item: Hashable & Sendable>: AsyncSequence, Sendable {
    public typealias Element = Set<Item>
    public typealias Failure = Never

    let subscription: ChangeSubscription<Item>

    public struct AsyncIterator: AsyncIteratorProtocol {
        let subscription: ChangeSubscription<Item>

        /// What became dirty since the last call; nil when the store closed or the task was cancelled.
        public mutating func next() async -> Set<Item>? { await subscription.state.next() }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(subscription: subscription) }

    /// Marks items dirty from outside, such as after a delay.
    public func mark(_ items: Set<Item>) { subscription.state.add(items) }
}

final class ChangeSubscription<Item: Hashable & Sendable>: Sendable {
    let state: ChangeFeedState<Item>
    private let broadcast: WatchBroadcast
    private let id: Int

    init(state: ChangeFeedState<Item>, broadcast: WatchBroadcast) {
        self.state = state
        self.broadcast = broadcast
        self.id = broadcast.addFeed(state)
    }

    deinit { broadcast.removeFeed(id) }
}

/// What the broadcast knows of a feed.
protocol ChangeReceiver: AnyObject, Sendable {
    func offer(_ event: WatchEvent)
    func finish()
}

final class ChangeFeedState<Item: Hashable & Sendable>: ChangeReceiver {
    private struct State {
        var items: Set<Item> = []
        var waiter: CheckedContinuation<Set<Item>?, Never>?
        var ended = false
    }

    private let isWanted: @Sendable (ResourceType) -> Bool
    private let mapping: @Sendable (WatchEvent) -> Set<Item>
    private let state = Mutex(State())

    init(
        isWanted: @escaping @Sendable (ResourceType) -> Bool, mapping: @escaping @Sendable (WatchEvent) -> Set<Item>
    ) {
        self.isWanted = isWanted
        self.mapping = mapping
    }

    func offer(_ event: WatchEvent) {
        guard isWanted(event.resource.type) else { return }
        add(mapping(event))
    }

    func add(_ items: Set<Item>) {
        guard !items.isEmpty else { return }
        let wake = state.withLock { state -> (CheckedContinuation<Set<Item>?, Never>, Set<Item>)? in
            guard !state.ended else { return nil }
            state.items.formUnion(items)
            guard let waiter = state.waiter else { return nil }
            defer {
                state.waiter = nil
                state.items = []
            }
            return (waiter, state.items)
        }
        wake?.0.resume(returning: wake?.1)
    }

    func finish() {
        let waiter = state.withLock { state -> CheckedContinuation<Set<Item>?, Never>? in
            state.ended = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
    }

    func next() async -> Set<Item>? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer = state.withLock { state -> Set<Item>?? in
                    if state.ended { return .some(nil) }
                    if !state.items.isEmpty {
                        defer { state.items = [] }
                        return .some(state.items)
                    }
                    precondition(state.waiter == nil, "a change feed has one consumer")
                    state.waiter = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            finish()
        }
    }
}
