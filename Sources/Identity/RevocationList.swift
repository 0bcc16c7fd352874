import Crypto
import SwiftASN1
import X509

/// Reading single facts from a certificate.
public enum CertificateFacts {
    /// The serial number as lower-case hex without leading zeros; what `CertificateAuthority.revocationList` takes.
    public static func serialNumber(ofPEM pem: String) throws(IdentityError) -> String {
        try wrapping(.malformed, "not a certificate in PEM form") {
            hex(try Certificate(pemEncoded: pem).serialNumber.bytes)
        }
    }

    /// "sha256:" and the hex digest of the public key (SubjectPublicKeyInfo) of a signing request.
    public static func publicKeyFingerprint(ofSigningRequestPEM pem: String) throws(IdentityError) -> String {
        try wrapping(.malformed, "the signing request is not a PKCS #10 request in PEM form") {
            var serializer = DER.Serializer()
            try serializer.serialize(CertificateSigningRequest(pemEncoded: pem).publicKey)
            return fingerprint(ofDER: serializer.serializedBytes)
        }
    }

    /// "sha256:" and the hex digest of a certificate's DER form.
    public static func fingerprint(ofDER bytes: [UInt8]) -> String { "sha256:" + hex(SHA256.hash(data: bytes)) }

    /// Whether `keyPEM` is the private key of the (first) certificate in `certificatePEM`.
    public static func belongTogether(certificatePEM: String, keyPEM: String) throws(IdentityError) -> Bool {
        try wrapping(.malformed, "the certificate or its key is not in PEM form") {
            try Certificate(pemEncoded: certificatePEM).publicKey
                == Certificate.PrivateKey(pemEncoded: keyPEM).publicKey
        }
    }
}

extension CertificateAuthority {
    /// A revocation list (RFC 5280 section 5) of the certificates with these serial numbers, PEM.
    ///
    /// Its date is 1970 and it names no next update: a list never lapses by a clock.
    public func revocationList(serialNumbers: [String]) throws(IdentityError) -> String {
        try wrapping(.signing, "cannot sign the revocation list") {
            let body = RevocationBody(issuer: certificate.subject, serialNumbers: try serialNumbers.map(Self.bytes))
            var serializer = DER.Serializer()
            try body.serialize(into: &serializer)
            let signed = serializer.serializedBytes
            let signature = try P256.Signing.PrivateKey(pemRepresentation: keyPEM).signature(for: signed)
            var list = DER.Serializer()
            try list.appendConstructedNode(identifier: .sequence) { list throws in
                list.serialize(try DER.parse(signed))
                try RevocationBody.algorithm(&list)
                try list.serialize(ASN1BitString(bytes: ArraySlice(signature.derRepresentation)))
            }
            return PEMDocument(type: "X509 CRL", derBytes: list.serializedBytes).pemString + "\n"
        }
    }

    private static func bytes(_ serial: String) throws(IdentityError) -> [UInt8] {
        let digits = Array(serial.utf8)
        var result: [UInt8] = []
        for start in stride(from: 0, to: digits.count - 1, by: 2) {
            guard let byte = UInt8(String(decoding: digits[start...start + 1], as: UTF8.self), radix: 16) else {
                throw IdentityError(.malformed, "\(serial) is not a certificate's serial number in hex")
            }
            result.append(byte)
        }
        guard digits.count.isMultiple(of: 2), !result.isEmpty else {
            throw IdentityError(.malformed, "\(serial) is not a certificate's serial number in hex")
        }
        return result
    }
}

/// TBSCertList of RFC 5280 section 5.1, version 2 without extensions.
private struct RevocationBody {
    let issuer: DistinguishedName
    let serialNumbers: [[UInt8]]

    func serialize(into serializer: inout DER.Serializer) throws {
        let epoch = try UTCTime(year: 1970, month: 1, day: 1, hours: 0, minutes: 0, seconds: 0)
        try serializer.appendConstructedNode(identifier: .sequence) { body throws in
            try body.serialize(1)
            try Self.algorithm(&body)
            try body.serialize(issuer)
            try body.serialize(epoch)
            guard !serialNumbers.isEmpty else { return }
            try body.appendConstructedNode(identifier: .sequence) { entries throws in
                for serial in serialNumbers {
                    try entries.appendConstructedNode(identifier: .sequence) { entry throws in
                        entry.appendPrimitiveNode(identifier: .integer) { content in
                            if let first = serial.first, first >= 0x80 { content.append(0) }
                            content.append(contentsOf: serial)
                        }
                        try entry.serialize(epoch)
                    }
                }
            }
        }
    }

    /// ecdsa-with-SHA256, without parameters (RFC 5758).
    static func algorithm(_ serializer: inout DER.Serializer) throws {
        try serializer.appendConstructedNode(identifier: .sequence) { node throws in
            try node.serialize(([1, 2, 840, 10045, 4, 3, 2] as ASN1ObjectIdentifier))
        }
    }
}
