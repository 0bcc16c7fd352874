public import Resources

/// How the API learns what pods and nodes use.
public struct UsageReader: Sendable {
    /// Reports by the pods' uids; a pod that cannot be told about yet has none.
    public var pods: @Sendable (_ uids: Set<String>) async throws -> [String: UsageReport]
    /// nil for a node that cannot be measured from here.
    public var node: @Sendable (_ name: String) async throws -> UsageReport?

    public init(
        pods: @escaping @Sendable (Set<String>) async throws -> [String: UsageReport],
        node: @escaping @Sendable (String) async throws -> UsageReport?
    ) {
        self.pods = pods
        self.node = node
    }
}
