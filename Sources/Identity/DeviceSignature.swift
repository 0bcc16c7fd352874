import Crypto
import SwiftASN1
import X509

/// Signatures of documents by the key of a certificate: ECDSA on P-256 over SHA-256.
public enum DeviceSignature {
    /// The signature in DER form.
    public static func sign(_ message: [UInt8], keyPEM: String) throws(IdentityError) -> [UInt8] {
        try wrapping(.signing, "cannot sign with the device's key") {
            Array(try P256.Signing.PrivateKey(pemRepresentation: keyPEM).signature(for: message).derRepresentation)
        }
    }

    /// Whether the certificate's key made it.
    public static func isValid(
        _ signature: [UInt8], for message: [UInt8], certificatePEM: String
    ) throws(IdentityError) -> Bool {
        try wrapping(.malformed, "not a certificate with a P-256 key in PEM form") {
            var serializer = DER.Serializer()
            try serializer.serialize(Certificate(pemEncoded: certificatePEM).publicKey)
            let key = try P256.Signing.PublicKey(derRepresentation: serializer.serializedBytes)
            guard let signature = try? P256.Signing.ECDSASignature(derRepresentation: signature) else { return false }
            return key.isValidSignature(signature, for: message)
        }
    }
}
