public import Resources

/// What pods need of this device's API.
public struct PodAPI: Sendable {
    /// Issues a token that is bound to a pod.
    public var issueToken: @Sendable (PodTokenRequest) async throws -> String
    /// Where pods on the host's network reach it; nil while it does not listen.
    public var address: @Sendable () -> (host: String, port: Int)?

    public init(
        issueToken: @escaping @Sendable (PodTokenRequest) async throws -> String,
        address: @escaping @Sendable () -> (host: String, port: Int)?
    ) {
        self.issueToken = issueToken
        self.address = address
    }

    /// The variables by which clients in pods find the API.
    var environment: [(name: String, value: String)] {
        guard let address = address() else { return [] }
        return [
            ("KUBERNETES_SERVICE_HOST", address.host), ("KUBERNETES_SERVICE_PORT", String(address.port)),
            ("KUBERNETES_SERVICE_PORT_HTTPS", String(address.port)),
        ]
    }
}

/// Whose token it is to be, for whom and for how long.
public struct PodTokenRequest: Sendable, Hashable {
    public var pod: ResourceKey
    public var podUID: String
    public var account: String
    /// Empty for this API.
    public var audience: String
    public var seconds: Int64
}
