/// A monotonic clock as durations since its making, which is how the state machines count time.
struct AgentClock: Sendable {
    let now: @Sendable () -> Duration
    let sleep: @Sendable (Duration) async throws -> Void

    init(_ clock: any Clock<Duration>) { self = Self.make(clock) }

    private init(now: @escaping @Sendable () -> Duration, sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.now = now
        self.sleep = sleep
    }

    private static func make<Underlying: Clock<Duration>>(_ clock: Underlying) -> AgentClock {
        let start = clock.now
        return AgentClock(
            now: { start.duration(to: clock.now) },
            sleep: { try await clock.sleep(for: $0) })
    }
}
