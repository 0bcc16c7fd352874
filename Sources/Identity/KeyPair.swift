import Crypto
import SwiftASN1
import X509

/// A certificate chain and its private key, both PEM.
public struct KeyPair: Sendable, Hashable {
    /// The leaf, then the CA.
    public let certificatePEM: String
    /// P-256, PKCS #8.
    public let keyPEM: String

    public init(certificatePEM: String, keyPEM: String) {
        self.certificatePEM = certificatePEM
        self.keyPEM = keyPEM
    }
}

/// A PKCS #10 request over a fresh P-256 key.
public struct SigningRequest: Sendable, Hashable {
    /// The request, PEM.
    public let pem: String
    /// The private key that stays with the requester, PKCS #8 PEM.
    public let keyPEM: String

    public init(pem: String, keyPEM: String) {
        self.pem = pem
        self.keyPEM = keyPEM
    }

    /// Makes a key and a request for it. The issuer sets the subject itself; `commonName` is for people who look at the request.
    public static func create(commonName: String) throws(IdentityError) -> SigningRequest {
        try create(commonName: commonName, key: P256.Signing.PrivateKey())
    }

    /// Makes a request for a key that already exists, so that a lost answer can be asked for again.
    public static func create(commonName: String, keyPEM: String) throws(IdentityError) -> SigningRequest {
        let key = try wrapping(.malformed, "the private key is not a P-256 key in PEM form") {
            try P256.Signing.PrivateKey(pemRepresentation: keyPEM)
        }
        return try create(commonName: commonName, key: key)
    }

    private static func create(commonName: String, key: P256.Signing.PrivateKey) throws(IdentityError) -> SigningRequest
    {
        try wrapping(.signing, "cannot make a signing request for \(commonName)") {
            let request = try CertificateSigningRequest(
                version: .v1, subject: DistinguishedName { CommonName(commonName) },
                privateKey: Certificate.PrivateKey(key), attributes: .init(), signatureAlgorithm: .ecdsaWithSHA256)
            return SigningRequest(pem: try request.serializeAsPEM().pemString, keyPEM: key.pemRepresentation)
        }
    }
}
