internal import JSON
internal import Resources

/// The Event objects: in memory only, at most a thousand, gone after an hour without repetition.
struct VolatileEvents {
    private struct Entry {
        var resource: Resource
        var touched: Int64
        let fold: Fold?
    }

    /// Repeats of the same thing about the same object become one event with a count.
    struct Fold: Hashable {
        let uid: String
        let fieldPath: String
        let type: String
        let reason: String
        let message: String
        let component: String
    }

    static let limit = 1_000
    /// Seconds.
    static let lifetime: Int64 = 3_600

    private var entries: [ResourceKey: Entry] = [:]
    private var folds: [Fold: ResourceKey] = [:]
    /// No event was touched before this time; spares looking at all of them for every new one.
    private var earliest: Int64 = .max

    func find(_ key: ResourceKey) -> Resource? { entries[key]?.resource }

    func find(_ fold: Fold) -> Resource? { folds[fold].flatMap { find($0) } }

    func list(namespace: String?, _ isWanted: (Resource) -> Bool) -> [Resource] {
        entries.values.map(\.resource)
            .filter { (namespace == nil || $0.namespace == namespace) && isWanted($0) }
            .sorted { ($0.namespace ?? "", $0.name) < ($1.namespace ?? "", $1.name) }
    }

    mutating func put(_ resource: Resource, at now: Int64, fold: Fold? = nil) {
        let kept = fold ?? entries[resource.key]?.fold
        earliest = min(earliest, now)
        entries[resource.key] = Entry(resource: resource, touched: now, fold: kept)
        if let kept { folds[kept] = resource.key }
    }

    @discardableResult
    mutating func remove(_ key: ResourceKey) -> Resource? {
        guard let entry = entries.removeValue(forKey: key) else { return nil }
        if let fold = entry.fold, folds[fold] == key { folds[fold] = nil }
        return entry.resource
    }

    /// Events to remove now: expired ones, and the oldest ones while there are too many.
    mutating func surplus(at now: Int64) -> [ResourceKey] {
        guard entries.count > Self.limit || (!entries.isEmpty && now - earliest >= Self.lifetime) else { return [] }
        let byAge = entries.sorted { $0.value.touched < $1.value.touched }
        let expired = byAge.prefix { now - $0.value.touched >= Self.lifetime }.count
        // A tenth more than needed: the sorting is not repeated for every further event.
        let excess = entries.count - expired > Self.limit ? entries.count - Self.limit + Self.limit / 10 : 0
        let count = max(expired, excess)
        earliest = count < byAge.count ? byAge[count].value.touched : .max
        return byAge.prefix(count).map(\.key)
    }
}
