internal import JSON
internal import OCI

/// What the registry needs to know of a manifest or index: its type, what it points at, and to what it belongs.
struct RegistryManifest {
    /// Content that a manifest points at.
    struct Part: Hashable {
        let digest: Digest
        let size: Int64
        let isManifest: Bool
        /// Layers that must not be redistributed are not expected in the registry.
        let isElsewhere: Bool
    }

    let mediaType: String
    let parts: [Part]
    let subject: Digest?
    let artifactType: String?
    let annotations: JSONValue?

    /// Reads a document strictly: its media type, the declared one and its content must agree.
    /// - Throws: ``ImageError`` with code `invalidManifest`.
    init(parsing bytes: [UInt8], declaredType: String?) throws(ImageError) {
        let document: ImageDocument
        let value: JSONValue
        do {
            document = try ImageDocument(
                parsing: bytes, declaredType: declaredType, maximumBytes: RegistryClient.manifestLimit)
            value = try JSONValue(parsing: bytes)
        } catch {
            throw ImageError(.invalidManifest, "the manifest cannot be taken: \(error)", cause: error)
        }
        let declared = declaredType.map { String($0.prefix { $0 != ";" }).filter { $0 != " " }.lowercased() }
        var configType: String?
        switch document {
        case .index(let index):
            mediaType = index.mediaType ?? declared.flatMap { MediaType.isIndex($0) ? $0 : nil } ?? MediaType.ociIndex
            parts = index.manifests.map {
                Part(digest: $0.digest, size: $0.size, isManifest: true, isElsewhere: false)
            }
        case .manifest(let manifest):
            mediaType =
                manifest.mediaType ?? declared.flatMap { MediaType.isManifest($0) ? $0 : nil } ?? MediaType.ociManifest
            configType = manifest.config.mediaType
            parts = ([manifest.config] + manifest.layers).map {
                Part(digest: $0.digest, size: $0.size, isManifest: false, isElsewhere: Self.isElsewhere($0))
            }
        }
        artifactType = value["artifactType"]?.stringValue ?? configType
        annotations = value["annotations"]
        subject = try Self.subject(of: value)
    }

    private static func isElsewhere(_ layer: Descriptor) -> Bool {
        layer.urls?.isEmpty == false
            && (layer.mediaType.contains("nondistributable") || layer.mediaType.contains("foreign"))
    }

    /// The manifest that this one is about: a signature's image (image-spec manifest.md, `subject`).
    private static func subject(of value: JSONValue) throws(ImageError) -> Digest? {
        guard let subject = value["subject"], !subject.isNull else { return nil }
        guard let digest = subject["digest"]?.stringValue.flatMap({ try? Digest(parsing: $0) }),
            subject["mediaType"]?.stringValue != nil, subject["size"]?.intValue.map({ $0 >= 0 }) == true
        else { throw ImageError(.invalidManifest, "the manifest's subject is not a descriptor") }
        return digest
    }
}
