import MQTT
import Testing

struct ReconnectBackoffTests {
    /// Always the highest or always the lowest number.
    struct Extreme: RandomNumberGenerator {
        let value: UInt64
        mutating func next() -> UInt64 { value }
    }

    @Test func failuresGrowByThreeUpToTheCap() {
        var backoff = ReconnectBackoff(base: .seconds(1), cap: .seconds(300))
        var high = Extreme(value: .max)
        let waits = (0..<8).map { _ in backoff.afterFailure(using: &high) / .seconds(1) }
        #expect(waits.prefix(3).map { $0.rounded() } == [3, 9, 27])
        #expect(waits.last == 300)
    }

    @Test func luckNeverWaitsLessThanTheBase() {
        var backoff = ReconnectBackoff(base: .seconds(1), cap: .seconds(300))
        var low = Extreme(value: 0)
        for _ in 0..<5 { #expect(backoff.afterFailure(using: &low) == .seconds(1)) }
    }

    @Test func flappingConnectionDoesNotResetTheBackoff() {
        var backoff = ReconnectBackoff(base: .seconds(1), cap: .seconds(300))
        var high = Extreme(value: .max)
        _ = backoff.afterFailure(using: &high)
        #expect(backoff.afterLoss(connectedFor: .seconds(5), spread: .seconds(1), using: &high) > .seconds(8))
        #expect(backoff.afterLoss(connectedFor: .seconds(90), spread: .seconds(2), using: &high) <= .seconds(2))
        #expect(backoff.afterFailure(using: &high) < .seconds(4))
    }
}
