internal import JSON
internal import OCI

/// A signature of an image, as it was found beside it; nothing is believed of it before ``SignatureVerifier`` has looked.
struct ImageSignature: Sendable, Hashable {
    enum Form: String, Sendable {
        /// cosign's: ``payload`` is a simple-signing document, ``signature`` is over its bytes.
        case simpleSigning
        /// A sigstore bundle in ``payload``, which holds its signature.
        case bundle
    }

    let form: Form
    let payload: [UInt8]
    let signature: [UInt8]

    /// What a signature says once its bytes are taken apart.
    struct Claim {
        /// The bytes the signature is over.
        let message: [UInt8]
        let signatures: [[UInt8]]
        /// Digest of the image it is for.
        let subject: Digest
        /// The name it is for; nil when the form has none.
        let identity: String?
    }

    /// - Parameter document: The manifest or index that the image's name leads to.
    func claim(for document: [UInt8]) throws(ImageError) -> Claim {
        do {
            switch form {
            case .simpleSigning: return try simpleSigningClaim()
            case .bundle: return try bundleClaim(document)
            }
        } catch {
            throw ImageError(.signatureInvalid, "a signature is malformed: \(ImageError(wrapping: error).message)")
        }
    }

    private func simpleSigningClaim() throws -> Claim {
        let critical = try JSONValue(parsing: payload)["critical"]
        guard let digest = critical?[path: "image", "docker-manifest-digest"]?.stringValue else {
            throw ImageError(.signatureInvalid, "its payload names no docker-manifest-digest")
        }
        return Claim(
            message: payload, signatures: [signature], subject: try Digest(parsing: digest),
            identity: critical?[path: "identity", "docker-reference"]?.stringValue)
    }

    private func bundleClaim(_ document: [UInt8]) throws -> Claim {
        let bundle = try JSONValue(parsing: payload)
        guard bundle[path: "verificationMaterial", "publicKey"] != nil else {
            throw ImageError(.signatureInvalid, "its bundle is for a certificate, and only keys are trusted here")
        }
        if let envelope = bundle["dsseEnvelope"] { return try statementClaim(envelope) }
        guard let part = bundle["messageSignature"],
            let signature = part["signature"]?.stringValue.flatMap(Base64.decode)
        else { throw ImageError(.signatureInvalid, "its bundle holds neither an envelope nor a signature") }
        // The signed message is the document itself, so its digest is what the signature is for.
        let subject = ContentHasher.digest(of: document)
        return Claim(message: document, signatures: [signature], subject: subject, identity: nil)
    }

    /// A DSSE envelope around an in-toto statement.
    private func statementClaim(_ envelope: JSONValue) throws -> Claim {
        guard let type = envelope["payloadType"]?.stringValue, type == "application/vnd.in-toto+json",
            let statement = envelope["payload"]?.stringValue.flatMap(Base64.decode)
        else { throw ImageError(.signatureInvalid, "its envelope holds no in-toto statement") }
        let signatures = (envelope["signatures"]?.arrayValue ?? []).compactMap {
            $0["sig"]?.stringValue.flatMap(Base64.decode)
        }
        let document = try JSONValue(parsing: statement)
        // Attestations (provenance, scan results) are statements, too, and mean no approval.
        guard document["predicateType"]?.stringValue == Self.signaturePredicate else {
            throw ImageError(.signatureInvalid, "its statement is an attestation, not a signature")
        }
        let subjects = document["subject"]?.arrayValue ?? []
        guard subjects.count == 1, let hex = subjects[0][path: "digest", "sha256"]?.stringValue else {
            throw ImageError(.signatureInvalid, "its statement is not about one SHA-256 digest")
        }
        let name = subjects[0]["name"]?.stringValue
        return Claim(
            message: Self.preAuthenticationEncoding(type, statement), signatures: signatures,
            subject: try Digest(hex: hex), identity: name?.isEmpty == true ? nil : name)
    }

    private static let signaturePredicate = "https://sigstore.dev/cosign/sign/v1"

    /// What DSSE signs: type and payload with their lengths, so that neither can pass for the other.
    private static func preAuthenticationEncoding(_ type: String, _ payload: [UInt8]) -> [UInt8] {
        Array("DSSEv1 \(type.utf8.count) \(type) \(payload.count) ".utf8) + payload
    }
}
