/// Where a running ``HTTPServer`` is reached.
public struct ListeningAddresses: Hashable, Sendable {
    public var unixSocket: String
    /// The TLS address with the port in use, also when 0 was asked for; nil without a TLS listener.
    public var tls: ListenAddress?
}
