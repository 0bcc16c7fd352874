/// Every duration of the device link.
public struct LinkTiming: Sendable {
    /// How often a device without identity looks for one.
    public var identityPoll: Duration = .seconds(2)
    public var reconnectBase: Duration = .seconds(1)
    public var reconnectCap: Duration = .seconds(300)
    /// Until the hub says otherwise: the range of the wait after a lost connection that had been stable.
    public var reconnectSpread: Duration = .seconds(1)
    /// Seconds between PINGs; they are all that an idle link sends.
    public var keepAlive: Int32 = 60
    /// The least time between two reports.
    public var reportInterval: Duration = .milliseconds(250)
    /// Hello again to compare revisions, times a random 0.5 to 1.5.
    public var antiEntropy: Duration = .seconds(1800)
    /// First repetition of an unanswered hello; doubles up to `antiEntropy`.
    public var helloRetry: Duration = .seconds(10)
    /// Ask again for a document that did not follow its head.
    public var documentTimeout: Duration = .seconds(15)
    /// Send events again that the hub did not acknowledge.
    public var eventTimeout: Duration = .seconds(30)
    /// How long the workloads of a new revision may take to become ready before the revision is reported as failed.
    public var healthDeadline: Duration = .seconds(600)

    public init() {}
}
