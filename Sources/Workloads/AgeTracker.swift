internal import Resources
internal import Synchronization

/// How long pods have been ready and Deployments without progress, on the monotonic clock.
///
/// The timestamps in the objects only say that something changed, never how long ago: the date may jump. For what was
/// ready before this process began, the date gives the first estimate, so that a restart does not begin anew.
final class AgeTracker: Sendable {
    private struct Mark {
        let text: String
        let since: Duration
    }

    private struct State {
        /// By the uid of the owning ReplicaSet, then of the pod.
        var ready: [String: [String: Mark]] = [:]
        var progress: [String: Mark] = [:]
    }

    private let stopwatch: Stopwatch
    private let state = Mutex(State())

    init(_ stopwatch: Stopwatch) { self.stopwatch = stopwatch }

    func readyAges(of pods: [PodView], ownedBy owner: String, now: Timestamp) -> ReadyAges {
        let elapsed = stopwatch.elapsed()
        return state.withLock { state in
            let known = state.ready[owner] ?? [:]
            var marks: [String: Mark] = [:]
            for pod in pods where pod.isReady {
                if let mark = known[pod.uid], mark.text == pod.readySince {
                    marks[pod.uid] = mark
                } else {
                    marks[pod.uid] = Mark(
                        text: pod.readySince, since: elapsed - Self.estimate(pod.readySince, now))
                }
            }
            state.ready[owner] = marks
            return marks.mapValues { elapsed - $0.since }
        }
    }

    private static func estimate(_ text: String, _ now: Timestamp) -> Duration {
        guard let then = Timestamp(text), then.seconds <= now.seconds else { return .zero }
        return .seconds(now.seconds - then.seconds)
    }

    /// Time since the Progressing condition was last updated, as far as this process saw it.
    func progressAge(of uid: String, updated text: String) -> Duration {
        let elapsed = stopwatch.elapsed()
        return state.withLock { state in
            if let mark = state.progress[uid], mark.text == text { return elapsed - mark.since }
            state.progress[uid] = Mark(text: text, since: elapsed)
            return .zero
        }
    }

    func forget(_ uid: String) {
        state.withLock { state in
            state.ready[uid] = nil
            state.progress[uid] = nil
        }
    }
}
