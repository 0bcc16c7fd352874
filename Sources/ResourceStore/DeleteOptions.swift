public import Resources

/// How to delete: the part of `meta/v1 DeleteOptions` that matters here.
public struct DeleteOptions: Sendable, Hashable {
    /// What happens to the objects that the deleted one owns.
    public enum Propagation: String, Sendable, Hashable {
        /// Delete the owner at once, its dependents afterwards.
        case background = "Background"
        /// Delete the dependents first; the owner stays, marked, until they are gone.
        case foreground = "Foreground"
        /// Keep the dependents and take the owner out of their references.
        case orphan = "Orphan"
    }

    /// Seconds; nil for the object's own (pods: `spec.terminationGracePeriodSeconds`). 0 removes a pod at once.
    public var gracePeriodSeconds: Int?
    public var propagation: Propagation?
    /// Refuse with 409 when the object has another uid or version.
    public var uid: String?
    public var resourceVersion: String?
    public var dryRun: Bool

    public init(
        gracePeriodSeconds: Int? = nil, propagation: Propagation? = nil, uid: String? = nil,
        resourceVersion: String? = nil, dryRun: Bool = false
    ) {
        self.gracePeriodSeconds = gracePeriodSeconds
        self.propagation = propagation
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.dryRun = dryRun
    }
}

/// What a delete did.
public enum DeleteOutcome: Sendable {
    /// The object is gone; this is its last state.
    case deleted(Resource)
    /// The object is marked and waits for its agent or its finalizers.
    case marked(Resource)

    public var resource: Resource {
        switch self {
        case .deleted(let resource), .marked(let resource): resource
        }
    }
}

/// Objects at one version of the store.
public struct ResourceList: Sendable {
    /// Ordered by namespace and name.
    public let items: [Resource]
    /// Watching since this version misses nothing.
    public let resourceVersion: String
}
