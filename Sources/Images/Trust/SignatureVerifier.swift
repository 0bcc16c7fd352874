internal import Linux
internal import OCI

/// Looks for a signature that satisfies one requirement, without network.
struct SignatureVerifier {
    /// The document that the image's name leads to, and so what must have been signed.
    struct Subject: Sendable, Hashable {
        let digest: Digest
        let document: [UInt8]
    }

    let requirement: SignatureRequirement
    let reference: ImageReference?
    /// Seconds since 1970.
    let now: Int64
    /// Keys that admitted this image before: their time was looked at then, and a clock that is wrong today does not
    /// take it back.
    let admittedBy: Set<Digest>

    /// The nearer a signature came to being good, the more its reason says.
    private enum Failure: Comparable {
        case malformed(String)
        case otherKey
        case otherDigest(String)
        case otherIdentity(String)
        case outOfTime(String)
    }

    /// - Returns: The key whose signature counts.
    /// - Throws: ``ImageError`` with code `signatureMissing`, `signatureInvalid` or `keyExpired`.
    func verify(_ signatures: [ImageSignature], of subject: Subject) throws(ImageError) -> TrustedKey {
        var nearest: Failure?
        for signature in signatures {
            switch check(signature, subject) {
            case .success(let key): return key
            case .failure(let failure): nearest = max(nearest ?? failure, failure)
            }
        }
        guard let nearest else {
            throw ImageError(
                .signatureMissing,
                "no signature of \(subject.digest) was found; sign that digest with cosign and a key of "
                    + "the policy, then pull again")
        }
        throw error(nearest, subject)
    }

    private enum Outcome {
        case success(TrustedKey)
        case failure(Failure)
    }

    private func check(_ signature: ImageSignature, _ subject: Subject) -> Outcome {
        let claim: ImageSignature.Claim
        do { claim = try signature.claim(for: subject.document) } catch { return .failure(.malformed(error.message)) }
        // The key comes first: what an unknown key claims is worth no look.
        guard let key = key(of: claim) else { return .failure(.otherKey) }
        guard claim.subject == subject.digest else { return .failure(.otherDigest("\(claim.subject)")) }
        if let identity = requirement.identity {
            guard let name = claim.identity, identity.accepts(signed: name, for: reference) else {
                return .failure(.otherIdentity(claim.identity ?? ""))
            }
        }
        if let validity = key.validity, !validity.contains(now), !admittedBy.contains(key.fingerprint) {
            return .failure(.outOfTime(describe(key, validity)))
        }
        return .success(key)
    }

    private func key(of claim: ImageSignature.Claim) -> TrustedKey? {
        let fitting = requirement.keys.filter { key in
            claim.signatures.contains { key.isValid($0, for: claim.message) }
        }
        return fitting.first { $0.validity?.contains(now) ?? true } ?? fitting.first
    }

    private func describe(_ key: TrustedKey, _ validity: ClosedRange<Int64>) -> String {
        let isPast = now > validity.upperBound
        let bound = RFC3339.format(seconds: isPast ? validity.upperBound : validity.lowerBound)
        return "key \(key.name) \(isPast ? "admits no images after" : "admits images only from") \(bound), and this "
            + "machine's clock says \(RFC3339.format(seconds: now))"
    }

    private func error(_ failure: Failure, _ subject: Subject) -> ImageError {
        switch failure {
        case .malformed(let message): ImageError(.signatureInvalid, message)
        case .otherKey:
            ImageError(
                .signatureInvalid,
                "no signature of \(subject.digest) was made with "
                    + (requirement.keys.map(\.name).joined(separator: " or ")))
        case .otherDigest(let other):
            ImageError(
                .signatureInvalid, "its signature is for another image: \(other), not for \(subject.digest)")
        case .otherIdentity(let name):
            ImageError(
                .signatureInvalid,
                name.isEmpty
                    ? "its signature names no image, and the policy wants a signedIdentity"
                    : "its signature is for the name \"\(name)\", which is not the one the policy wants")
        case .outOfTime(let message):
            ImageError(
                .keyExpired, message + "; sign it with a current key, or set the clock right if it is wrong")
        }
    }
}
