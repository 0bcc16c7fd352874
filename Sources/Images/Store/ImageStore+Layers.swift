internal import Linux
public import OCI

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

    /// Whether a layer is unpacked, recorded and not known to be damaged.
    ///
    /// A directory without a record is what a crash left; a damaged layer counts as missing, so that a pull mends it.
    func hasLayer(_ chainID: Digest) throws -> Bool {
        try database.layerSize(chainID) != nil && database.damage(.layer, chainID) == nil
            && Files.exists(files.layerPath(of: chainID))
    }

    /// Another layer of the same content on other parents, from which this one can be made without fetching it.
    func twin(of layer: ImageDatabase.Layer) throws -> ImageDatabase.StoredLayer? {
        try database.layers(withDiffID: layer.diffID).first {
            try $0.chainID != layer.chainID && $0.isRebuildable && hasLayer($0.chainID)
        }
    }

    /// Makes sure that layer `index` of an image is unpacked; its blob or a twin, and the layers below must be here.
    func unpackLayer(_ index: Int, of plan: Plan) async throws {
        let layer = plan.layers[index]
        try await exclusively("layer " + layer.chainID.hex) {
            if try hasLayer(layer.chainID) { return }
            do { try await unpackStored(index, of: plan) } catch {
                throw ImageError(wrapping: error).during("layer \(layer.blob.short)")
            }
        }
        try releaseBlob(layer.blob, of: plan.layers)
    }

    /// Unpacks layer `index` from what is here; the caller keeps others from doing the same.
    func unpackStored(_ index: Int, of plan: Plan) async throws {
        let layer = plan.layers[index]
        try await withTar(of: layer) { tar in
            let job = LayerUnpacker.Job(
                blob: tar, staging: files.ingestPath("layer-\(nextSequence())"),
                lower: plan.layers[..<index].reversed().map { files.layerPath(of: $0.chainID) },
                limits: limits, diffID: layer.diffID)
            let unpacked = try await unpacker.unpack(job)
            try await commitLayer(layer, unpacked, staging: job.staging)
        }
    }

    /// Calls `body` with a file that unpacks to the layer: its blob, or else the tar of its twin.
    private func withTar(of layer: ImageDatabase.Layer, _ body: (String) async throws -> Void) async throws {
        if !files.has(layer.blob), let twin = try twin(of: layer) {
            try await withRebuiltLayer(twin.chainID) { path, _ in try await body(path) }
        } else {
            try await body(files.path(of: layer.blob))
        }
    }

    /// Unpacks layer `index` straight from a part of a file that was checked before; without keeping its blob, nothing of it
    /// is written twice. The layers below must be here.
    func unpackLayer(_ index: Int, of plan: Plan, from slice: FileSlice) async throws {
        let layer = plan.layers[index]
        try await exclusively("layer " + layer.chainID.hex) {
            if try hasLayer(layer.chainID) { return }
            var job = LayerUnpacker.Job(
                blob: slice.path, staging: files.ingestPath("layer-\(nextSequence())"),
                lower: plan.layers[..<index].reversed().map { files.layerPath(of: $0.chainID) },
                limits: limits, diffID: layer.diffID)
            job.slice = slice
            do {
                let unpacked = try await unpacker.unpack(job)
                if settings.keepsBlobs || !unpacked.isRebuildable { try await keep(layer.blob, from: slice) }
                try await commitLayer(layer, unpacked, staging: job.staging)
            } catch {
                throw ImageError(wrapping: error).during("layer \(layer.blob.short)")
            }
        }
    }

    private func keep(_ blob: Digest, from slice: FileSlice) async throws {
        guard !files.has(blob, size: slice.size) else { return }
        let path = files.ingestPath("blob-\(nextSequence())")
        defer { unlink(path) }
        let digest = try await unpacker.copy(slice, to: path)
        guard digest == blob else {
            throw ImageError(.digestMismatch, "its blob changed in \(slice.path) while it was read")
        }
        try files.commit(path, as: blob)
    }

    /// Puts a staged layer in its place and records it; files that other layers have, too, become links.
    func commitLayer(_ layer: ImageDatabase.Layer, _ unpacked: UnpackedLayer, staging: String) async throws {
        let final = files.layerPath(of: layer.chainID)
        let others = try soundLayers().filter { $0.chainID != layer.chainID }
        let shared = await unpacker.share(staging, with: others)
        health.statistics.sharedBytes += shared.bytes
        for (chainID, path) in shared.rotten {
            try markDamage(.layer, chainID, "\"\(path)\" has other content than it had")
        }
        if try database.damage(.layer, layer.chainID) != nil, Files.exists(final) {
            try await mend(layer.chainID, from: staging)
        } else {
            try await unpacker.commit(staging: staging, to: final)
        }
        try database.saveLayer(layer.chainID, diffID: layer.diffID, unpacked)
        try await seal(layer.chainID)
        await unpacker.shareable(FilePool.Layer(chainID: layer.chainID, directory: final))
    }

    /// Layers whose files may be shared or taken for repair.
    func soundLayers() throws -> [FilePool.Layer] {
        let damaged = try database.damaged(.layer)
        return try database.layers().filter { $0.index != nil && damaged[$0.chainID] == nil }.map {
            FilePool.Layer(chainID: $0.chainID, directory: files.layerPath(of: $0.chainID))
        }
    }

    /// Removes a layer's blob once nothing needs it: every layer that came from it can be rebuilt.
    func releaseBlob(_ blob: Digest, of layers: [ImageDatabase.Layer]) throws {
        // Another operation may be about to unpack it.
        guard !settings.keepsBlobs, leaseCount(of: blob) <= 1 else { return }
        let chains = layers.filter { $0.blob == blob }.map(\.chainID) + (try database.chains(ofBlob: blob))
        guard try chains.allSatisfy({ try database.layer($0)?.isRebuildable == true }) else { return }
        try files.remove(blob)
    }

    // MARK: Rebuilding

    /// Writes the exact tar stream that a layer was unpacked from to a new file.
    ///
    /// It is made from the layer's directory and index, or unpacked from its blob where that was kept; the digest of what
    /// was written is the layer's diff ID.
    /// - Throws: ``ImageError`` with code `notFound`, `diskFull`, or `damaged` when a file of the layer is not what it
    ///   was, or the layer can't be rebuilt; nothing is at `path` then.
    public func rebuildLayer(_ chainID: Digest, at path: String) async throws(ImageError) {
        do {
            guard let layer = try database.layer(chainID) else {
                throw ImageError(.notFound, "there is no such layer; pull or load the image again")
            }
            try await rebuild(layer, at: path)
        } catch {
            throw ImageError(wrapping: error).during("cannot rebuild layer \(chainID.short)")
        }
    }

    private func rebuild(_ layer: ImageDatabase.StoredLayer, at path: String) async throws {
        let lease = lease([layer.chainID])
        defer { endLease(lease) }
        let blobs = try database.blobs(ofLayer: layer.chainID).filter { files.has($0) }
        extend(lease, blobs)
        guard layer.isRebuildable else {
            guard let blob = blobs.first else {
                throw ImageError(
                    .damaged,
                    "an older version unpacked it and its blob is gone; remove the image and pull it again")
            }
            return try await unpacker.decompress(files.path(of: blob), to: path, diffID: layer.diffID, limits: limits)
        }
        do {
            try await inspector.rebuild(files.layerPath(of: layer.chainID), diffID: layer.diffID, to: path)
        } catch {
            if error.code == .damaged { try markDamage(.layer, layer.chainID, error.message) }
            throw error
        }
    }
}
