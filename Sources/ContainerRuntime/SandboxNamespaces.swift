/// The namespaces that the containers of one pod share, as files to join them by.
public struct SandboxNamespaces: Sendable, Hashable {
    /// Nil when the pod uses the host's network.
    public let net: String?
    public let ipc: String
    public let uts: String

    init(directory: String, hostNetwork: Bool) {
        net = hostNetwork ? nil : directory + "/net"
        ipc = directory + "/ipc"
        uts = directory + "/uts"
    }
}
