public import Resources

/// One change of one object, as watchers see it.
public struct WatchEvent: Sendable {
    public enum Kind: Sendable, Hashable { case added, modified, deleted, bookmark }

    public let kind: Kind
    /// The object after the change; for `.deleted` its last state, with the version of the deletion. For `.bookmark`
    /// an object of the watched type with nothing but a version.
    public let resource: Resource
    /// The object before the change: lets a watcher with a selector see that an object left its selection.
    public let previous: Resource?
    /// The version of the change: watching again `since` it misses nothing and repeats nothing.
    public let resourceVersion: String

    public var key: ResourceKey { resource.key }

    public init(kind: Kind, resource: Resource, previous: Resource? = nil, resourceVersion: String) {
        self.kind = kind
        self.resource = resource
        self.previous = previous
        self.resourceVersion = resourceVersion
    }
}

/// A committed change on its way to the history and the watchers.
struct Change {
    let kind: WatchEvent.Kind
    let version: Int64
    let resource: Resource
    let previous: Resource?
    /// The stored text; nil for objects that live in memory only.
    let stored: [UInt8]?

    var event: WatchEvent {
        WatchEvent(kind: kind, resource: resource, previous: previous, resourceVersion: String(version))
    }
}
