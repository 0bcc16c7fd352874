internal import JSON
public import Resources

/// Where a list goes on: after an object, in the state of a version.
public struct ListCursor: Hashable, Sendable {
    public let version: Int64
    public let namespace: String
    public let name: String

    public init(version: Int64, namespace: String, name: String) {
        self.version = version
        self.namespace = namespace
        self.name = name
    }
}

/// A part of a list.
public struct ListPage: Sendable {
    public let items: [Resource]
    /// The version whose state all pages of the list show.
    public let resourceVersion: String
    /// nil after the last page.
    public let next: ListCursor?
    /// How many objects follow; an estimate, and nil when a selection makes it unknown.
    public let remaining: Int?
}

extension Store {
    /// At most `limit` objects of a type, in the order of namespace and name.
    ///
    /// All pages of a list show the state of the first page's version: what changed since is undone from the history of changes.
    /// Only a page is in memory at a time.
    ///
    /// - Parameters:
    ///   - limit: nil for everything that is left.
    ///   - version: the state to show, when there is no cursor; nil for the present one.
    /// - Throws: 410 when the history no longer reaches back so far, 504 for a version that is still to come.
    public func page(
        _ type: ResourceType, namespace: String? = nil, labels: LabelSelectorQuery? = nil,
        fields: FieldSelectorQuery? = nil, limit: Int?, after cursor: ListCursor? = nil, at version: Int64? = nil
    ) throws -> ListPage {
        let current = try presentVersion(of: type)
        let shown = cursor?.version ?? version ?? current
        if shown > current { throw StatusError.tooLargeVersion(shown, current: current) }
        let selection = WatchSelection(types: [type], namespace: namespace)
        let past = shown < current ? try broadcast.states(at: shown, selection) : [:]
        var collector = PageCollector(limit: limit) {
            (labels?.matches($0) ?? true) && (fields?.matches($0) ?? true)
        }
        let start = cursor.map { ListPosition(namespace: $0.namespace, name: $0.name) }
        try scan(type, namespace, after: start, past: past) { collector.take($0) }
        let next = collector.next.map { ListCursor(version: shown, namespace: $0.namespace, name: $0.name) }
        let remaining =
            labels == nil && fields == nil ? try collector.next.map { try count(type, namespace, after: $0) } : nil
        return ListPage(
            items: collector.items, resourceVersion: String(shown), next: next, remaining: remaining)
    }
}

/// The place of an object in a list. As the database does, it compares bytes.
struct ListPosition: Hashable, Comparable {
    let namespace: String
    let name: String

    init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    init(_ resource: Resource) { self.init(namespace: resource.namespace ?? "", name: resource.name) }

    static func < (a: ListPosition, b: ListPosition) -> Bool {
        a.namespace == b.namespace
            ? a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
            : a.namespace.utf8.lexicographicallyPrecedes(b.namespace.utf8)
    }
}

/// Takes what is wanted until the page is full, and looks one further to know whether more follows.
private struct PageCollector {
    let limit: Int?
    let isWanted: (Resource) -> Bool
    private(set) var items: [Resource] = []
    /// The last object of a page that is not the last.
    private(set) var next: ListPosition?

    init(limit: Int?, isWanted: @escaping (Resource) -> Bool) {
        self.limit = limit
        self.isWanted = isWanted
    }

    /// - Returns: whether to go on.
    mutating func take(_ resource: Resource) -> Bool {
        guard isWanted(resource) else { return true }
        if let limit, items.count == limit {
            next = items.last.map { ListPosition($0) }
            return false
        }
        items.append(resource)
        return true
    }
}

extension Store {
    private static let chunk = 256

    /// Goes through the objects in order, each as it was in the past where it is named there.
    private func scan(
        _ type: ResourceType, _ namespace: String?, after start: ListPosition?, past: [ListPosition: Resource?],
        _ body: (Resource) -> Bool
    ) throws {
        var undone = past.filter { entry in start.map { entry.key > $0 } ?? true }.sorted { $0.key < $1.key }[...]
        /// What was there before this position and is not any more, or not in this form.
        func before(_ position: ListPosition?) -> Bool {
            while let first = undone.first, position.map({ first.key <= $0 }) ?? true {
                undone = undone.dropFirst()
                if let resource = first.value, !body(resource) { return false }
            }
            return true
        }
        var position = start
        while true {
            let rows = try read { try $0.list(type, namespace: namespace, after: position, limit: Self.chunk) }
            for resource in rows {
                let place = ListPosition(resource)
                guard before(place) else { return }
                if past[place] == nil, !body(resource) { return }
                position = place
            }
            if rows.count < Self.chunk { break }
        }
        _ = before(nil)
    }

    private func count(_ type: ResourceType, _ namespace: String?, after position: ListPosition) throws -> Int {
        try read { try $0.count(type, namespace: namespace, after: position) }
    }
}

extension StoreTransaction {
    fileprivate func list(
        _ type: ResourceType, namespace: String?, after position: ListPosition?, limit: Int
    ) throws -> [Resource] {
        guard type == .event else {
            return try table.list(type, namespace: namespace, after: position, limit: limit)
        }
        let later = state.events.list(namespace: namespace) { resource in
            position.map { ListPosition(resource) > $0 } ?? true
        }
        return Array(later.prefix(limit))
    }

    fileprivate func count(_ type: ResourceType, namespace: String?, after position: ListPosition) throws -> Int {
        guard type == .event else { return try table.count(type, namespace: namespace, after: position) }
        return state.events.list(namespace: namespace) { ListPosition($0) > position }.count
    }
}

extension StatusError {
    /// 504 with a cause that clients look for: they wait and ask again.
    fileprivate static func tooLargeVersion(_ asked: Int64, current: Int64) -> StatusError {
        StatusError(
            code: 504, reason: .timeout, message: "Timeout: Too large resource version: \(asked), current: \(current)",
            details: Details(
                causes: [
                    Cause(reason: "ResourceVersionTooLarge", message: "Too large resource version", field: "")
                ], retryAfterSeconds: 1))
    }
}
