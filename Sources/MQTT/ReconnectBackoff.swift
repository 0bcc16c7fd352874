/// When to try the next connection: decorrelated jitter, `sleep = min(cap, U(base, 3 × previous))`.
///
/// Pure: the caller measures and sleeps. libmosquitto's own back-off has no jitter, so it is not used.
public struct ReconnectBackoff: Sendable {
    public var base: Duration
    public var cap: Duration
    /// A connection that lived shorter than this does not reset the back-off.
    public var stableAfter: Duration
    private var previous: Duration

    public init(base: Duration = .seconds(1), cap: Duration = .seconds(300), stableAfter: Duration = .seconds(60)) {
        self.base = base
        self.cap = cap
        self.stableAfter = stableAfter
        previous = base
    }

    /// The wait after a connection that could not be made.
    public mutating func afterFailure(using generator: inout some RandomNumberGenerator) -> Duration {
        let next = min(cap, ReconnectBackoff.uniform(base, previous * 3, using: &generator))
        previous = next
        return next
    }

    /// The wait after a connection that was lost: a random part of the hub's spread, or the back-off if it flaps.
    public mutating func afterLoss(
        connectedFor: Duration, spread: Duration, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        guard connectedFor >= stableAfter else { return max(afterFailure(using: &generator), .zero) }
        previous = base
        return ReconnectBackoff.uniform(.zero, min(spread, cap), using: &generator)
    }

    private static func uniform(
        _ low: Duration, _ high: Duration, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        guard high > low else { return low }
        // 53 random bits: never rejects, so that a fixed generator in a test ends.
        let fraction = Double(generator.next() >> 11) * 0x1p-53
        return low + (high - low) * fraction
    }
}
