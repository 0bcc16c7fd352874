/// Delays of work that failed or has to wait, so that one bad item is retried calmly and blocks nothing.
struct WorkQueue<Item: Hashable> {
    private static var first: Duration { .milliseconds(50) }
    private static var longest: Duration { .seconds(60) }

    private var failures: [Item: Int] = [:]
    /// The shortest delay under way for each item.
    private var pending: [Item: Duration] = [:]

    /// Doubles with every failure in a row: 50 ms to a minute.
    mutating func failed(_ item: Item) -> Duration {
        let count = failures[item, default: 0]
        failures[item] = count + 1
        return count >= 11 ? Self.longest : min(Self.longest, Self.first * (1 << count))
    }

    mutating func succeeded(_ item: Item) { failures[item] = nil }

    /// False when a timer that was started earlier fires no later.
    mutating func schedule(_ item: Item, after delay: Duration) -> Bool {
        if let running = pending[item], running <= delay { return false }
        pending[item] = delay
        return true
    }

    /// The item came up: its timers count no more.
    mutating func begun(_ item: Item) { pending[item] = nil }
}
