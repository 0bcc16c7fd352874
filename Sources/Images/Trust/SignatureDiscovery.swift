internal import AsyncHTTPClient
internal import JSON
internal import OCI

/// Where signatures lie beside an image: cosign's tag, and the referrers of OCI 1.1 with their fallback tag.
enum SignatureArtifact {
    static let simpleSigningLayer = "application/vnd.dev.cosign.simplesigning.v1+json"
    static let signatureAnnotation = "dev.cosignproject.cosign/signature"
    static let cosignArtifact = "application/vnd.dev.cosign.artifact.sig.v1+json"
    static let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"

    /// More would only be a way to keep a device busy.
    static let maximum = 32
    static let payloadLimit: Int64 = 1 << 20

    /// `sha256-<hex>`: the tag of the referrers list where a registry has no referrers API.
    static func referrersTag(_ subject: Digest) -> String { "sha256-" + subject.hex }
    /// `sha256-<hex>.sig`: where cosign puts signatures.
    static func signatureTag(_ subject: Digest) -> String { referrersTag(subject) + ".sig" }

    static func isSignature(_ entry: Descriptor) -> Bool {
        [cosignArtifact, bundle].contains(entry.artifactType ?? "")
    }

    /// One blob of a signature's manifest that is a signature, with what stands beside it.
    struct Part {
        let blob: Descriptor
        let form: ImageSignature.Form
        let signature: [UInt8]

        func signature(payload: [UInt8]) throws -> ImageSignature {
            guard ContentHasher.digest(of: payload) == blob.digest else {
                throw ImageError(.digestMismatch, "signature \(blob.digest) has other content than its digest says")
            }
            return ImageSignature(form: form, payload: payload, signature: signature)
        }
    }

    /// The signatures that a manifest lists; other layers are none of ours.
    static func parts(ofManifest bytes: [UInt8]) throws -> [Part] {
        let manifest: ImageManifest = try JSONValue(parsing: bytes).decode()
        return manifest.layers.prefix(maximum).compactMap { layer in
            guard layer.size <= payloadLimit else { return nil }
            if layer.mediaType == bundle { return Part(blob: layer, form: .bundle, signature: []) }
            guard layer.mediaType == simpleSigningLayer,
                let signature = layer.annotations?[signatureAnnotation].flatMap(Base64.decode)
            else { return nil }
            return Part(blob: layer, form: .simpleSigning, signature: signature)
        }
    }

    static func referrers(inIndex bytes: [UInt8]) throws -> [Descriptor] {
        let index: ImageIndex = try JSONValue(parsing: bytes).decode()
        return Array(index.manifests.filter(isSignature).prefix(maximum))
    }
}

extension PullSources {
    /// The signatures of an image at the first server that has any. Mirrors may lack them; only when every server was asked
    /// are there none.
    func signatures(of subject: Digest) async throws -> [ImageSignature] {
        var failure: (any Error)?
        for client in ordered {
            do {
                let found = try await client.signatures(of: subject)
                if !found.isEmpty { return found }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return []
    }
}

extension RegistryClient {
    /// All signatures that the registry has for an image. What the registry does not have is no error; a registry that
    /// cannot be asked is.
    func signatures(of subject: Digest) async throws -> [ImageSignature] {
        var found: [ImageSignature] = []
        if let bytes = try await optional({ try await manifest(SignatureArtifact.signatureTag(subject)).bytes }) {
            found += try await signatures(inManifest: bytes)
        }
        for referrer in try await referrers(of: subject) {
            found += try await signatures(inManifest: try await manifest(referrer.digest.description).bytes)
        }
        return Array(found.prefix(SignatureArtifact.maximum))
    }

    private func referrers(of subject: Digest) async throws -> [Descriptor] {
        if let bytes = try await optional({ try await referrersIndex(of: subject) }) {
            return try SignatureArtifact.referrers(inIndex: bytes)
        }
        let tag = SignatureArtifact.referrersTag(subject)
        guard let bytes = try await optional({ try await manifest(tag).bytes }) else { return [] }
        return try SignatureArtifact.referrers(inIndex: bytes)
    }

    private func signatures(inManifest bytes: [UInt8]) async throws -> [ImageSignature] {
        var found: [ImageSignature] = []
        for part in try SignatureArtifact.parts(ofManifest: bytes) {
            found.append(try part.signature(payload: try await smallBlob(part.blob)))
        }
        return found
    }

    private func optional<T>(_ body: () async throws -> T) async throws -> T? {
        do {
            return try await body()
        } catch let error as ImageError where error.code == .unknownImage {
            return nil
        }
    }
}
