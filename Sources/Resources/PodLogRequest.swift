/// Which part of a container's log is wanted: the query of `pods/NAME/log`.
public struct PodLogRequest: Sendable, Hashable {
    public var namespace: String
    public var pod: String
    /// The container; nil when the pod has only one.
    public var container: String?
    /// Whether to go on until the container ends.
    public var follow: Bool
    /// Whether the log of the run before this one is meant.
    public var previous: Bool
    /// Whether each line begins with its time.
    public var timestamps: Bool
    /// Only this many lines from the end.
    public var tailLines: Int?
    /// Only lines of the last seconds.
    public var sinceSeconds: Int?
    /// Only lines since this time (RFC 3339).
    public var sinceTime: String?
    /// At most this many bytes.
    public var limitBytes: Int?

    public init(
        namespace: String, pod: String, container: String? = nil, follow: Bool = false, previous: Bool = false,
        timestamps: Bool = false, tailLines: Int? = nil, sinceSeconds: Int? = nil, sinceTime: String? = nil,
        limitBytes: Int? = nil
    ) {
        self.namespace = namespace
        self.pod = pod
        self.container = container
        self.follow = follow
        self.previous = previous
        self.timestamps = timestamps
        self.tailLines = tailLines
        self.sinceSeconds = sinceSeconds
        self.sinceTime = sinceTime
        self.limitBytes = limitBytes
    }
}
