internal import Crypto
internal import CryptoExtras
internal import OCI

/// A public key that the policy names: ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of 2048 bits or more, in PEM.
struct TrustedKey: Sendable {
    /// Its file, or its place in the policy.
    let name: String
    /// Of the key itself: the same for the same key in another file.
    let fingerprint: OCI.Digest
    /// Seconds since 1970 between which it admits new images.
    let validity: ClosedRange<Int64>?
    private let key: Key

    private enum Key: Sendable {
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
        case rsa(_RSA.Signing.PublicKey)
    }

    init(pem: String, name: String, validity: ClosedRange<Int64>? = nil) throws(ImageError) {
        guard let der = Self.subjectPublicKeyInfo(pem), let key = Self.key(der) else {
            throw ImageError(
                .policyBroken,
                "key \(name) is not a public key that can be used here: ECDSA, Ed25519, or RSA of 2048 to 8192 bits in PEM "
                    + "form, as `cosign public-key` and `openssl pkey -pubout` write it")
        }
        self.key = key
        self.name = name
        self.validity = validity
        fingerprint = ContentHasher.digest(of: der)
    }

    /// What stands between the lines of a PEM document.
    private static func subjectPublicKeyInfo(_ pem: String) -> [UInt8]? {
        let lines = pem.split(whereSeparator: \.isNewline)
        guard let start = lines.firstIndex(of: "-----BEGIN PUBLIC KEY-----"),
            let end = lines.firstIndex(of: "-----END PUBLIC KEY-----"), start < end
        else { return nil }
        return Base64.decode(lines[(start + 1)..<end].joined())
    }

    private static func key(_ der: [UInt8]) -> Key? {
        if let key = try? P256.Signing.PublicKey(derRepresentation: der) { return .p256(key) }
        if let key = try? P384.Signing.PublicKey(derRepresentation: der) { return .p384(key) }
        if let key = try? P521.Signing.PublicKey(derRepresentation: der) { return .p521(key) }
        if der.starts(with: ed25519Prefix) {
            return (try? Curve25519.Signing.PublicKey(rawRepresentation: der.dropFirst(ed25519Prefix.count)))
                .map { .ed25519($0) }
        }
        // It refuses less than 2048 bits itself; a larger key would take its time at each signature.
        guard let key = try? _RSA.Signing.PublicKey(derRepresentation: der), key.keySizeInBits <= 8192 else {
            return nil
        }
        return .rsa(key)
    }

    /// The algorithm's identifier before the 32 bytes of a key (RFC 8410).
    private static let ed25519Prefix: [UInt8] = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ]

    /// A signature tells not which hash it was made with: cosign takes SHA-256 whatever the curve, others the one that fits.
    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        switch key {
        case .p256(let key):
            guard let signature = try? P256.Signing.ECDSASignature(derRepresentation: signature) else { return false }
            return key.isValidSignature(signature, for: SHA256.hash(data: message))
        case .p384(let key):
            guard let signature = try? P384.Signing.ECDSASignature(derRepresentation: signature) else { return false }
            return key.isValidSignature(signature, for: SHA256.hash(data: message))
                || key.isValidSignature(signature, for: SHA384.hash(data: message))
        case .p521(let key):
            guard let signature = try? P521.Signing.ECDSASignature(derRepresentation: signature) else { return false }
            return key.isValidSignature(signature, for: SHA256.hash(data: message))
                || key.isValidSignature(signature, for: SHA512.hash(data: message))
        case .ed25519(let key): return key.isValidSignature(signature, for: message)
        case .rsa(let key):
            // cosign's form (PKCS #1 v1.5); the name warns of making such signatures.
            return key.isValidSignature(
                _RSA.Signing.RSASignature(rawRepresentation: signature), for: SHA256.hash(data: message),
                padding: .insecurePKCS1v1_5)
        }
    }
}
