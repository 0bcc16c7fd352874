public import FleetProtocol
public import Identity
internal import Linux

/// The hub's keys: the fleet's certificate authority, the key that signs heads, and the hub's own certificates.
///
/// The CA and the signing key are what devices trust. They are made once, at the first start; when devices are known, a missing
/// or damaged file is an error and never replaced.
public struct HubIdentity: Sendable {
    /// The one user name that may read and write everything at the broker. No device can have it: it has capital letters.
    static let hubUser = "HUB"

    public let authority: CertificateAuthority
    public let signer: HeadSigner
    /// `<data>/pki`.
    public let directory: String

    public var authorityPath: String { directory + "/ca.crt" }
    var clientCertificatePath: String { directory + "/hub.crt" }
    var clientKeyPath: String { directory + "/hub.key" }

    /// Takes up the identity in `directory`, or makes it.
    /// - Parameter devicesKnown: whether any device relies on it.
    /// - Throws: `.identity` naming the file, `.storage`.
    public static func open(directory: String, devicesKnown: Bool) throws(HubError) -> HubIdentity {
        let precious = ["ca.crt", "ca.key", "signing.key"]
        let present = precious.filter { Files.exists("\(directory)/\($0)") }
        if present.count < precious.count {
            let missing = precious.filter { !present.contains($0) }.map { "\(directory)/\($0)" }
            guard !devicesKnown else {
                throw HubError(
                    .identity,
                    "\(missing.joined(separator: " and ")) is missing, but devices rely on it: "
                        + "restore \(directory) from a backup; Wherry does not make a new one, since no device would trust it"
                )
            }
            try make(directory)
        }
        let identity = HubIdentity(
            authority: try readAuthority(directory), signer: try readSigner(directory), directory: directory)
        try identity.renewClientIfNeeded()
        return identity
    }

    /// A server certificate under the fleet's CA, for the broker and for the hub's own TLS listener.
    public func issueServer(names: [String]) throws(HubError) -> KeyPair {
        do { return try authority.issueServer(commonName: names.first ?? "hub", names: names) } catch {
            throw HubError(.identity, "cannot issue a server certificate", cause: error)
        }
    }

    private static func make(_ directory: String) throws(HubError) {
        do {
            try Files.makeDirectories(directory, mode: 0o700)
            let authority = try CertificateAuthority.create(commonName: "Wherry fleet")
            try write(authority.keyPEM, "\(directory)/ca.key")
            try write(Base64.encode(HeadSigner().seed) + "\n", "\(directory)/signing.key")
            try write(authority.certificatePEM + "\n", "\(directory)/ca.crt")
        } catch {
            throw HubError(.storage, "cannot make the hub's identity in \(directory)", cause: error)
        }
    }

    private static func readAuthority(_ directory: String) throws(HubError) -> CertificateAuthority {
        let certificate = try read("\(directory)/ca.crt")
        let key = try read("\(directory)/ca.key")
        do { return try CertificateAuthority(certificatePEM: certificate, keyPEM: key) } catch {
            throw HubError(
                .identity, "\(directory)/ca.crt or ca.key is damaged: restore both from a backup", cause: error)
        }
    }

    private static func readSigner(_ directory: String) throws(HubError) -> HeadSigner {
        let path = "\(directory)/signing.key"
        let text = try read(path)
        guard let seed = Base64.decode(String(text.prefix { !$0.isWhitespace })),
            let signer = try? HeadSigner(seed: seed)
        else { throw HubError(.identity, "\(path) is damaged: restore it from a backup") }
        return signer
    }

    /// The hub's own client certificate is not precious: the CA can always issue another.
    private func renewClientIfNeeded() throws(HubError) {
        if let certificate = try? Self.read(clientCertificatePath), let key = try? Self.read(clientKeyPath),
            (try? CertificateFacts.belongTogether(certificatePEM: certificate, keyPEM: key)) == true
        {
            return
        }
        do {
            let pair = try authority.issueClient(commonName: Self.hubUser)
            try Self.write(pair.keyPEM, clientKeyPath)
            try Self.write(pair.certificatePEM, clientCertificatePath)
        } catch {
            throw HubError(.storage, "cannot renew the hub's client certificate in \(directory)", cause: error)
        }
    }

    static func read(_ path: String) throws(HubError) -> String {
        do { return String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self) } catch {
            throw HubError(.identity, "cannot read \(path)", cause: error)
        }
    }

    static func write(_ text: String, _ path: String) throws(SystemError) {
        try Files.writeAtomically(Array(text.utf8), to: path, mode: 0o600)
    }
}
