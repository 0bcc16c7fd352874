/// Exponential back-off on a monotonic clock: each further failure doubles the wait up to a ceiling.
struct BackOff: Sendable, Hashable {
    /// Container restarts: the first at once, then 10 s doubling to 5 min, as the kubelet does.
    static let restart = BackOff(immediateFirst: true)
    /// Image pulls and failed preparations: 10 s doubling to 5 min.
    static let pull = BackOff(immediateFirst: false)

    /// A container that ran this long has recovered: its next restart is immediate again.
    static let recovery = Duration.seconds(600)

    private let immediateFirst: Bool
    private let initial = Duration.seconds(10)
    private let ceiling = Duration.seconds(300)
    private var failures = 0

    private init(immediateFirst: Bool) { self.immediateFirst = immediateFirst }

    /// Counts one failure and returns how long to wait before the next try.
    mutating func next() -> Duration {
        defer { failures = min(failures + 1, 16) }
        let doublings = immediateFirst ? failures - 1 : failures
        if doublings < 0 { return .zero }
        return min(initial * (1 << min(doublings, 5)), ceiling)
    }

    mutating func reset() { failures = 0 }
}
