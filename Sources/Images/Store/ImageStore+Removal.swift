internal import Linux
internal import Logging
public import OCI
internal import SQLite

extension ImageStore {
    /// Removes a name, and the image with it when that was its last one; or an image by id with all its names.
    ///
    /// - Parameters:
    ///   - force: Takes names away also from an image that is in use or has several names. What a container uses stays
    ///     on the disk all the same.
    ///   - inUse: Ids of images that containers use.
    /// - Throws: ``ImageError`` with code `notFound`, `ambiguous`, `inUse`, `conflict` or `database`.
    @discardableResult
    public func remove(
        _ nameOrID: String, force: Bool = false, inUse: Set<Digest> = []
    ) async throws(ImageError) -> [RemovedItem] {
        do {
            guard let match = try match(nameOrID) else {
                throw ImageError(.notFound, "no such image; list the images to see their names")
            }
            let names = try database.names(of: match.id)
            let doomed = match.name.map { [$0] } ?? names
            let isLast = doomed.count == names.count
            if match.name == nil, names.count > 1, !force {
                throw ImageError(
                    .conflict,
                    "image \(match.id.short) has \(names.count) names "
                        + "(\(names.map(\.familiar).joined(separator: ", "))); remove them one by one, or use force")
            }
            let users = try users(of: match.id, inUse: inUse)
            if isLast, let users, !force {
                throw ImageError(.inUse, "image \(match.id.short) is used by \(users); remove that first")
            }
            return try await remove(doomed, of: match.id, deleting: isLast && users == nil, inUse: inUse)
        } catch {
            throw ImageError(wrapping: error).during("cannot remove image \"\(nameOrID)\"")
        }
    }

    private func users(of id: Digest, inUse: Set<Digest>) throws -> String? {
        if inUse.contains(id) { return "a container" }
        let owners = try database.owners(ofPinsOf: id)
        return owners.isEmpty ? nil : owners.joined(separator: ", ")
    }

    private func remove(
        _ names: [ImageReference], of id: Digest, deleting: Bool, inUse: Set<Digest>
    ) async throws -> [RemovedItem] {
        try database.connection.transaction {
            for name in names { try database.removeName(name) }
            if deleting { try database.delete(id) }
        }
        var items = names.map { RemovedItem.untagged($0.familiar) }
        guard deleting else { return items }
        items.append(.deleted(id))
        _ = try await sweep()
        logger.info("image removed", metadata: ["id": "\(id.short)"])
        return items
    }

    /// Gives an image another name; the name may have been another image's.
    /// - Throws: ``ImageError`` with code `notFound`, `ambiguous`, `invalidReference` or `database`.
    public func tag(_ nameOrID: String, as reference: ImageReference) throws(ImageError) {
        do {
            guard let match = try match(nameOrID) else { throw ImageError(.notFound, "no such image") }
            guard reference.digest == nil else {
                throw ImageError(.invalidReference, "a new name cannot have a digest")
            }
            try database.setName(reference, to: match.id)
        } catch {
            throw ImageError(wrapping: error).during("cannot tag image \"\(nameOrID)\"")
        }
    }

    // MARK: Pins

    /// Protects an image from removal and collection in an owner's name, such as a revision of a deployment.
    public func pin(_ id: Digest, owner: String) throws(ImageError) {
        do {
            guard try database.record(id) != nil else { throw ImageError(.notFound, "no such image \(id.short)") }
            try database.pin(id, owner: owner)
        } catch {
            throw ImageError(wrapping: error).during("cannot pin image")
        }
    }

    /// Takes an owner's pin away; all of its pins when no id is given.
    public func unpin(_ id: Digest? = nil, owner: String) throws(ImageError) {
        do {
            try database.unpin(id, owner: owner)
        } catch {
            throw ImageError(wrapping: error).during("cannot unpin image")
        }
    }

    // MARK: Collection

    /// Removes images without a name and everything that no image needs; pinned images, those in use and what an
    /// operation under way needs stay.
    public func collectGarbage(inUse: Set<Digest> = []) async throws(ImageError) -> GarbageReport {
        do {
            var removed: [Digest] = []
            for id in try database.ids() where !leased.contains(id) {
                guard try database.names(of: id).isEmpty, try users(of: id, inUse: inUse) == nil else { continue }
                try database.delete(id)
                removed.append(id)
            }
            var report = try await sweep()
            report.images = removed
            return report
        } catch {
            throw ImageError(wrapping: error).during("cannot collect garbage")
        }
    }

    /// Removes blobs and layers that no recorded image and no running operation needs.
    ///
    /// What pulls that failed lately have so far stays for their next try.
    func sweep() async throws -> GarbageReport {
        var report = GarbageReport()
        let keep = try needed()
        for blob in try files.blobs() where !keep.contains(blob) {
            let size = files.size(of: blob) ?? 0
            try files.remove(blob)
            try database.clearDamage(.blob, blob)
            report.blobs.append(blob)
            report.freedBytes += size
        }
        for chainID in try files.layers() where try !needed().contains(chainID) {
            // The record goes first: a directory without one is garbage, a record without a directory is damage.
            report.freedBytes += try database.layerSize(chainID) ?? 0
            try database.deleteLayer(chainID)
            try await exclusively("layer " + chainID.hex) {
                guard try database.layerSize(chainID) == nil else { return }
                try await unpacker.remove(files.layerPath(of: chainID))
            }
            report.layers.append(chainID)
        }
        return report
    }

    /// Everything that must stay, looked up anew because operations may start while a directory is being removed.
    private func needed() throws -> Set<Digest> {
        var digests = leased.union(unfinished)
        for id in try database.ids() {
            guard let record = try database.record(id) else { continue }
            digests.insert(id)
            digests.insert(record.manifest)
            for layer in record.layers {
                digests.insert(layer.chainID)
                if try settings.keepsBlobs || database.layer(layer.chainID)?.isRebuildable != true {
                    digests.insert(layer.blob)
                }
            }
        }
        return digests
    }
}
