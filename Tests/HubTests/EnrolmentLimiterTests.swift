import Linux
import Resources
import Synchronization
import Testing

@testable import Hub

struct EnrolmentLimiterTests {
    /// A clock that moves when told.
    private final class Hands: Sendable {
        private let moment = Mutex(MonotonicInstant(nanoseconds: 1))
        var now: MonotonicInstant { moment.withLock { $0 } }
        func advance(by duration: Duration) { moment.withLock { $0 = $0.advanced(by: duration) } }
    }

    private let hands = Hands()
    private let limiter: EnrolmentLimiter

    init() {
        limiter = EnrolmentLimiter { [hands] in hands.now }
    }

    /// Seconds to wait; nil when admitted.
    private func wait(_ address: String) -> Int? {
        do throws(StatusError) { try limiter.admit(from: address) } catch {
            #expect(error.code == 429 && error.reason == .tooManyRequests)
            return error.details?.retryAfterSeconds ?? -1
        }
        return nil
    }

    private func exhaust(_ address: String) {
        for _ in 0..<EnrolmentLimiter.perAddress.burst { #expect(wait(address) == nil) }
    }

    @Test func anAddressThatKnocksTooOftenWaitsAndOthersDoNot() {
        exhaust("192.0.2.1")
        #expect(wait("192.0.2.1") == 1)
        #expect(wait("192.0.2.2") == nil)
        hands.advance(by: .milliseconds(999))
        #expect(wait("192.0.2.1") == 1)
        hands.advance(by: .milliseconds(1))
        #expect(wait("192.0.2.1") == nil)
        #expect(wait("192.0.2.1") == 1)
    }

    @Test func anAddressThatWasQuietHasItsBurstAgain() {
        exhaust("192.0.2.1")
        hands.advance(by: EnrolmentLimiter.perAddress.interval * EnrolmentLimiter.perAddress.burst)
        exhaust("192.0.2.1")
    }

    @Test func manyAddressesTogetherWait() {
        for number in 0..<EnrolmentLimiter.inAll.burst { #expect(wait("10.0.\(number / 250).\(number % 250)") == nil) }
        #expect(wait("192.0.2.1") == 1)
        hands.advance(by: EnrolmentLimiter.inAll.interval)
        #expect(wait("192.0.2.1") == nil)
    }

    @Test func aNetworkOfIPv6CountsAsOneAddressAndAMappedOneAsItself() {
        exhaust("2001:db8::1")
        #expect(wait("2001:db8::ffff:2") == 1)
        #expect(wait("2001:db8:0:1::1") == nil)
        exhaust("::ffff:192.0.2.1")
        #expect(wait("192.0.2.1") == 1)
        #expect(wait("::ffff:192.0.2.2") == nil)
    }
}
