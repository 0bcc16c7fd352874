public import Hummingbird
public import NIOCore

/// What a route knows about a request besides the request itself.
public struct ServingContext: RequestContext {
    /// Which listener a request came in by.
    public enum Listener: String, Sendable {
        case unixSocket = "unix"
        case tls
    }

    public var coreContext: CoreRequestContextStorage
    /// The connection; for upgrades and peer addresses.
    public let channel: any Channel
    public var listener: Listener
    public var caller: Caller

    public init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        listener = .tls
        caller = .anonymous
    }
}
