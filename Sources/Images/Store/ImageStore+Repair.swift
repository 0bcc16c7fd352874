internal import Linux
internal import Logging
public import OCI

extension ImageStore {
    typealias CredentialSource = @Sendable (ImageReference) async -> RegistryCredentials?

    /// Repairs what is known to be damaged of an image: from what is here, or else from the registry it came from.
    /// - Parameter credentials: The login for a registry; nil for the one that the store's hooks know.
    /// - Throws: ``ImageError`` with code `damaged` when something is left.
    public func repair(
        _ id: Digest, credentials: (@Sendable (ImageReference) async -> RegistryCredentials?)? = nil
    ) async throws(ImageError) {
        do {
            guard let record = try database.record(id) else { throw ImageError(.notFound, "image \(id.short) is gone") }
            for digest in [id, record.manifest] where try isDamaged(document: digest) {
                if case .left(let why) = await repairDocument(digest, of: id, credentials) {
                    throw ImageError(.damaged, why)
                }
            }
            for layer in record.layers where try !hasLayer(layer.chainID) {
                if case .left(let why) = await repairLayer(layer.chainID, credentials) {
                    throw ImageError(.damaged, why)
                }
            }
        } catch {
            throw ImageError(wrapping: error).during("cannot repair image \(id.short)")
        }
    }

    private func isDamaged(document digest: Digest) throws -> Bool {
        try database.damage(.blob, digest) != nil
            || (try? files.read(digest, limit: 8 << 20)).map { ContentHasher.digest(of: $0) } != digest
    }

    /// Remembers that something is damaged; it is not used until it is mended.
    func markDamage(_ part: ImageDatabase.Part, _ digest: Digest, _ reason: String) throws {
        try database.markDamage(part, digest, reason)
        logger.error(
            "image store is damaged", metadata: ["part": "\(part.rawValue) \(digest.short)", "reason": "\(reason)"])
    }

    // MARK: Layers

    /// Repairs a damaged layer: with files of the same content in other layers, from its blob where that was kept, or by
    /// pulling an image that has it.
    func repairLayer(_ chainID: Digest, _ credentials: CredentialSource? = nil) async -> RepairOutcome {
        do {
            if try await mendInPlace(chainID) { return repaired(chainID, "from other layers of the store") }
            if try await unpackAgain(chainID) { return repaired(chainID, "from its blob") }
            var failure: String?
            for id in try database.images(withLayer: chainID) {
                failure = try await pullAgain(id, credentials) ?? failure
                if try hasLayer(chainID) { return repaired(chainID, "from its registry") }
            }
            return .left(
                failure.map { "its registry did not help (\($0)); it is tried again later" }
                    ?? "it came from no registry; load or import its image again")
        } catch {
            return .left("repairing it failed (\(ImageError(wrapping: error).message))")
        }
    }

    private func repaired(_ chainID: Digest, _ how: String) -> RepairOutcome {
        health.statistics.damagesRepaired += 1
        logger.notice("image store is repaired", metadata: ["part": "layer \(chainID.short)", "source": "\(how)"])
        return .repaired(how)
    }

    /// Mends a layer by its own index, or by that of a twin, with content that other layers have.
    private func mendInPlace(_ chainID: Digest) async throws -> Bool {
        try await exclusively("layer " + chainID.hex) {
            guard let layer = try database.layer(chainID), let index = layer.index else { return false }
            let path = files.layerPath(of: chainID)
            try await restoreIndex(of: layer)
            guard let found = try? LayerIndexFile.measure(LayerIndexFile.path(of: path)), found == index else {
                return false
            }
            var others = try soundLayers().filter { $0.chainID != chainID }
            others.append(FilePool.Layer(chainID: chainID, directory: path))
            let left = try await withReserve {
                try await inspector.mend(
                    path, by: LayerIndexFile.path(of: path), donor: nil, others: others,
                    workshop: files.ingestPath("mend-\(nextSequence())"))
            }
            guard left.count == 0 else { return false }
            try database.clearDamage(.layer, chainID)
            return true
        }
    }

    /// The index of a twin is the same to the byte when it was unpacked to the same file system by the same version.
    private func restoreIndex(of layer: ImageDatabase.StoredLayer) async throws {
        let path = LayerIndexFile.path(of: files.layerPath(of: layer.chainID))
        guard (try? LayerIndexFile.measure(path)) != layer.index else { return }
        for twin in try database.layers(withDiffID: layer.diffID)
        where twin.chainID != layer.chainID && twin.index == layer.index {
            let source = LayerIndexFile.path(of: files.layerPath(of: twin.chainID))
            guard (try? LayerIndexFile.measure(source)) == layer.index else { continue }
            try Files.writeAtomically(try Files.read(source, limit: 1 << 30), to: path)
            return
        }
    }

    /// Unpacks a layer from its kept blob and mends it from that; false when there is no sound blob.
    func unpackAgain(_ chainID: Digest) async throws -> Bool {
        for id in try database.images(withLayer: chainID) {
            guard let record = try database.record(id),
                let position = record.layers.firstIndex(where: { $0.chainID == chainID })
            else { continue }
            let layer = record.layers[position]
            let lease = lease([layer.blob, chainID])
            defer { endLease(lease) }
            guard files.has(layer.blob),
                try await inspector.digest(of: files.path(of: layer.blob)) == layer.blob
            else { continue }
            try await exclusively("layer " + chainID.hex) {
                let job = LayerUnpacker.Job(
                    blob: files.path(of: layer.blob), staging: files.ingestPath("layer-\(nextSequence())"),
                    lower: record.layers[..<position].reversed().map { files.layerPath(of: $0.chainID) },
                    limits: limits, diffID: layer.diffID)
                if try database.damage(.layer, chainID) == nil {
                    // An index for a layer without one: what is in place is compared and mended, never swapped.
                    try database.markDamage(.layer, chainID, "is compared with its blob")
                }
                let unpacked = try await unpacker.unpack(job)
                try await commitLayer(layer, unpacked, staging: job.staging)
            }
            try releaseBlob(layer.blob, of: record.layers)
            return true
        }
        return false
    }

    /// Puts a damaged layer right from one that was unpacked anew, whose index takes the place of the old one.
    func mend(_ chainID: Digest, from staging: String) async throws {
        let final = files.layerPath(of: chainID)
        let index = LayerIndexFile.path(of: staging)
        let left: LayerInspector.Result
        do {
            left = try await inspector.mend(
                final, by: index, donor: staging, others: [], workshop: files.ingestPath("mend-\(nextSequence())"))
        } catch {
            LayerUnpacker.discard(staging)
            throw error
        }
        guard left.count == 0 else {
            LayerUnpacker.discard(staging)
            throw ImageError(.damaged, "layer \(chainID.short) cannot be mended: \(left.problems.first ?? "")")
        }
        try systemCall("rename", on: index) { rename(index, LayerIndexFile.path(of: final)) }
        try Files.syncDirectory(files.layerDirectory)
        try await unpacker.remove(staging)
    }

    // MARK: Blobs

    /// A config or manifest comes from the registry only; what is there of it is of no use and goes.
    func repairDocument(
        _ digest: Digest, of id: Digest, _ credentials: CredentialSource? = nil
    ) async -> RepairOutcome {
        do {
            try files.remove(digest)
            let failure = try await pullAgain(id, credentials)
            guard try !isThere(digest) else {
                try database.clearDamage(.blob, digest)
                health.statistics.damagesRepaired += 1
                return .repaired("from its registry")
            }
            return .left(
                failure.map { "its registry did not help (\($0)); it is tried again later" }
                    ?? "it came from no registry; load or import the image again")
        } catch {
            return .left("repairing it failed (\(ImageError(wrapping: error).message))")
        }
    }

    private func isThere(_ digest: Digest) throws -> Bool {
        guard let bytes = try? files.read(digest, limit: 8 << 20) else { return false }
        return ContentHasher.digest(of: bytes) == digest
    }

    /// A damaged blob goes; its layers, if they are sound, lose nothing by it.
    func repairBlob(_ blob: Digest) async throws -> RepairOutcome {
        let layers = try database.chains(ofBlob: blob).compactMap { try database.layer($0) }
        try files.remove(blob)
        if layers.allSatisfy(\.isRebuildable) {
            try database.clearDamage(.blob, blob)
            health.statistics.damagesRepaired += 1
            return .repaired("removed; its layer is rebuilt from its files where that is needed")
        }
        for layer in layers where !layer.isRebuildable {
            // A layer that counts as damaged is fetched, and compared with what is in place.
            let wasSound = try hasLayer(layer.chainID)
            if wasSound { try database.markDamage(.layer, layer.chainID, "its blob is fetched anew") }
            for id in try database.images(withLayer: layer.chainID) where !files.has(blob) {
                _ = try await pullAgain(id)
            }
            if wasSound { try database.clearDamage(.layer, layer.chainID) }
        }
        guard files.has(blob) else {
            return .left("its layer is sound, but cannot be saved or pushed without it; pull the image again")
        }
        try database.clearDamage(.blob, blob)
        health.statistics.damagesRepaired += 1
        return .repaired("from its registry")
    }

    // MARK: Registry

    /// Pulls an image by the digest it once had at its registry: what is missing or damaged of it comes anew.
    /// - Returns: Why that failed; nil when it didn't, or when the image came from no registry.
    private func pullAgain(_ id: Digest, _ credentials: CredentialSource? = nil) async throws -> String? {
        var failure: String?
        let names = Set(try database.names(of: id))
        for origin in try database.repositoryDigests(of: id) {
            let reference = try ImageReference(parsing: origin)
            let credentials = await (credentials ?? health.hooks.credentials)?(reference)
            do {
                _ = try await pull(reference, credentials: credentials)
                for name in try database.names(of: id) where !names.contains(name) { try database.removeName(name) }
                return nil
            } catch let error as ImageError {
                failure = error.message
            }
        }
        return failure
    }
}
