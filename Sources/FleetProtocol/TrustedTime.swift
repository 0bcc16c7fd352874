/// What is known of the time without believing the clock (B5).
///
/// `seconds` never lies in the future of the real time, so "expired by it" is certain and "not expired" is a guess.
public struct TrustedTime: Hashable, Sendable {
    public enum Quality: String, Sendable, Codable {
        /// Nothing but the build time.
        case none
        /// A persisted or signed lower bound.
        case floor
        /// Server time from an authenticated hub during this run.
        case sync
    }

    /// Unix seconds of 2026-01-01: nothing that this build can verify was made before.
    public static let buildTime: Int64 = 1_767_225_600

    /// Unix seconds.
    public let seconds: Int64
    public let quality: Quality

    public init(seconds: Int64, quality: Quality) {
        self.seconds = seconds
        self.quality = quality
    }
}
