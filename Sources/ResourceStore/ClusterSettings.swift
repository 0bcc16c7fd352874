/// What a device's store adds to objects as the control plane of a cluster does. A hub's adds nothing: its objects become real on
/// devices, and each of those is a cluster of its own.
public struct ClusterSettings: Sendable {
    /// The certificates that pods know this API by, as PEM.
    public var rootCertificates: String

    public init(rootCertificates: String) {
        self.rootCertificates = rootCertificates
    }
}
