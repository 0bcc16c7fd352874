internal import JSON
public import OCI

/// An image on its way between two stores: its documents are here, its layers wherever the carrier has them.
public struct CarriedImage: Sendable {
    /// A layer as the manifest and the config name it.
    public struct Layer: Sendable, Hashable {
        public let diffID: Digest
        public let blob: Digest
        public let size: Int64
    }

    /// A manifest of signatures, and the payloads that it lists.
    public struct Signature: Sendable {
        public let manifest: [UInt8]
        public let payloads: [[UInt8]]

        public init(manifest: [UInt8], payloads: [[UInt8]]) {
            self.manifest = manifest
            self.payloads = payloads
        }
    }

    /// The names that it has where it goes; with a digest, it is its manifest's.
    public var names: [ImageReference]
    /// The documents that its name leads to, outermost first; the last is its manifest.
    public let documents: [[UInt8]]
    public let config: [UInt8]
    public var signatures: [Signature]

    public let layers: [Layer]
    public let platform: Platform
    public let manifestDigest: Digest
    let manifest: ImageManifest
    /// The media type of its manifest.
    public var manifestType: String { manifest.mediaType ?? MediaType.ociManifest }

    /// - Throws: ``ImageError`` when the documents do not lead to one another or are no image.
    public init(
        names: [ImageReference], documents: [[UInt8]], config: [UInt8], signatures: [Signature] = []
    ) throws(ImageError) {
        do {
            guard let last = documents.last,
                case .manifest(let manifest) = try ImageDocument(parsing: last, declaredType: nil)
            else { throw ImageError(.invalidImage, "its last document is no image manifest") }
            try Self.checkPath(documents)
            guard ContentHasher.digest(of: config) == manifest.config.digest else {
                throw ImageError(.digestMismatch, "its config is not the one that its manifest names")
            }
            let parsed = try ImageConfig(parsing: config)
            let plan = try ImageStore.Plan(manifest: manifest, config: parsed)
            layers = zip(plan.layers, manifest.layers).map { Layer(diffID: $0.diffID, blob: $0.blob, size: $1.size) }
            platform = parsed.platform
            manifestDigest = ContentHasher.digest(of: last)
            self.manifest = manifest
        } catch {
            throw ImageError(wrapping: error)
        }
        self.names = names
        self.documents = documents
        self.config = config
        self.signatures = signatures
    }

    /// Each index lists the document after it.
    private static func checkPath(_ documents: [[UInt8]]) throws {
        for (document, next) in zip(documents, documents.dropFirst()) {
            guard case .index(let index) = try ImageDocument(parsing: document, declaredType: nil),
                index.manifests.contains(where: { $0.digest == ContentHasher.digest(of: next) })
            else { throw ImageError(.invalidImage, "its index does not list its manifest") }
        }
    }

    /// What proves where it comes from.
    func evidence() throws -> [ImageStore.Evidence] {
        let found = try signatures.flatMap { signature in
            let payloads = Dictionary(signature.payloads.map { (ContentHasher.digest(of: $0), $0) }) { first, _ in first
            }
            return try SignatureArtifact.parts(ofManifest: signature.manifest).compactMap { part in
                try payloads[part.blob.digest].map { try part.signature(payload: $0) }
            }
        }
        return documents.map { document in
            ImageStore.Evidence(
                subject: SignatureVerifier.Subject(digest: ContentHasher.digest(of: document), document: document),
                signatures: found)
        }
    }
}
