public import Linux
public import Resources
internal import Synchronization

/// How often strangers may knock: a pace for each address, and one for all of them together.
///
/// Tokens cannot be guessed; this bounds the work that somebody without one can make the hub do. Every request counts, so that a
/// wrong one costs no less than a right one.
public final class EnrolmentLimiter: Sendable {
    /// So many at once, and one more after each interval.
    struct Pace: Sendable {
        let burst: Int
        let interval: Duration

        /// Moves `due`, when everything taken is paid for; otherwise says how long to wait.
        func take(_ due: inout MonotonicInstant, at now: MonotonicInstant) -> Duration? {
            let next = max(due, now).advanced(by: interval)
            let excess = now.advanced(by: interval * burst).duration(to: next)
            guard excess <= .zero else { return excess }
            due = next
            return nil
        }
    }

    private struct State {
        /// Bounded by the pace of all: an entry is paid for after a while, and then dropped.
        var addresses: [NetworkOrigin: MonotonicInstant] = [:]
        var all: MonotonicInstant
    }

    /// A site with many new devices may stand behind one address.
    static let perAddress = Pace(burst: 20, interval: .seconds(1))
    static let inAll = Pace(burst: 200, interval: .milliseconds(20))

    private let now: @Sendable () -> MonotonicInstant
    private let state: Mutex<State>

    public init(now: @escaping @Sendable () -> MonotonicInstant = { .now() }) {
        self.now = now
        state = Mutex(State(all: now()))
    }

    /// - Parameter address: an IPv4 or IPv6 address.
    /// - Throws: 429 with the seconds to wait.
    public func admit(from address: String) throws(StatusError) {
        let now = now()
        let wait = state.withLock { state -> Duration? in
            state.addresses = state.addresses.filter { $0.value > now }
            var own = state.addresses[NetworkOrigin(address)] ?? now
            if let wait = Self.perAddress.take(&own, at: now) ?? Self.inAll.take(&state.all, at: now) { return wait }
            state.addresses[NetworkOrigin(address)] = own
            return nil
        }
        guard let wait else { return }
        let seconds = max(1, Int((wait / .seconds(1)).rounded(.up)))
        throw StatusError(
            code: 429, reason: .tooManyRequests,
            message: "too many enrolments at once: try the same line again in \(seconds) s",
            details: StatusError.Details(retryAfterSeconds: seconds))
    }
}
