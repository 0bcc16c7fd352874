internal import Synchronization

/// Wakes one waiting loop; firing several times before it looks is one wake-up.
final class Trigger: Sendable {
    private let continuation = Mutex<AsyncStream<Void>.Continuation?>(nil)

    /// For one reader at a time; a new reader replaces the old. It is woken once at the beginning.
    func signals() -> AsyncStream<Void> {
        let (stream, new) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let old = continuation.withLock { current in
            defer { current = new }
            return current
        }
        old?.finish()
        new.yield()
        return stream
    }

    func fire() { _ = continuation.withLock { $0 }?.yield() }
}

/// The hub's reconnect spread, kept across connections.
final class SpreadCell: Sendable {
    private let value: Mutex<Duration>
    init(_ initial: Duration) { value = Mutex(initial) }
    func set(_ duration: Duration) { value.withLock { $0 = duration } }
    var current: Duration { value.withLock { $0 } }
}
