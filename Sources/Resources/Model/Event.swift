public import JSON

/// Something that happened to an object.
public struct Event: KubernetesObject {
    public static var resourceType: ResourceType { .event }

    /// Standard object's metadata.
    public var metadata: ObjectMeta
    /// The object.
    public var involvedObject: ObjectReference
    /// One word for it.
    public var reason: String?
    /// A sentence about it.
    public var message: String?
    /// Who reports.
    public var source: EventSource?
    /// When it first happened.
    public var firstTimestamp: Timestamp?
    /// When it last happened.
    public var lastTimestamp: Timestamp?
    /// How often it happened.
    public var count: Int?
    /// `Normal` or `Warning`.
    public var type: String?
    /// When it was first observed, in microseconds.
    public var eventTime: Timestamp?
    /// Carried, not used.
    public var series: JSONValue?
    /// What was done.
    public var action: String?
    /// A second object.
    public var related: ObjectReference?
    /// Who reports.
    public var reportingComponent: String?
    /// Which instance of it.
    public var reportingInstance: String?

    public init(
        metadata: ObjectMeta, involvedObject: ObjectReference, reason: String? = nil, message: String? = nil,
        source: EventSource? = nil, firstTimestamp: Timestamp? = nil, lastTimestamp: Timestamp? = nil,
        count: Int? = nil, type: String? = nil, eventTime: Timestamp? = nil, series: JSONValue? = nil,
        action: String? = nil, related: ObjectReference? = nil, reportingComponent: String? = nil,
        reportingInstance: String? = nil
    ) {
        self.metadata = metadata
        self.involvedObject = involvedObject
        self.reason = reason
        self.message = message
        self.source = source
        self.firstTimestamp = firstTimestamp
        self.lastTimestamp = lastTimestamp
        self.count = count
        self.type = type
        self.eventTime = eventTime
        self.series = series
        self.action = action
        self.related = related
        self.reportingComponent = reportingComponent
        self.reportingInstance = reportingInstance
    }
}

/// Points at an object.
public struct ObjectReference: Codable, Hashable, Sendable {
    /// Its kind.
    public var kind: String?
    /// Its namespace.
    public var namespace: String?
    /// Its name.
    public var name: String?
    /// Its unique id.
    public var uid: String?
    /// Its group and version.
    public var apiVersion: String?
    /// The version that was seen.
    public var resourceVersion: String?
    /// The part of it that is meant.
    public var fieldPath: String?

    public init(
        kind: String? = nil, namespace: String? = nil, name: String? = nil, uid: String? = nil,
        apiVersion: String? = nil, resourceVersion: String? = nil, fieldPath: String? = nil
    ) {
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.apiVersion = apiVersion
        self.resourceVersion = resourceVersion
        self.fieldPath = fieldPath
    }
}

/// Who reports an event.
public struct EventSource: Codable, Hashable, Sendable {
    /// Name of the component.
    public var component: String?
    /// Node it runs on.
    public var host: String?

    public init(
        component: String? = nil, host: String? = nil
    ) {
        self.component = component
        self.host = host
    }
}
