/// When a transfer that broke off is taken up again, and when it is given up.
///
/// Only tries that brought nothing count: a link that cuts every few seconds but lets something through gets its layer in
/// the end.
struct TransferRetry {
    /// Tries without a byte, one after the other.
    private(set) var failures = 0
    let limit: Int
    let firstDelay: Duration
    let longestDelay: Duration

    /// Bytes that make a try worth an immediate next one.
    static let goodTry: Int64 = 64 << 10

    init(limit: Int = 8, firstDelay: Duration = .milliseconds(500), longestDelay: Duration = .seconds(30)) {
        self.limit = limit
        self.firstDelay = firstDelay
        self.longestDelay = longestDelay
    }

    /// The wait before the next try, jittered by `random` (0 to 1); nil to give up.
    mutating func delay(afterProgress bytes: Int64, requested: Duration? = nil, random: Double) -> Duration? {
        failures = bytes > 0 ? 0 : failures + 1
        guard failures < limit else { return nil }
        let own: Duration =
            bytes >= Self.goodTry
            ? firstDelay / 20 : min(firstDelay * (1 << min(max(failures - 1, 0), 10)), longestDelay)
        // Devices that lost a registry together must not come back together; a server's own wish is never cut short.
        return max(own, requested ?? .zero) + own * (random / 2)
    }
}
