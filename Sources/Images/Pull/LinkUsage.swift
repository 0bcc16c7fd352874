internal import JSON
internal import Linux

/// The bytes that went over the link in this day and this month (UTC), and whether more may.
///
/// The clock of a device may be wrong, and must neither stop a pull for ever nor hand out a budget anew at each start:
/// - a clock before this program was written says nothing, and the period goes on;
/// - a clock that goes back takes the period's bytes with it;
/// - a period that has lasted for its whole length by the monotonic clock is over, whatever the date.
struct LinkUsage: Equatable {
    /// One period's count.
    struct Count: Equatable {
        /// Days since 1970, or months since year 0; nil before a believable date was seen.
        var key: Int64?
        var bytes: Int64 = 0
        /// Seconds that the monotonic clock saw of it.
        var elapsed: Int64 = 0

        mutating func advance(to key: Int64?, by seconds: Int64, length: Int64) {
            elapsed += seconds
            if let key, let own = self.key, key > own { self = Count(key: key) }
            if let key { self.key = key }
            if elapsed >= length { self = Count(key: self.key) }
        }
    }

    var day = Count()
    var month = Count()

    /// 2026-01-01: no clock of a device that runs this shows less.
    static let earliestDate: Int64 = 1_767_225_600

    /// Takes note of the time: the wall clock's, and the monotonic seconds since the last call.
    mutating func advance(wall: Int64, elapsed: Int64) {
        let isBelievable = wall >= Self.earliestDate
        day.advance(to: isBelievable ? wall / 86_400 : nil, by: elapsed, length: 86_400)
        month.advance(to: isBelievable ? Self.month(wall) : nil, by: elapsed, length: 31 * 86_400)
    }

    mutating func add(_ bytes: Int64) {
        day.bytes += bytes
        month.bytes += bytes
    }

    /// Why nothing more may be fetched now; nil when something may.
    func refusal(_ limits: RegistryConfiguration.Limits) -> String? {
        for (what, count, limit, next) in [
            ("day", day, limits.bytesPerDay, "tomorrow"), ("month", month, limits.bytesPerMonth, "next month"),
        ] {
            guard let limit, count.bytes >= limit else { continue }
            return
                "the link's \(limit) bytes of this \(what) are used up (\(count.bytes) fetched); it goes on \(next) at "
                + "00:00 UTC, or at once with `wherry pull --ignore-budget` or more bytes in registries.yaml"
        }
        return nil
    }

    private static func month(_ wall: Int64) -> Int64 {
        var time = time_t(wall)
        var parts = tm()
        gmtime_r(&time, &parts)
        return Int64(parts.tm_year + 1900) * 12 + Int64(parts.tm_mon)
    }
}

extension LinkUsage {
    init(_ value: JSONValue) {
        day = Self.count(value["day"])
        month = Self.count(value["month"])
    }

    var json: JSONValue { ["day": Self.json(day), "month": Self.json(month)] }

    private static func count(_ value: JSONValue?) -> Count {
        func number(_ name: String) -> Int64? { value?[name]?.intValue.map(Int64.init).flatMap { $0 >= 0 ? $0 : nil } }
        return Count(key: number("key"), bytes: number("bytes") ?? 0, elapsed: number("elapsed") ?? 0)
    }

    private static func json(_ count: Count) -> JSONValue {
        var value: JSONValue = ["bytes": .integer(count.bytes), "elapsed": .integer(count.elapsed)]
        if let key = count.key { value["key"] = .integer(key) }
        return value
    }
}
