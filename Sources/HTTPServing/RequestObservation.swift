/// One answered request, for metrics.
public struct RequestObservation: Sendable {
    public var listener: ServingContext.Listener
    public var method: String
    /// Status code of the answer.
    public var code: Int
    /// Time until the whole answer was written; a watch lasts as long as it is open.
    public var duration: Duration
    /// True for answers that end only when a side wants: watches and followed logs.
    public var isStream: Bool
}
