import KubernetesAPI
import NodeAgent

extension UsageReader {
    /// This machine and its pods.
    init(_ agent: Agent) {
        self.init(pods: { try await agent.usage(ofPods: $0) }, node: { try await agent.usage(ofNode: $0) })
    }
}
