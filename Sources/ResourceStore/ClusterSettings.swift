public import Resources

/// What a device's store adds to objects as the control plane of a cluster does. A hub's adds nothing: its objects become real on
/// devices, and each of those is a cluster of its own.
public struct ClusterSettings: Sendable {
    /// The certificates that pods know this API by, as PEM.
    public var rootCertificates: String

    /// Where services get their addresses from; nil without any.
    public var serviceAddresses: AddressRange?

    public init(rootCertificates: String, serviceAddresses: AddressRange? = nil) {
        self.rootCertificates = rootCertificates
        self.serviceAddresses = serviceAddresses
    }
}
