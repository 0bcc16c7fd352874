internal import JSON
internal import Linux
internal import Logging
public import OCI

extension ImageStore {
    /// Loads the images of an archive: an OCI layout or what `docker save` writes, plain or packed with gzip or zstd.
    /// - Returns: The images in the archive's order.
    /// - Throws: ``ImageError``; nothing is named then, though finished layers stay until the next collection.
    @discardableResult
    public func load(path: String) async throws(ImageError) -> [Image] {
        try await loadArchive(path: path).map(\.image)
    }

    /// As ``load(path:)``, with the names that the archive gave to each image.
    public func loadArchive(path: String) async throws(ImageError) -> [(image: Image, names: [ImageReference])] {
        do {
            let directory = files.ingestPath("load-\(nextSequence())")
            do {
                let images = try await load(path, through: directory)
                try await unpacker.remove(directory)
                return images
            } catch {
                try? await unpacker.remove(directory)
                throw error
            }
        } catch {
            throw Self.readable(error, path).during("cannot load images from \(path)")
        }
    }

    /// An error about the user's file in the user's words.
    static func readable(_ error: any Error, _ path: String) -> ImageError {
        let error = ImageError(wrapping: error)
        if let system = error.cause as? SystemError, system.call == "open", system.subject == path {
            return ImageError(.unreadableFile, "\(system.errno); check the path", cause: system)
        }
        return error
    }

    private func load(
        _ path: String, through directory: String
    ) async throws -> [(image: Image, names: [ImageReference])] {
        var archiveLimits = limits
        archiveLimits.bytes = limits.bytes * 4
        let contents = try await unpacker.extract(path, into: directory, limits: archiveLimits)
        let found: [LoadedImage]
        if contents["oci-layout"] != nil, let index = try contents.read("index.json", limit: 4 << 20) {
            found = try OCILayout(contents).images(index)
        } else if let manifest = try contents.read("manifest.json", limit: 4 << 20) {
            found = try DockerArchive(contents).images(manifest)
        } else {
            throw ImageError(
                .invalidImage,
                "it is neither an OCI layout nor a docker-save archive (no index.json, no manifest.json); "
                    + "use import for a plain root file system")
        }
        guard !found.isEmpty else { throw ImageError(.invalidImage, "it has no image for \(Platform.current)") }
        var images: [(image: Image, names: [ImageReference])] = []
        for image in found { images.append((try await add(image, from: contents), image.names)) }
        return images
    }

    private func add(_ image: LoadedImage, from contents: ArchiveContents) async throws -> Image {
        let plan = try Plan(manifest: image.manifest, config: ImageConfig(parsing: image.configBytes))
        let lease = lease(plan.digests)
        defer { endLease(lease) }
        _ = try files.put(image.configBytes)
        for index in plan.layers.indices {
            let layer = plan.layers[index]
            try await exclusively("blob " + layer.blob.hex) {
                guard !files.has(layer.blob, size: plan.manifest.layers[index].size) else { return }
                guard let file = image.layerFiles[index], Files.exists(file.path) else {
                    throw ImageError(.invalidImage, "layer \(layer.blob.short) is missing in the archive")
                }
                guard file.digest == layer.blob else {
                    throw ImageError(.digestMismatch, "layer \(layer.blob) has digest \(file.digest) in the archive")
                }
                try files.commit(file.path, as: layer.blob)
            }
            try await unpackLayer(index, of: plan)
        }
        let manifest = try files.put(image.manifestBytes)
        try database.save(
            id: plan.configDigest, manifest: manifest, layers: plan.layers, names: image.names, origins: [])
        logger.info("image loaded", metadata: ["id": "\(plan.configDigest.short)"])
        return try requireImage(plan.configDigest)
    }
}

/// An image found in an archive, not yet unpacked.
struct LoadedImage {
    let manifest: ImageManifest
    let manifestBytes: [UInt8]
    let configBytes: [UInt8]
    let layerFiles: [ArchiveContents.File?]
    let names: [ImageReference]
}

/// Reads the OCI image layout (image-spec image-layout.md).
struct OCILayout {
    private let contents: ArchiveContents

    init(_ contents: ArchiveContents) { self.contents = contents }

    func images(_ indexBytes: [UInt8]) throws -> [LoadedImage] {
        guard case .index(let index) = try ImageDocument(parsing: indexBytes, declaredType: nil) else {
            throw ImageError(.invalidImage, "index.json is not an index")
        }
        return try index.manifests.compactMap { entry in
            guard MediaType.isManifest(entry.mediaType) || MediaType.isIndex(entry.mediaType) else { return nil }
            return try image(entry, names: Self.names(entry), depth: 0)
        }
    }

    private func image(_ entry: Descriptor, names: [ImageReference], depth: Int) throws -> LoadedImage? {
        let bytes = try blob(entry, limit: 4 << 20)
        switch try ImageDocument(parsing: bytes, declaredType: entry.mediaType) {
        case .index(let index):
            guard depth < 3 else { throw ImageError(.invalidImage, "its index is nested too deeply") }
            guard let best = index.candidates(for: .current).first else { return nil }
            return try image(best, names: names, depth: depth + 1)
        case .manifest(let manifest):
            return LoadedImage(
                manifest: manifest, manifestBytes: bytes, configBytes: try blob(manifest.config, limit: 8 << 20),
                layerFiles: manifest.layers.map { contents["blobs/sha256/" + $0.digest.hex] }, names: names)
        }
    }

    private func blob(_ descriptor: Descriptor, limit: Int) throws -> [UInt8] {
        let name = "blobs/sha256/" + descriptor.digest.hex
        guard let file = contents[name], let bytes = try contents.read(name, limit: limit) else {
            throw ImageError(.invalidImage, "\(name) is missing in the archive")
        }
        guard file.digest == descriptor.digest, file.size == descriptor.size else {
            throw ImageError(.digestMismatch, "\(name) in the archive has another digest or size")
        }
        return bytes
    }

    /// containerd and Docker write the full name; others write a name or only a tag into the standard annotation.
    private static func names(_ entry: Descriptor) -> [ImageReference] {
        if let full = entry.annotations?["io.containerd.image.name"] {
            return (try? ImageReference(parsing: full)).map { [$0] } ?? []
        }
        guard let name = entry.annotations?["org.opencontainers.image.ref.name"],
            name.contains(":") || name.contains("/")
        else { return [] }
        return (try? ImageReference(parsing: name)).map { [$0] } ?? []
    }
}

/// Reads the archive of `docker save`: `manifest.json` names configs, layer tars and tags.
struct DockerArchive {
    private struct Entry: Decodable {
        let config: String
        let repoTags: [String]?
        let layers: [String]

        enum CodingKeys: String, CodingKey {
            case config = "Config"
            case repoTags = "RepoTags"
            case layers = "Layers"
        }
    }

    private let contents: ArchiveContents

    init(_ contents: ArchiveContents) { self.contents = contents }

    func images(_ manifestBytes: [UInt8]) throws -> [LoadedImage] {
        let entries: [Entry]
        do {
            entries = try JSONValue(parsing: manifestBytes).decode(as: [Entry].self)
        } catch {
            throw ImageError(.invalidImage, "manifest.json is malformed: \(error)", cause: error)
        }
        return try entries.map(image)
    }

    private func image(_ entry: Entry) throws -> LoadedImage {
        guard let config = contents[entry.config], let bytes = try contents.read(entry.config, limit: 8 << 20) else {
            throw ImageError(.invalidImage, "config \"\(entry.config.prefix(200))\" is missing in the archive")
        }
        let layers = try entry.layers.map { name in
            guard let file = contents[name] else {
                throw ImageError(.invalidImage, "layer \"\(name.prefix(200))\" is missing in the archive")
            }
            return file
        }
        // The archive has no OCI manifest; this one says the same and is the same each time.
        let manifest = ImageManifest(
            config: Descriptor(mediaType: MediaType.ociConfig, digest: config.digest, size: config.size),
            layers: layers.map { Descriptor(mediaType: MediaType.ociLayer, digest: $0.digest, size: $0.size) })
        return LoadedImage(
            manifest: manifest, manifestBytes: try JSONValue(encoding: manifest).serialized(), configBytes: bytes,
            layerFiles: layers, names: try (entry.repoTags ?? []).map { try ImageReference(parsing: $0) })
    }
}
