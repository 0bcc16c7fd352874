internal import Linux
public import OCI

/// An archive of images, taken apart so that its images can go into another.
public struct OpenedArchive: Sendable {
    public let images: [CarriedImage]
    private let contents: [Digest: ArchiveContents.File]

    /// Takes an OCI layout or the output of `docker save` apart, plain or packed.
    ///
    /// - Parameters:
    ///   - directory: A new directory for its files; the caller removes it.
    ///   - platform: Which image of a list is meant.
    /// - Throws: ``ImageError``.
    public init(path: String, into directory: String, platform: Platform) throws(ImageError) {
        do {
            var limits = UnpackLimits()
            limits.bytes *= 4
            let file = try FileDescriptor.open(path, O_RDONLY)
            let contents = try ArchiveContents(extracting: file.rawValue, into: directory, limits: limits)
            if contents["oci-layout"] != nil, let index = try contents.read("index.json", limit: 4 << 20) {
                images = try OCILayout(contents, platform: platform).carriedImages(index)
            } else if let manifest = try contents.read("manifest.json", limit: 4 << 20) {
                images = try DockerArchive(contents).images(manifest).map { try $0.carried }
            } else {
                throw ImageError(
                    .invalidImage,
                    "it is neither an OCI layout nor a docker-save archive; make it with wherry save, "
                        + "skopeo copy or docker save")
            }
            guard !images.isEmpty else { throw ImageError(.invalidImage, "it has no image for \(platform)") }
            self.contents = Dictionary(contents.files.values.map { ($0.digest, $0) }) { first, _ in first }
        } catch {
            throw ImageStore.readable(error, path).during("cannot take images from \(path)")
        }
    }

    /// A file that holds a blob; nil when the archive does not have it.
    public func file(of blob: Digest) -> String? { contents[blob]?.path }
}

extension LoadedImage {
    /// For archives without an index around the manifest.
    fileprivate var carried: CarriedImage {
        get throws(ImageError) { try CarriedImage(names: names, documents: [manifestBytes], config: configBytes) }
    }
}

extension OCILayout {
    /// The images of a layout with everything that goes along: the documents above them and the signatures beside them.
    fileprivate func carriedImages(_ indexBytes: [UInt8]) throws -> [CarriedImage] {
        let signatures = try carriedSignatures(indexBytes)
        var found: [CarriedImage] = []
        for image in try images(indexBytes) {
            let documents = image.evidence.map(\.subject.document)
            if let known = found.firstIndex(where: { $0.documents == documents }) {
                found[known].names += image.names.filter { !found[known].names.contains($0) }
            } else {
                found.append(
                    try CarriedImage(
                        names: image.names, documents: documents, config: image.configBytes, signatures: signatures))
            }
        }
        return found
    }
}
