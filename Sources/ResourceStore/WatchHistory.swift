internal import JSON
internal import Resources

/// The latest changes, so that a client that listed before can go on watching without a gap.
///
/// Bounded by count and by bytes; objects are kept as text, which is several times smaller than their trees.
struct WatchHistory {
    private enum Payload {
        case text([UInt8])
        case resource(Resource)

        var bytes: Int {
            switch self {
            case .text(let text): text.count
            case .resource: 1_500
            }
        }

        func decode(_ type: ResourceType) -> Resource? {
            switch self {
            case .text(let text): (try? JSONValue(parsing: text)).map { Resource(value: $0, type: type) }
            case .resource(let resource): resource
            }
        }
    }

    private struct Entry {
        let kind: WatchEvent.Kind
        let version: Int64
        let type: ResourceType
        let namespace: String?
        let payload: Payload
        let previous: Payload?

        var bytes: Int { payload.bytes + (previous?.bytes ?? 0) + 128 }
    }

    private let countLimit: Int
    private let byteLimit: Int
    private var entries: [Entry] = []
    private var head = 0
    private var bytes = 0
    /// Every change after this version is held.
    private(set) var floor: Int64

    init(countLimit: Int, byteLimit: Int = 1 << 20, floor: Int64) {
        self.countLimit = max(1, countLimit)
        self.byteLimit = byteLimit
        self.floor = floor
    }

    mutating func append(_ change: Change) {
        let entry = Entry(
            kind: change.kind, version: change.version, type: change.resource.type,
            namespace: change.resource.namespace,
            payload: change.stored.map { .text($0) } ?? .resource(change.resource),
            previous: change.previous.map { change.stored == nil ? .resource($0) : .text($0.value.serialized()) })
        entries.append(entry)
        bytes += entry.bytes
        while entries.count - head > countLimit || (bytes > byteLimit && entries.count - head > 1) { dropOldest() }
    }

    private mutating func dropOldest() {
        floor = entries[head].version
        bytes -= entries[head].bytes
        head += 1
        if head > 256 && head * 2 > entries.count {
            entries.removeFirst(head)
            head = 0
        }
    }

    /// What the objects that changed after `version` were then; nil for those that did not exist.
    func states(at version: Int64, _ selection: WatchSelection) -> [ListPosition: Resource?] {
        var states: [ListPosition: Resource?] = [:]
        for entry in entries[head...]
        where entry.version > version && selection.takes(entry.type, entry.namespace) {
            guard let resource = entry.payload.decode(entry.type) else { continue }
            let position = ListPosition(resource)
            // The first change after the version tells what was before it.
            if states[position] == nil { states[position] = .some(entry.previous?.decode(entry.type)) }
        }
        return states
    }

    /// The held changes after `version` that `selection` takes, oldest first.
    func events(after version: Int64, _ selection: WatchSelection) -> [WatchEvent] {
        entries[head...].compactMap { entry in
            guard entry.version > version, selection.takes(entry.type, entry.namespace),
                let resource = entry.payload.decode(entry.type)
            else { return nil }
            return WatchEvent(
                kind: entry.kind, resource: resource, previous: entry.previous?.decode(entry.type),
                resourceVersion: String(entry.version))
        }
    }
}

/// What a watcher wants to see.
struct WatchSelection: Sendable {
    let types: Set<ResourceType>
    let namespace: String?

    /// Custom objects are the same in whatever version they were stored.
    private func isOfType(_ type: ResourceType) -> Bool {
        type.custom == nil
            ? types.contains(type) : types.contains { $0.plural == type.plural && $0.group == type.group }
    }

    func takes(_ type: ResourceType, _ namespace: String?) -> Bool {
        isOfType(type) && (self.namespace == nil || self.namespace == namespace)
    }
}
