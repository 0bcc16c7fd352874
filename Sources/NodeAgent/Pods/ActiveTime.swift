import Linux
import Logging
import Resources

/// How long a pod has been active, as far as that is known; its deadline counts from there.
///
/// Within a boot the clock that never jumps counts, whatever becomes of the agent. What was before the boot is only known by the date, which
/// on a small device may be wrong by decades before the network is there: a difference that no pod reaches is no time at all, and the deadline
/// then begins anew. So a wrong date can lengthen a pod's life, but a jump of years never ends one.
enum ActiveTime {
    /// The longest time that the date is believed for.
    private static let longest: Int64 = 366 * 24 * 3600

    /// When a pod became active, on the clock of one boot.
    struct Mark: Sendable, Hashable {
        var boot: String
        var since: MonotonicInstant

        var text: String { "\(boot) \(since.nanoseconds)" }
    }

    /// - Parameters:
    ///   - mark: as it was kept for this pod, perhaps in another boot.
    ///   - startTime: the date at which the pod became active.
    ///   - date: Unix seconds of now.
    static func elapsed(
        since mark: Mark?, in boot: String, at now: MonotonicInstant, startTime: Timestamp?, date: Int64
    ) -> Duration {
        if let mark, mark.boot == boot { return max(.zero, mark.since.duration(to: now)) }
        guard let startTime, (0...longest).contains(date - startTime.seconds) else { return .zero }
        return .seconds(date - startTime.seconds)
    }
}

extension ActiveTime.Mark {
    init?(_ text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let nanoseconds = Int64(parts[1]) else { return nil }
        self.init(boot: String(parts[0]), since: MonotonicInstant(nanoseconds: nanoseconds))
    }
}

extension PodWorker {
    /// How long the pod was active before this worker.
    func activeTime() async -> Duration {
        let (volumes, uid, boot) = (context.volumes, uid, MachineFacts.bootID)
        var mark: ActiveTime.Mark?
        if pod.spec.activeDeadlineSeconds != nil {
            mark = try? await context.volumeLane.run { volumes.activeMark(of: uid) }
        }
        isActiveTimeKept = mark?.boot == boot
        return ActiveTime.elapsed(
            since: mark, in: boot, at: .now(), startTime: pod.status?.startTime, date: WallClock.now().seconds)
    }

    /// Tells later agents of this boot since when the pod is active, once it has a deadline.
    func keepActiveTime(_ elapsed: Duration) async {
        guard pod.spec.activeDeadlineSeconds != nil, !isActiveTimeKept else { return }
        isActiveTimeKept = true
        let (volumes, uid) = (context.volumes, uid)
        let mark = ActiveTime.Mark(
            boot: MachineFacts.bootID, since: MonotonicInstant.now().advanced(by: .zero - elapsed))
        do {
            try await context.volumeLane.run { try volumes.keep(activeSince: mark, of: uid) }
        } catch {
            context.logger.warning("the pod's start can't be kept", metadata: ["pod": "\(key)", "error": "\(error)"])
        }
    }
}
