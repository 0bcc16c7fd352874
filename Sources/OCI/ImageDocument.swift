import JSON

/// What a manifest address answers: an index or a manifest, told apart strictly.
///
/// A document that could be read as both (CVE-2021-41190) is refused, and so is one whose own media type, whose
/// declared media type and whose content disagree.
public enum ImageDocument: Hashable, Sendable {
    case index(ImageIndex)
    case manifest(ImageManifest)

    /// Reads a document of at most `maximumBytes`.
    /// - Parameter declaredType: The media type by the descriptor or the Content-Type header; nil if there is none.
    /// - Throws: ``OCIError`` with code `invalidDocument` or `unsupportedMediaType`.
    public init(parsing bytes: [UInt8], declaredType: String?, maximumBytes: Int = 4 << 20) throws(OCIError) {
        guard bytes.count <= maximumBytes else {
            throw OCIError(.invalidDocument, "the manifest is larger than \(maximumBytes) bytes")
        }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: bytes)
        } catch {
            throw OCIError(.invalidDocument, "the manifest is not valid JSON", cause: error)
        }
        try self.init(value, declaredType: declaredType)
    }

    init(_ value: JSONValue, declaredType: String?) throws(OCIError) {
        guard let fields = value.objectValue else {
            throw OCIError(.invalidDocument, "the manifest is not a JSON object")
        }
        if fields["schemaVersion"]?.intValue == 1 || fields["fsLayers"] != nil {
            throw OCIError(
                .unsupportedMediaType,
                "the manifest has Docker's schema 1, which is obsolete; push the image again with a current tool")
        }
        guard fields["schemaVersion"]?.intValue == 2 else {
            throw OCIError(.invalidDocument, "the manifest has no schemaVersion 2")
        }
        let hasIndexFields = fields["manifests"] != nil
        let hasManifestFields = fields["layers"] != nil || fields["config"] != nil
        guard hasIndexFields != hasManifestFields else {
            let what = hasIndexFields ? "both manifests and layers" : "neither manifests nor layers"
            throw OCIError(.invalidDocument, "the manifest has \(what)")
        }
        let own = fields["mediaType"]?.stringValue
        let declared = declaredType.flatMap(Self.essence)
        for type in [own, declared].compactMap({ $0 }) {
            guard MediaType.isIndex(type) || MediaType.isManifest(type) else {
                throw OCIError(.unsupportedMediaType, "media type \(type.prefix(120)) is not that of an image")
            }
            guard MediaType.isIndex(type) == hasIndexFields else {
                throw OCIError(.invalidDocument, "the manifest's content does not match its media type \(type)")
            }
        }
        if let own, let declared, own != declared {
            throw OCIError(.invalidDocument, "the manifest says it is \(own), but was sent as \(declared)")
        }
        do {
            self = hasIndexFields ? .index(try value.decode(as: ImageIndex.self)) : .manifest(try value.decode())
        } catch {
            throw OCIError(.invalidDocument, "the manifest is malformed", cause: error)
        }
        try check()
    }

    /// The type without parameters; nil for the generic types that some registries send.
    private static func essence(_ header: String) -> String? {
        let type = header.split(separator: ";").first.map { $0.filter { $0 != " " }.lowercased() } ?? ""
        return ["", "application/json", "text/plain", "application/octet-stream"].contains(type) ? nil : type
    }

    private func check() throws(OCIError) {
        switch self {
        case .index(let index):
            guard index.manifests.count <= 1000 else {
                throw OCIError(.invalidDocument, "the index lists more than 1000 manifests")
            }
            guard index.manifests.allSatisfy({ $0.size >= 0 }) else {
                throw OCIError(.invalidDocument, "the index has an entry of negative size")
            }
        case .manifest(let manifest):
            guard manifest.layers.count <= 256 else {
                throw OCIError(.invalidDocument, "the image has more than 256 layers")
            }
            guard manifest.config.size >= 0, manifest.layers.allSatisfy({ $0.size >= 0 }) else {
                throw OCIError(.invalidDocument, "the manifest has an entry of negative size")
            }
        }
    }
}
