import SwiftASN1
import X509

/// A person as a client certificate names him: Kubernetes' rule that the common name is the user and organizations are groups.
///
/// A certificate without an organization is a machine's, as devices have them, and names no user: a device that is called like
/// somebody is not him.
public struct CertificateUser: Hashable, Sendable {
    public let name: String
    public let groups: [String]

    public init(name: String, groups: [String]) {
        self.name = name
        self.groups = groups
    }

    /// nil for what names no user. Nothing is verified here: the listener did.
    public init?(certificate bytes: [UInt8]) {
        guard let subject = try? Certificate(derEncoded: bytes).subject else { return nil }
        var name = ""
        var groups: [String] = []
        for attribute in subject.flatMap({ $0 }) {
            guard let text = String(attribute.value) else { continue }
            if attribute.type == .RDNAttributeType.commonName { name = text }
            if attribute.type == .RDNAttributeType.organizationName { groups.append(text) }
        }
        guard !name.isEmpty, !groups.isEmpty else { return nil }
        self.init(name: name, groups: groups)
    }

    var subject: DistinguishedName {
        DistinguishedName(
            groups.map { RelativeDistinguishedName(.init(type: .RDNAttributeType.organizationName, utf8String: $0)) }
                + [RelativeDistinguishedName(.init(type: .RDNAttributeType.commonName, utf8String: name))])
    }
}
