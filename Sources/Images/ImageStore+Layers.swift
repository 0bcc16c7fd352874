internal import Linux
internal import OCI

/// Progress of an operation; called from the store.
typealias ProgressSink = @Sendable (PullProgress) -> Void

extension ImageStore {
    /// What a manifest and its config say about an image's layers, checked against each other.
    struct Plan: Sendable {
        let configDigest: Digest
        let config: ImageConfig
        let manifest: ImageManifest
        let layers: [ImageDatabase.Layer]

        init(manifest: ImageManifest, config: ImageConfig) throws(ImageError) {
            guard manifest.layers.count == config.rootfs.diffIDs.count else {
                throw ImageError(
                    .invalidImage,
                    "the manifest lists \(manifest.layers.count) layers, its config \(config.rootfs.diffIDs.count)")
            }
            guard MediaType.isConfig(manifest.config.mediaType) else {
                throw ImageError(
                    .unsupportedMediaType,
                    "it is an artifact of type \(manifest.config.mediaType.prefix(120)), not a container image")
            }
            for layer in manifest.layers where !MediaType.isLayer(layer.mediaType) {
                throw ImageError(
                    .unsupportedMediaType,
                    "layer \(layer.digest.short) has media type \(layer.mediaType.prefix(120)), which is not supported")
            }
            self.configDigest = manifest.config.digest
            self.config = config
            self.manifest = manifest
            let chain = ContentHasher.chainIDs(of: config.rootfs.diffIDs)
            layers = manifest.layers.indices.map {
                ImageDatabase.Layer(
                    blob: manifest.layers[$0].digest, diffID: config.rootfs.diffIDs[$0], chainID: chain[$0])
            }
        }

        var digests: [Digest] {
            [configDigest] + layers.flatMap { [$0.blob, $0.chainID] }
        }
    }

    /// Whether a layer is unpacked and recorded; a directory without a record is what a crash left.
    func hasLayer(_ chainID: Digest) throws -> Bool {
        try database.layerSize(chainID) != nil && Files.exists(files.layerPath(of: chainID))
    }

    /// Makes sure that layer `index` of an image is unpacked; its blob and the layers below must be here.
    func unpackLayer(_ index: Int, of plan: Plan) async throws {
        let layer = plan.layers[index]
        try await exclusively("layer " + layer.chainID.hex) {
            if try hasLayer(layer.chainID) { return }
            let job = LayerUnpacker.Job(
                blob: files.path(of: layer.blob), staging: files.ingestPath("layer-\(nextSequence())"),
                lower: plan.layers[..<index].reversed().map { files.layerPath(of: $0.chainID) }, limits: limits,
                diffID: layer.diffID)
            do {
                let unpacked = try await unpacker.unpack(job)
                try await commitLayer(layer, unpacked, staging: job.staging)
            } catch {
                throw ImageError(wrapping: error).during("layer \(layer.blob.short)")
            }
        }
    }

    func commitLayer(_ layer: ImageDatabase.Layer, _ unpacked: UnpackedLayer, staging: String) async throws {
        try await unpacker.commit(staging: staging, to: files.layerPath(of: layer.chainID))
        try database.saveLayer(layer.chainID, diffID: layer.diffID, size: unpacked.bytes)
    }

    /// Refuses before the first byte when the disk cannot hold the blobs twice, packed and unpacked.
    func checkSpace(for missing: [Descriptor]) throws {
        let needed = missing.reduce(into: limits.reservedBytes) { $0 += $1.size * 2 }
        let free = try files.freeBytes()
        guard free >= needed else {
            throw ImageError(
                .diskFull,
                "it needs at least \(needed >> 20) MiB on the disk of \(files.root), where \(free >> 20) MiB are free; "
                    + "free space or remove unused images")
        }
    }
}
