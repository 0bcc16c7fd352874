/// The ends of a pod's time on the node: its deadline, and taints that it does not tolerate, or not for long.
extension PodMachine {
    func activeTime(at now: Duration) -> Duration { now - activeSince }

    var activeUntil: Duration? { plan.activeDeadline.map { activeSince + $0 } }

    /// Nil once the pod is evicted, too.
    var toleratedUntil: Duration? {
        guard !isEvicted, let taintedSince, case .limited(let limit) = tolerance else { return nil }
        return taintedSince + limit
    }

    /// Whether containers run or may come to run.
    private var isUnderWay: Bool { !isTerminating && stage != .completed }

    /// Nil when the pod may stay.
    mutating func endIfOver(_ now: Duration) -> [PodEffect]? {
        guard isUnderWay else { return nil }
        if let activeUntil, activeUntil <= now {
            let failure = PodFailure.deadlineExceeded
            self.failure = failure
            return [.record(.normal(failure.reason, failure.message))]
                + terminate(Termination(cause: .deadline, grace: plan.terminationGracePeriod), now)
        }
        guard let toleratedUntil, toleratedUntil <= now else { return nil }
        isEvicted = true
        return [.record(.eviction("Marking for deletion Pod \(plan.qualifiedName)")), .evict]
    }

    /// The time of a toleration counts from the first taint that needs it, also when others come and go meanwhile.
    mutating func tolerate(_ tolerance: TaintTolerance, _ now: Duration) -> [PodEffect] {
        let wasLimited = toleratedUntil != nil
        self.tolerance = tolerance
        guard tolerance == .forever else {
            taintedSince = taintedSince ?? now
            return []
        }
        taintedSince = nil
        guard wasLimited, isUnderWay else { return [] }
        return [.record(.eviction("Cancelling deletion of Pod \(plan.qualifiedName)"))]
    }
}

extension PodEventRecord {
    fileprivate static func eviction(_ message: String) -> PodEventRecord { .normal("TaintManagerEviction", message) }
}
