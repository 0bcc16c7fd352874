public import JSON
internal import Linux
public import ServiceLifecycle
internal import Synchronization

/// Tells the audit log of requests without valid credentials, of which anybody can make any number.
///
/// The first of a network is told at once, the others by one line an hour: whoever hammers, from wherever, gets no more than some
/// twenty lines an hour, neither wears the flash nor pushes out what others did.
public final class FailedAuthentications: Service {
    private let log: AuditLog
    private let period: Duration
    private let clock: any Clock<Duration>
    private let tally = Mutex(FailureTally())

    public init(log: AuditLog, period: Duration = .seconds(3_600), clock: any Clock<Duration>) {
        self.log = log
        self.period = period
        self.clock = clock
    }

    /// - Parameters:
    ///   - address: where the request came from.
    ///   - event: the request as `audit.k8s.io/v1`; asked for only when it is kept.
    public func note(from address: String, _ event: () -> JSONValue) {
        guard let event = tally.withLock({ $0.note(from: address, event) }) else { return }
        log.append(event)
    }

    /// Tells after each period, and last of all when the daemon ends.
    public func run() async {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await self.clock.sleep(for: self.period, tolerance: self.period / 60)
                self.tell()
            }
        }
        tell()
    }

    private func tell() {
        let now = WallClock.now()
        let text = RFC3339.format(seconds: now.seconds, nanoseconds: now.nanoseconds, digits: 6)
        for event in tally.withLock({ $0.endPeriod(now: text) }) { log.append(event) }
    }
}
