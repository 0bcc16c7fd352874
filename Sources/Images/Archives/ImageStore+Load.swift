internal import JSON
internal import Linux
internal import Logging
public import NIOCore
public import OCI

extension ImageStore {
    /// Loads the images of an archive: an OCI layout or what `docker save` writes, plain or packed with gzip or zstd.
    /// - Returns: The images in the archive's order.
    /// - Throws: ``ImageError``; nothing is named then, though finished layers stay until the next collection.
    @discardableResult
    public func load(path: String) async throws(ImageError) -> [Image] {
        try await loadArchive(path: path).map(\.image)
    }

    /// As ``load(streaming:length:)``, of a file.
    func loadArchive(path: String) async throws(ImageError) -> [LoadedNames] {
        do {
            return try await extracting { directory, limits in
                try await unpacker.extract(path, into: directory, limits: limits)
            }
        } catch {
            throw Self.readable(error, path).during("cannot load images from \(path)")
        }
    }

    /// An image and the names that its archive gave to it.
    public typealias LoadedNames = (image: Image, names: [ImageReference])

    /// Loads the images of an archive while it comes: its layers are written once, each to the place from which it is unpacked.
    /// - Parameter length: Bytes of the archive where that is known: without room for them none is taken.
    public func load<Body: AsyncSequence & Sendable>(
        streaming body: Body, length: Int64?
    ) async throws(ImageError) -> [LoadedNames] where Body.Element == ByteBuffer {
        do {
            try await ensureRoom(bytes: limits.reservedBytes + settings.logReserveBytes + (length ?? 0), "an archive")
            return try await extracting { directory, limits in
                let feed = try UploadFeed()
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await feed.carry(body) }
                    let contents: ArchiveContents
                    do {
                        contents = try await unpacker.extract(feed, into: directory, limits: limits)
                    } catch {
                        group.cancelAll()
                        do { try await group.waitForAll() } catch let why where Self.isCause(why) { throw why }
                        throw error
                    }
                    try await group.waitForAll()
                    return contents
                }
            }
        } catch {
            throw ImageError(wrapping: error).during("cannot load images")
        }
    }

    /// Whether the end of an upload is why its archive could not be read, and not the other way round.
    private static func isCause(_ error: any Error) -> Bool {
        !(error is CancellationError) && (error as? SystemError)?.errno != .brokenPipe
    }

    private func extracting(
        _ extract: (String, UnpackLimits) async throws -> ArchiveContents
    ) async throws -> [LoadedNames] {
        let directory = files.ingestPath("load-\(nextSequence())")
        var archiveLimits = limits
        archiveLimits.bytes = limits.bytes * 4
        do {
            let images = try await add(extract(directory, archiveLimits))
            await settle()
            try await unpacker.remove(directory)
            return images
        } catch {
            try? await unpacker.remove(directory)
            throw error
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

    private func add(_ contents: ArchiveContents) async throws -> [LoadedNames] {
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
        var images: [LoadedNames] = []
        for image in found {
            let admissions = try admit(image)
            let added = try await add(image, from: contents)
            for admission in admissions { try record(admission, image: added.id) }
            images.append((added, image.names))
        }
        return images
    }

    /// Judges an image by each name that it would get.
    private func admit(_ image: LoadedImage) throws -> [Admission] {
        guard !image.names.isEmpty else { return [try admit(nil, evidence: image.evidence)] }
        return try image.names.map { name in
            do {
                return try admit(name, evidence: image.evidence)
            } catch {
                throw ImageError(wrapping: error).during("image \"\(name.familiar)\"")
            }
        }
    }

    /// Room for what the layers take unpacked; their blobs are here.
    private func ensureRoom(for plan: Plan, from image: LoadedImage) async throws {
        let missing = try plan.layers.indices.filter { try !hasLayer(plan.layers[$0].chainID) }
        let present = missing.reduce(into: Int64(0)) { $0 += image.layerFiles[$1]?.size ?? 0 }
        try await ensureRoom(for: missing.map { plan.manifest.layers[$0] }, present: present)
    }

    private func add(_ image: LoadedImage, from contents: ArchiveContents) async throws -> Image {
        let plan = try Plan(manifest: image.manifest, config: ImageConfig(parsing: image.configBytes))
        let lease = lease(plan.digests)
        defer { endLease(lease) }
        try await ensureRoom(for: plan, from: image)
        _ = try files.put(image.configBytes)
        for index in plan.layers.indices {
            let layer = plan.layers[index]
            if try hasLayer(layer.chainID) { continue }
            try await exclusively("blob " + layer.blob.hex) {
                guard !files.has(layer.blob, size: plan.manifest.layers[index].size), try twin(of: layer) == nil else {
                    return
                }
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
    /// The documents that lead to it, and the signatures in the archive.
    var evidence: [ImageStore.Evidence] = []
}

/// Reads the OCI image layout (image-spec image-layout.md).
struct OCILayout {
    private let contents: ArchiveContents
    private let platform: Platform

    init(_ contents: ArchiveContents, platform: Platform = .current) {
        self.contents = contents
        self.platform = platform
    }

    func images(_ indexBytes: [UInt8]) throws -> [LoadedImage] {
        let entries = try entries(indexBytes)
        let signatures = try entries.flatMap(signatures)
        return try entries.compactMap { entry in
            guard var found = try image(entry, names: Self.names(entry), through: []) else { return nil }
            found.evidence = found.evidence.map { ImageStore.Evidence(subject: $0.subject, signatures: signatures) }
            return found
        }
    }

    private func entries(_ indexBytes: [UInt8]) throws -> [Descriptor] {
        guard case .index(let index) = try ImageDocument(parsing: indexBytes, declaredType: nil) else {
            throw ImageError(.invalidImage, "index.json is not an index")
        }
        return index.manifests.filter { MediaType.isManifest($0.mediaType) || MediaType.isIndex($0.mediaType) }
    }

    /// The signatures of a layout as they lie in it, to go into another archive.
    func carriedSignatures(_ indexBytes: [UInt8]) throws -> [CarriedImage.Signature] {
        try entries(indexBytes).compactMap { entry in
            guard MediaType.isManifest(entry.mediaType) else { return nil }
            let manifest = try blob(entry, limit: 4 << 20)
            let parts = try SignatureArtifact.parts(ofManifest: manifest)
            guard !parts.isEmpty else { return nil }
            return CarriedImage.Signature(
                manifest: manifest,
                payloads: try parts.map { try blob($0.blob, limit: Int(SignatureArtifact.payloadLimit)) })
        }
    }

    /// The signatures that an entry of the layout holds, as `cosign save` and copies with referrers write them.
    private func signatures(_ entry: Descriptor) throws -> [ImageSignature] {
        guard MediaType.isManifest(entry.mediaType) else { return [] }
        return try SignatureArtifact.parts(ofManifest: try blob(entry, limit: 4 << 20)).map {
            try $0.signature(payload: try blob($0.blob, limit: Int(SignatureArtifact.payloadLimit)))
        }
    }

    /// - Parameter path: The documents on the way here, outermost first.
    private func image(
        _ entry: Descriptor, names: [ImageReference], through path: [ImageStore.Evidence]
    ) throws -> LoadedImage? {
        let bytes = try blob(entry, limit: 4 << 20)
        let evidence =
            path + [
                ImageStore.Evidence(
                    subject: SignatureVerifier.Subject(digest: entry.digest, document: bytes), signatures: [])
            ]
        switch try ImageDocument(parsing: bytes, declaredType: entry.mediaType) {
        case .index(let index):
            guard path.count < 3 else { throw ImageError(.invalidImage, "its index is nested too deeply") }
            guard let best = index.candidates(for: platform).first else { return nil }
            return try image(best, names: names, through: evidence)
        case .manifest(let manifest):
            // Signatures and other artifacts lie beside the images.
            guard MediaType.isConfig(manifest.config.mediaType), try SignatureArtifact.parts(ofManifest: bytes).isEmpty
            else { return nil }
            return LoadedImage(
                manifest: manifest, manifestBytes: bytes, configBytes: try blob(manifest.config, limit: 8 << 20),
                layerFiles: manifest.layers.map { contents["blobs/sha256/" + $0.digest.hex] }, names: names,
                evidence: evidence)
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
