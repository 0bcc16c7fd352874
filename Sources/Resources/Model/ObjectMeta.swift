public import JSON

/// What every object has: its name, identity, versions, labels and owners.
public struct ObjectMeta: Codable, Hashable, Sendable {
    /// Unique within kind and namespace; empty when it is to be generated, and in pod templates.
    public var name: String
    /// Prefix of a generated name.
    public var generateName: String?
    /// The namespace; nil for kinds that have none.
    public var namespace: String?
    /// Carried, not used.
    public var selfLink: String?
    /// Set by the store on creation, never reused.
    public var uid: String?
    /// Set by the store on each change; grows.
    public var resourceVersion: String?
    /// Counts changes of the spec.
    public var generation: Int?
    /// Set by the store on creation.
    public var creationTimestamp: Timestamp?
    /// Set when deletion was asked for: when the grace period ends.
    public var deletionTimestamp: Timestamp?
    /// Seconds of grace on deletion.
    public var deletionGracePeriodSeconds: Int?
    /// For choosing objects.
    public var labels: [String: String]?
    /// For everything else.
    public var annotations: [String: String]?
    /// Objects this one is removed with.
    public var ownerReferences: [OwnerReference]?
    /// Who must clean up before the object goes.
    public var finalizers: [String]?
    /// Who owns which fields; see ``ManagedFields``.
    public var managedFields: JSONValue?

    public init(
        name: String = "", generateName: String? = nil, namespace: String? = nil, uid: String? = nil,
        resourceVersion: String? = nil, generation: Int? = nil, creationTimestamp: Timestamp? = nil,
        labels: [String: String]? = nil, annotations: [String: String]? = nil,
        ownerReferences: [OwnerReference]? = nil, finalizers: [String]? = nil
    ) {
        self.name = name
        self.generateName = generateName
        self.namespace = namespace
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.generation = generation
        self.creationTimestamp = creationTimestamp
        self.labels = labels
        self.annotations = annotations
        self.ownerReferences = ownerReferences
        self.finalizers = finalizers
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decodeIfPresent(String.self, forKey: .name) ?? ""
        generateName = try container.decodeIfPresent(String.self, forKey: .generateName)
        namespace = try container.decodeIfPresent(String.self, forKey: .namespace)
        selfLink = try container.decodeIfPresent(String.self, forKey: .selfLink)
        uid = try container.decodeIfPresent(String.self, forKey: .uid)
        resourceVersion = try container.decodeIfPresent(String.self, forKey: .resourceVersion)
        generation = try container.decodeIfPresent(Int.self, forKey: .generation)
        creationTimestamp = try container.decodeIfPresent(Timestamp.self, forKey: .creationTimestamp)
        deletionTimestamp = try container.decodeIfPresent(Timestamp.self, forKey: .deletionTimestamp)
        deletionGracePeriodSeconds = try container.decodeIfPresent(Int.self, forKey: .deletionGracePeriodSeconds)
        labels = try container.decodeIfPresent([String: String].self, forKey: .labels)
        annotations = try container.decodeIfPresent([String: String].self, forKey: .annotations)
        ownerReferences = try container.decodeIfPresent([OwnerReference].self, forKey: .ownerReferences)
        finalizers = try container.decodeIfPresent([String].self, forKey: .finalizers)
        managedFields = try container.decodeIfPresent(JSONValue.self, forKey: .managedFields)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        if !name.isEmpty { try container.encode(name, forKey: .name) }
        try container.encodeIfPresent(generateName, forKey: .generateName)
        try container.encodeIfPresent(namespace, forKey: .namespace)
        try container.encodeIfPresent(selfLink, forKey: .selfLink)
        try container.encodeIfPresent(uid, forKey: .uid)
        try container.encodeIfPresent(resourceVersion, forKey: .resourceVersion)
        try container.encodeIfPresent(generation, forKey: .generation)
        try container.encodeIfPresent(creationTimestamp, forKey: .creationTimestamp)
        try container.encodeIfPresent(deletionTimestamp, forKey: .deletionTimestamp)
        try container.encodeIfPresent(deletionGracePeriodSeconds, forKey: .deletionGracePeriodSeconds)
        try container.encodeIfPresent(labels, forKey: .labels)
        try container.encodeIfPresent(annotations, forKey: .annotations)
        try container.encodeIfPresent(ownerReferences, forKey: .ownerReferences)
        try container.encodeIfPresent(finalizers, forKey: .finalizers)
        try container.encodeIfPresent(managedFields, forKey: .managedFields)
    }

    private enum CodingKeys: String, CodingKey {
        case name, generateName, namespace, selfLink, uid, resourceVersion, generation, creationTimestamp,
            deletionTimestamp, deletionGracePeriodSeconds, labels, annotations, ownerReferences, finalizers,
            managedFields
    }
}
