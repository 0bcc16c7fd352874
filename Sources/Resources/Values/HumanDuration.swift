/// Ages as kubectl prints them (k8s.io/apimachinery/pkg/util/duration).
public enum HumanDuration {
    public static func text(seconds: Int64) -> String {
        let minute: Int64 = 60
        let hour = 60 * minute
        let day = 24 * hour
        let year = 365 * day
        switch seconds {
        case ..<(-1): return "<invalid>"
        case ..<0: return "0s"
        case ..<(2 * minute): return "\(seconds)s"
        case ..<(10 * minute): return two(seconds / minute, "m", seconds % minute, "s")
        case ..<(3 * hour): return "\(seconds / minute)m"
        case ..<(8 * hour): return two(seconds / hour, "h", seconds % hour / minute, "m")
        case ..<(48 * hour): return "\(seconds / hour)h"
        case ..<(8 * day): return two(seconds / day, "d", seconds % day / hour, "h")
        case ..<(2 * year): return "\(seconds / day)d"
        case ..<(8 * year): return two(seconds / year, "y", seconds % year / day, "d")
        default: return "\(seconds / year)y"
        }
    }

    /// The age of an RFC 3339 time; `<unknown>` without one.
    public static func since(_ text: String?, now: Int64) -> String {
        guard let text, let time = Timestamp(text) else { return "<unknown>" }
        return Self.text(seconds: now - time.seconds)
    }

    private static func two(_ large: Int64, _ largeUnit: String, _ small: Int64, _ smallUnit: String) -> String {
        small == 0 ? "\(large)\(largeUnit)" : "\(large)\(largeUnit)\(small)\(smallUnit)"
    }
}
