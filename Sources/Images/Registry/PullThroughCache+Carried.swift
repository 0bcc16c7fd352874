internal import JSON
internal import NIOCore
public import OCI

extension PullThroughCache {
    /// An image of the registry with the documents above it and the signatures beside it, to go into a bundle.
    ///
    /// - Throws: ``ImageError``: `unknownManifest`, `noMatchingPlatform`, or why its documents cannot be had.
    public func carriedImage(
        _ locator: ManifestLocator, in repository: RepositoryName, named name: ImageReference, platform: Platform
    ) async throws(ImageError) -> CarriedImage {
        do {
            var documents = [try await manifest(locator, in: repository)]
            while case .index(let index) = try ImageDocument(
                parsing: documents[documents.count - 1].bytes, declaredType: documents[documents.count - 1].mediaType)
            {
                guard documents.count < 4 else { throw ImageError(.invalidImage, "its index is nested too deeply") }
                guard let entry = index.candidates(for: platform).first else {
                    throw ImageError(.noMatchingPlatform, "it is not built for \(platform)")
                }
                documents.append(try await manifest(.digest(entry.digest), in: repository))
            }
            let last: ImageManifest = try JSONValue(parsing: documents[documents.count - 1].bytes).decode()
            var signatures: [CarriedImage.Signature] = []
            for document in documents { signatures += try await self.signatures(of: document.digest, in: repository) }
            let image = try CarriedImage(
                names: [name], documents: documents.map(\.bytes),
                config: try await small(last.config.digest, in: repository, limit: 8 << 20), signatures: signatures)
            guard platform.rank(of: image.platform) != nil else {
                throw ImageError(.noMatchingPlatform, "it is for \(image.platform), not for \(platform)")
            }
            return image
        } catch {
            throw ImageError(wrapping: error).during("image \"\(name.familiar)\"")
        }
    }

    /// By cosign's tag and among the referrers.
    private func signatures(
        of subject: Digest, in repository: RepositoryName
    ) async throws -> [CarriedImage.Signature] {
        var manifests: [[UInt8]] = []
        if let tagged = try await optional({
            try await manifest(.tag(SignatureArtifact.signatureTag(subject)), in: repository)
        }) {
            manifests.append(tagged.bytes)
        }
        for referrer in try await referrers(of: subject, in: repository) {
            if let found = try await optional({ try await manifest(.digest(referrer), in: repository) }) {
                manifests.append(found.bytes)
            }
        }
        var signatures: [CarriedImage.Signature] = []
        for bytes in manifests {
            let parts = try SignatureArtifact.parts(ofManifest: bytes)
            guard !parts.isEmpty else { continue }
            var payloads: [[UInt8]] = []
            for part in parts {
                payloads.append(
                    try await small(part.blob.digest, in: repository, limit: Int(SignatureArtifact.payloadLimit)))
            }
            signatures.append(CarriedImage.Signature(manifest: bytes, payloads: payloads))
        }
        return signatures
    }

    /// A small blob, whole and verified.
    private func small(_ digest: Digest, in repository: RepositoryName, limit: Int) async throws -> [UInt8] {
        let content = try await blob(digest, in: repository)
        guard content.size <= limit else {
            throw ImageError(.limitExceeded, "blob \(digest.short) has more than \(limit) bytes")
        }
        var bytes: [UInt8] = []
        while Int64(bytes.count) < content.size {
            bytes += try await content.bytes(at: Int64(bytes.count), atMost: Int(content.size) - bytes.count)
        }
        guard ContentHasher.digest(of: bytes) == digest else {
            throw ImageError(.digestMismatch, "blob \(digest.short) is damaged; push the image again")
        }
        return bytes
    }

    private func optional<T>(_ body: () async throws -> T) async throws -> T? {
        do { return try await body() } catch let error as ImageError where error.code == .unknownManifest { return nil }
    }
}

extension BlobContent {
    /// As ``read(at:atMost:)``, in an array.
    public func bytes(at offset: Int64, atMost count: Int) async throws(ImageError) -> [UInt8] {
        let buffer = try await read(at: offset, atMost: count)
        return Array(buffer.readableBytesView)
    }
}
