internal import Linux
internal import Logging
internal import OCI

/// Who may run here. An image is judged twice: before its layers are fetched or unpacked, and whenever a container is to
/// be started from it, by what was kept of its signatures.
extension ImageStore {
    /// What an image proved when it was admitted; to be kept with its record.
    struct Admission: Sendable {
        let policy: Digest
        let name: String
        /// Fingerprints of the keys whose signatures counted.
        let keys: Set<Digest>
        /// What was found and about which document; nil when the policy asked for no signature.
        let evidence: Evidence?
    }

    struct Evidence: Sendable {
        let subject: SignatureVerifier.Subject
        let signatures: [ImageSignature]
    }

    // MARK: Before the first layer

    /// Judges an image that is about to be pulled.
    /// - Parameters:
    ///   - document: What the reference leads to, an index or a manifest.
    /// - Throws: ``ImageError`` with code `policyRejected`, `policyBroken`, `signatureMissing`, `signatureInvalid` or
    ///   `keyExpired`.
    func admit(
        _ reference: ImageReference, document: [UInt8], from sources: PullSources
    ) async throws -> Admission {
        let subject = SignatureVerifier.Subject(digest: ContentHasher.digest(of: document), document: document)
        let policy = try policy()
        let rule = policy.rule(for: reference)
        guard rule.wantsSignature else { return try judge(rule, policy, reference, [], admittedBy: []) }
        let evidence = Evidence(subject: subject, signatures: try await sources.signatures(of: subject.digest))
        return try judge(rule, policy, reference, [evidence], admittedBy: [])
    }

    /// Judges an image that comes from a file, by the signatures that came with it.
    func admit(_ reference: ImageReference?, evidence: [Evidence]) throws -> Admission {
        let policy = try policy()
        return try judge(policy.rule(for: reference), policy, reference, evidence, admittedBy: [])
    }

    /// Keeps what an admission found; the image's record must be there.
    func record(_ admission: Admission, image: Digest) throws {
        if let evidence = admission.evidence {
            try database.saveSignatures(evidence.signatures, of: evidence.subject, image: image)
        }
        try database.saveVerdict(image: image, name: admission.name, policy: admission.policy, keys: admission.keys)
    }

    // MARK: Before a start

    /// Whether a container may be started from an image under the name it was asked for; needs no network.
    ///
    /// An image that was accepted stays so until the policy changes, and while the policy is broken: neither a wrong
    /// clock nor a damaged file stops what ran before.
    /// - Throws: ``ImageError`` as for a pull.
    public func authorize(_ image: Image, as nameOrID: String) throws(ImageError) {
        do {
            let names = try names(of: image, asked: nameOrID)
            var refusal: (any Error)?
            for name in names {
                do { return try authorize(image.id, as: name) } catch { refusal = refusal ?? error }
            }
            if let refusal { throw refusal }
        } catch {
            throw ImageError(wrapping: error).during("image \"\(nameOrID)\" is refused")
        }
    }

    /// The name that was asked for; asked by id, any name will do, since whoever knows the id may as well say the name.
    private func names(of image: Image, asked: String) throws -> [ImageReference?] {
        if let match = try match(asked), match.id == image.id, let name = match.name { return [name] }
        if let reference = try? ImageReference(parsing: asked), let digest = reference.digest {
            return [reference.pinned(to: digest)]
        }
        let names = try database.names(of: image.id)
        return names.isEmpty ? [nil] : names
    }

    private func authorize(_ id: Digest, as reference: ImageReference?) throws {
        let name = reference?.description ?? ""
        let accepted = try database.acceptingPolicy(image: id, name: name)
        let policy: ImagePolicy
        do {
            policy = try self.policy()
        } catch let error as ImageError where error.code == .policyBroken && accepted != nil {
            logger.warning(
                "image policy broken, image accepted before", metadata: ["image": "\(name)", "error": "\(error)"])
            return
        }
        if accepted == policy.fingerprint.hex { return }
        let evidence = try database.signedSubjects(of: id).map {
            Evidence(subject: $0.subject, signatures: $0.signatures)
        }
        let admission = try judge(
            policy.rule(for: reference), policy, reference, evidence, admittedBy: try database.admittingKeys(of: id))
        try database.saveVerdict(image: id, name: name, policy: policy.fingerprint, keys: admission.keys)
    }

    // MARK: Judging

    /// The policy as it stands on the disk now.
    ///
    /// A file that was there and is gone is not an empty one: whoever wants no policy writes one that accepts everything.
    private func policy() throws -> ImagePolicy {
        let file = ImagePolicyFile(directory: files.root)
        if let policy = try file.load() {
            try database.setPolicyInForce(policy.fingerprint)
            return policy
        }
        guard try database.policyInForce() == nil else {
            throw ImageError(
                .policyBroken,
                "image policy \(file.path) was in force and is gone; restore it, or write "
                    + #"{"default":[{"type":"insecureAcceptAnything"}]} to allow every image"#)
        }
        return .open(path: file.path)
    }

    /// Every requirement of the rule must be met.
    private func judge(
        _ rule: ImagePolicy.Rule, _ policy: ImagePolicy, _ reference: ImageReference?, _ evidence: [Evidence],
        admittedBy: Set<Digest>
    ) throws -> Admission {
        var keys: Set<Digest> = []
        var used: Evidence?
        do {
            for requirement in rule.requirements {
                switch requirement {
                case .accept: continue
                case .reject: throw ImageError(.policyRejected, "images of this name are not allowed on this device")
                case .signed(let requirement):
                    let verifier = SignatureVerifier(
                        requirement: requirement, reference: reference, now: WallClock.now().seconds,
                        admittedBy: admittedBy)
                    let (key, found) = try verifier.firstGood(of: evidence)
                    keys.insert(key.fingerprint)
                    used = found
                }
            }
        } catch let error as ImageError {
            throw error.during("policy \(policy.path), \(rule.scope)")
        }
        return Admission(
            policy: policy.fingerprint, name: reference?.description ?? "", keys: keys, evidence: used)
    }
}

extension ImagePolicy.Rule {
    /// Whether there is any use in looking for signatures.
    fileprivate var wantsSignature: Bool {
        !requirements.contains { if case .reject = $0 { true } else { false } }
            && requirements.contains { if case .signed = $0 { true } else { false } }
    }
}

extension SignatureVerifier {
    /// The first document of an image that is signed well enough; else the reason that the first one gives.
    fileprivate func firstGood(
        of evidence: [ImageStore.Evidence]
    ) throws(ImageError) -> (key: TrustedKey, evidence: ImageStore.Evidence) {
        var reason: ImageError?
        for candidate in evidence {
            do {
                return (try verify(candidate.signatures, of: candidate.subject), candidate)
            } catch {
                // A document that nobody signed says less than one that was signed wrongly.
                if reason == nil || reason?.code == .signatureMissing { reason = error }
            }
        }
        throw reason
            ?? ImageError(
                .signatureMissing,
                "no signature of it is here; sign it with cosign and a key of the policy, then pull it, or "
                    + "load it from an OCI layout that holds the signature, too")
    }
}
