internal import FleetProtocol
internal import Linux

/// What a device without a hub knows of the time: nothing before the build of the program, and the clock where the kernel says
/// that something keeps it right.
enum DeviceClock {
    static func now() -> TrustedTime {
        let seconds = WallClock.now().seconds
        guard wherry_clock_is_kept() == 1, seconds > TrustedTime.buildTime else {
            return TrustedTime(seconds: TrustedTime.buildTime, quality: .none)
        }
        return TrustedTime(seconds: seconds, quality: .sync)
    }

    /// The later of two, since neither lies in the future.
    static func later(_ a: TrustedTime, _ b: TrustedTime?) -> TrustedTime {
        guard let b else { return a }
        return a.seconds >= b.seconds ? a : b
    }
}
