/// Schedules one probe and turns its results into a verdict by the thresholds.
///
/// Startup and readiness probes are also tried ahead of their period, 50 ms after the start and then at doubling
/// distance, until they first pass: a container that is ready after 80 ms needn't wait for a 10 s period. Such early
/// failures count for nothing, so the thresholds keep their meaning.
struct ProbeMachine: Sendable, Hashable {
    enum Verdict: Sendable, Hashable { case unknown, passing, failing }

    /// What a result means for the container.
    enum Step: Sendable, Hashable {
        /// An early failure that doesn't count.
        case ignored
        /// A success, or a failure below the threshold; `verdict` tells which way things stand.
        case counted
        /// The verdict became `.passing` or `.failing` with this result, or was confirmed as failing once more.
        case decided(Verdict)
    }

    let kind: ProbeKind
    let plan: ProbePlan
    private(set) var verdict: Verdict = .unknown
    private(set) var nextRun: Duration?
    private var regularRun: Duration
    private var earlyGap: Duration
    private var streak = 0
    private var lastSucceeded: Bool?

    private static let firstEarlyGap = Duration.milliseconds(50)

    init(kind: ProbeKind, plan: ProbePlan, startedAt: Duration) {
        self.kind = kind
        self.plan = plan
        regularRun = startedAt + plan.initialDelay
        nextRun = regularRun
        earlyGap = Self.firstEarlyGap
    }

    /// Starts from the verdict of a former agent, so that its restart doesn't make a ready container unready.
    mutating func assumePassing() { verdict = .passing }

    /// Whether the probe is to run now; marks it as running.
    mutating func beginIfDue(now: Duration) -> Bool {
        guard let nextRun, nextRun <= now else { return false }
        self.nextRun = nil
        return true
    }

    mutating func finish(success: Bool, startedBefore now: Duration) -> Step {
        let isEarly = advanceSchedule(success: success, now: now)
        if !success && isEarly { return .ignored }
        streak = lastSucceeded == success ? streak + 1 : 1
        lastSucceeded = success
        let threshold = success ? plan.successThreshold : plan.failureThreshold
        guard streak >= threshold else { return .counted }
        let reached: Verdict = success ? .passing : .failing
        if verdict == reached && success { return .counted }
        verdict = reached
        return .decided(reached)
    }

    /// Sets the time of the next run; returns whether the run that just ended was ahead of the regular period.
    private mutating func advanceSchedule(success: Bool, now: Duration) -> Bool {
        let isEarly = now < regularRun
        if !isEarly {
            regularRun += plan.period
            if regularRun <= now { regularRun = now + plan.period }
        }
        let mayRunEarly = kind != .liveness && verdict == .unknown && !success && plan.period > earlyGap
        if mayRunEarly {
            nextRun = min(regularRun, now + earlyGap)
            earlyGap *= 2
        } else {
            if isEarly { regularRun = now + plan.period }
            nextRun = regularRun
        }
        return isEarly
    }
}
