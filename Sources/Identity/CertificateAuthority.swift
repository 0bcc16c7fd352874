import Crypto
import FoundationEssentials
import SwiftASN1
import X509

/// A small certificate authority with one P-256 key, held in memory by the hub.
///
/// All certificates are valid from 1970-01-01 to 9999-12-31: devices have wrong clocks, and no date may stop one. Access ends
/// by the revocation list.
public struct CertificateAuthority: Sendable {
    /// The CA's own certificate.
    public let certificatePEM: String
    /// The CA's private key, PKCS #8. Never leaves the hub.
    public let keyPEM: String
    /// "sha256:" and the hex digest of the certificate's DER form.
    public let fingerprint: String

    let certificate: Certificate
    let key: Certificate.PrivateKey

    /// Makes a new CA, or a new certificate for one whose key is there: what the CA has issued and who trusts its former
    /// certificate goes on, as long as it has its name.
    public static func create(commonName: String, keyPEM: String? = nil) throws(IdentityError) -> CertificateAuthority {
        let key = try wrapping(.malformed, "the CA key is not a P-256 key in PEM form") {
            try keyPEM.map { try P256.Signing.PrivateKey(pemRepresentation: $0) } ?? P256.Signing.PrivateKey()
        }
        return try wrapping(.signing, "cannot make the certificate authority \(commonName)") {
            let signer = Certificate.PrivateKey(key)
            let name = try DistinguishedName { CommonName(commonName) }
            let certificate = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: signer.publicKey, notValidBefore: earliest,
                notValidAfter: latest, issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectKeyIdentifier(hash: signer.publicKey)
                }, issuerPrivateKey: signer)
            return CertificateAuthority(
                certificate: certificate, key: signer, certificatePEM: try certificate.serializeAsPEM().pemString,
                keyPEM: key.pemRepresentation, fingerprint: try Self.fingerprint(certificate))
        }
    }

    /// Takes up a CA from its files' content.
    /// - Throws: `.malformed`, or `.mismatch` when key and certificate do not belong together.
    public init(certificatePEM: String, keyPEM: String) throws(IdentityError) {
        let certificate = try wrapping(.malformed, "the CA certificate is not a certificate in PEM form") {
            try Certificate(pemEncoded: certificatePEM)
        }
        let key = try wrapping(.malformed, "the CA key is not a private key in PEM form") {
            try Certificate.PrivateKey(pemEncoded: keyPEM)
        }
        guard certificate.publicKey == key.publicKey else {
            throw IdentityError(.mismatch, "the CA certificate and the CA key do not belong together")
        }
        let fingerprint = try wrapping(.malformed, "cannot serialise the CA certificate") {
            try Self.fingerprint(certificate)
        }
        self.init(
            certificate: certificate, key: key, certificatePEM: certificatePEM, keyPEM: keyPEM, fingerprint: fingerprint
        )
    }

    private init(
        certificate: Certificate, key: Certificate.PrivateKey, certificatePEM: String, keyPEM: String,
        fingerprint: String
    ) {
        self.certificate = certificate
        self.key = key
        self.certificatePEM = certificatePEM
        self.keyPEM = keyPEM
        self.fingerprint = fingerprint
    }

    /// Makes a key and a server certificate for `names`: DNS names and IP address literals.
    public func issueServer(commonName: String, names: [String]) throws(IdentityError) -> KeyPair {
        try wrapping(.signing, "cannot issue a server certificate for \(commonName)") {
            let leafKey = P256.Signing.PrivateKey()
            let leaf = try issue(
                commonName: commonName, publicKey: Certificate.PublicKey(leafKey.publicKey),
                usage: .serverAuth, names: names.map(Self.generalName))
            return KeyPair(
                certificatePEM: joined(try leaf.serializeAsPEM().pemString), keyPEM: leafKey.pemRepresentation)
        }
    }

    /// Issues a client certificate for the key in a signing request. What the request asks for beside the key (subject, names,
    /// usages) is ignored.
    /// - Returns: the leaf alone, PEM.
    /// - Throws: `.malformed`; `.invalidSignature` when the requester does not hold the key.
    public func issueClient(commonName: String, signingRequestPEM: String) throws(IdentityError) -> String {
        let request = try wrapping(.malformed, "the signing request is not a PKCS #10 request in PEM form") {
            try CertificateSigningRequest(pemEncoded: signingRequestPEM)
        }
        guard request.publicKey.isValidSignature(request.signature, for: request) else {
            throw IdentityError(.invalidSignature, "the signing request is not signed by the key that it holds")
        }
        return try wrapping(.signing, "cannot issue a client certificate for \(commonName)") {
            try issue(commonName: commonName, publicKey: request.publicKey, usage: .clientAuth, names: [])
                .serializeAsPEM().pemString
        }
    }

    /// Makes a key and a client certificate for a part of this hub itself.
    public func issueClient(commonName: String) throws(IdentityError) -> KeyPair {
        let request = try SigningRequest.create(commonName: commonName)
        let leaf = try issueClient(commonName: commonName, signingRequestPEM: request.pem)
        return KeyPair(certificatePEM: joined(leaf), keyPEM: request.keyPEM)
    }

    /// Makes a key and a certificate for a person: the common name is the user, each organization a group.
    ///
    /// - Parameter end: when it runs out, in Unix seconds.
    public func issueUser(_ user: CertificateUser, until end: Int64) throws(IdentityError) -> KeyPair {
        try wrapping(.signing, "cannot issue a certificate for the user \(user.name)") {
            let key = P256.Signing.PrivateKey()
            let leaf = try issue(
                subject: user.subject, publicKey: Certificate.PublicKey(key.publicKey), usage: .clientAuth, names: [],
                end: Date(timeIntervalSince1970: Double(end)))
            return KeyPair(
                certificatePEM: joined(try leaf.serializeAsPEM().pemString), keyPEM: key.pemRepresentation)
        }
    }

    private func issue(
        commonName: String, publicKey: Certificate.PublicKey, usage: ExtendedKeyUsage.Usage, names: [GeneralName]
    ) throws -> Certificate {
        try issue(
            subject: DistinguishedName { CommonName(commonName) }, publicKey: publicKey, usage: usage, names: names,
            end: Self.latest)
    }

    private func issue(
        subject: DistinguishedName, publicKey: Certificate.PublicKey, usage: ExtendedKeyUsage.Usage,
        names: [GeneralName], end: Date
    ) throws -> Certificate {
        try Certificate(
            version: .v3, serialNumber: .init(), publicKey: publicKey, notValidBefore: Self.earliest,
            notValidAfter: end, issuer: certificate.subject, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([usage])
                SubjectKeyIdentifier(hash: publicKey)
                AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: certificate.publicKey).keyIdentifier)
                if !names.isEmpty { SubjectAlternativeNames(names) }
            }, issuerPrivateKey: key)
    }

    private func joined(_ leafPEM: String) -> String { leafPEM + "\n" + certificatePEM + "\n" }

    private static func fingerprint(_ certificate: Certificate) throws -> String {
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return "sha256:" + hex(SHA256.hash(data: serializer.serializedBytes))
    }

    private static func generalName(_ name: String) -> GeneralName {
        guard let address = addressBytes(name) else { return .dnsName(name) }
        return .ipAddress(ASN1OctetString(contentBytes: address[...]))
    }

    static let earliest = Date(timeIntervalSince1970: 0)
    static let latest = Date(timeIntervalSince1970: 253_402_300_799)
}

func hex(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var result: [UInt8] = []
    for byte in bytes { result += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: result, as: UTF8.self)
}
