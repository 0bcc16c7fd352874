public import Resources

extension Agent {
    /// What the running containers of pods use, by the pods' uids; pods that cannot be told about yet are left out.
    public func usage(ofPods uids: Set<String>) async throws -> [String: UsageReport] {
        try await context.usage.pods(uids)
    }

    /// What this machine uses in all; nil for another node's name.
    public func usage(ofNode name: String) async throws -> UsageReport? {
        name == context.nodeName ? try await context.usage.machine() : nil
    }
}
