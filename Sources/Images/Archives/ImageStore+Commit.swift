internal import JSON
internal import Linux
internal import Logging
public import OCI

/// A container's changes as they shall become an image.
public struct CommitRequest: Sendable {
    /// The image the container was made from.
    public var base: Digest
    /// The overlay's upper directory.
    public var upper: String
    /// Nil leaves the image without a name.
    public var reference: ImageReference?
    public var author: String?
    public var changes = ImportChanges()

    public init(base: Digest, upper: String) {
        self.base = base
        self.upper = upper
    }
}

extension ImageStore {
    /// Makes an image of a container's image and what the container changed in it.
    /// - Throws: ``ImageError``; nothing is left of a failed commit.
    public func commit(_ request: CommitRequest) async throws(ImageError) -> Image {
        let packed = files.ingestPath("commit-\(nextSequence())")
        let lease = lease([])
        defer { endLease(lease) }
        do {
            let admission = try request.reference.map { try admit($0, evidence: []) }
            let base = try base(request.base)
            var draft = try CommitDraft(base: base.config, manifest: base.manifest)
            try draft.apply(request)
            extend(lease, base.record.layers.flatMap { [$0.blob, $0.chainID] })
            let layer = try await ArchiveThread().packChanges(of: request.upper, into: packed)
            draft.add(layer, createdBy: draft.command)
            extend(lease, [layer.blob])
            try files.commit(packed, as: layer.blob)
            let image = try await save(draft, names: request.reference.map { [$0] } ?? [], lease: lease)
            if let admission { try record(admission, image: image.id) }
            logger.info("container committed", metadata: ["id": "\(image.id.short)"])
            return image
        } catch {
            unlink(packed)
            throw ImageError(wrapping: error).during("cannot commit the container")
        }
    }

    private func base(
        _ id: Digest
    ) throws -> (record: ImageDatabase.Record, config: JSONValue, manifest: ImageManifest) {
        guard let record = try database.record(id) else {
            throw ImageError(.notFound, "its image \(id.short) is not here any more")
        }
        let bytes = try files.read(record.manifest, limit: RegistryClient.manifestLimit)
        guard case .manifest(let manifest) = try ImageDocument(parsing: bytes, declaredType: nil) else {
            throw ImageError(.invalidImage, "the manifest of image \(id.short) is damaged; pull the image again")
        }
        return (record, try JSONValue(parsing: files.read(id, limit: 8 << 20)), manifest)
    }

    private func save(_ draft: CommitDraft, names: [ImageReference], lease: Int) async throws -> Image {
        let configBytes = draft.config.serialized()
        let id = try files.put(configBytes)
        extend(lease, [id])
        var manifest = draft.manifest
        manifest.config.digest = id
        manifest.config.size = Int64(configBytes.count)
        let plan = try Plan(manifest: manifest, config: ImageConfig(parsing: configBytes))
        extend(lease, plan.digests)
        try await unpackLayer(plan.layers.count - 1, of: plan)
        let manifestDigest = try files.put(try JSONValue(encoding: manifest).serialized())
        try database.save(id: id, manifest: manifestDigest, layers: plan.layers, names: names, origins: [])
        return try requireImage(id)
    }
}

/// Config and manifest of an image in the making; what Wherry does not know of them stays as it was.
private struct CommitDraft {
    private(set) var config: JSONValue
    private(set) var manifest: ImageManifest
    private var comment: String?
    private var author: String?

    init(base config: JSONValue, manifest: ImageManifest) throws {
        self.config = config
        self.manifest = manifest
        self.manifest.annotations = nil
    }

    /// What the container ran, for the history.
    var command: String {
        let process = config["config"]
        return ["Entrypoint", "Cmd"].flatMap { (process?[$0]?.arrayValue ?? []).compactMap(\.stringValue) }
            .joined(separator: " ")
    }

    mutating func apply(_ request: CommitRequest) throws {
        var process: ImageConfig.Process = try config["config"].map { try $0.decode() } ?? ImageConfig.Process()
        try process.apply(request.changes)
        var members = config["config"]?.objectValue ?? [:]
        members.merge(try JSONValue(encoding: process).objectValue ?? [:]) { $1 }
        config["config"] = .object(members)
        comment = request.changes.message
        author = request.author
        if let author { config["author"] = .string(author) }
    }

    mutating func add(_ layer: GzipWriter.Result, createdBy: String) {
        let created = JSONValue.string(WallClock.timestamp())
        var entry: JSONValue = ["created": created, "created_by": .string(createdBy)]
        if let comment { entry["comment"] = .string(comment) }
        if let author { entry["author"] = .string(author) }
        config["created"] = created
        config["history"] = .array((config["history"]?.arrayValue ?? []) + [entry])
        let diffIDs = config[path: "rootfs", "diff_ids"]?.arrayValue ?? []
        config[path: "rootfs", "diff_ids"] = .array(diffIDs + [.string(layer.content.description)])
        let type = manifest.mediaType == MediaType.dockerManifest ? MediaType.dockerLayerGzip : MediaType.ociLayerGzip
        manifest.layers.append(Descriptor(mediaType: type, digest: layer.blob, size: layer.size))
    }
}
