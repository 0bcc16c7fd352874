internal import JSON
internal import Linux

/// Counts requests without valid credentials, so that a bounded number of events tells of all of them.
struct FailureTally {
    /// Networks with events of their own; all others share theirs.
    static let networks = 16
    /// The annotation of an event that tells of several requests: their number.
    static let requests = "wherry.dev/requests"
    /// The annotation of an event that tells of several networks.
    static let sources = "wherry.dev/sources"

    private struct Count {
        /// The first of those that are not told yet.
        var first: JSONValue?
        var number: Int64 = 0
    }

    /// nil is the key of those that share.
    private var counts: [NetworkOrigin?: Count] = [:]

    /// - Parameter event: made only when it is kept.
    /// - Returns: what to tell at once, which is the first request of a network.
    mutating func note(from address: String, _ event: () -> JSONValue) -> JSONValue? {
        let origin = NetworkOrigin(address)
        let key = counts[origin] != nil || counts.count < Self.networks ? origin : nil
        guard var count = counts[key] else {
            counts[key] = Count()
            return event()
        }
        count.number += 1
        count.first = count.first ?? event()
        counts[key] = count
        return nil
    }

    /// - Parameter now: RFC 3339.
    /// - Returns: an event for each network whose requests were counted since the last period; the others are forgotten.
    mutating func endPeriod(now: String) -> [JSONValue] {
        counts = counts.filter { $0.value.number > 0 }
        let events = counts.compactMap { key, count -> JSONValue? in
            guard var event = count.first else { return nil }
            event["stageTimestamp"] = .string(now)
            event[path: "annotations", Self.requests] = .string("\(count.number)")
            if key == nil { event[path: "annotations", Self.sources] = "several" }
            return event
        }
        counts = counts.mapValues { _ in Count() }
        return events
    }
}
