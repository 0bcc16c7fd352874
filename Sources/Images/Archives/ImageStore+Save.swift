internal import JSON
internal import Linux
internal import OCI

/// Takes the pieces of an archive as they are made; returns when the next one is wanted.
public typealias ByteSink = @Sendable ([UInt8]) async throws -> Void

/// Images that are about to be written into one archive.
public struct SavePlan: Sendable {
    struct Entry: Sendable {
        let id: Digest
        let manifest: Digest
        let layers: [ImageDatabase.Layer]
        var names: [ImageReference]
    }

    var entries: [Entry] = []
}

extension ImageStore {
    /// Looks up what an archive shall hold. A repository without tag means all its tags; an id means no name.
    /// - Throws: ``ImageError`` with code `notFound`, `ambiguous` or `database`.
    public func planSave(_ names: [String]) throws(ImageError) -> SavePlan {
        do {
            var plan = SavePlan()
            for name in names {
                for (id, reference) in try savedNames(name) {
                    guard let record = try database.record(id) else { continue }
                    if let known = plan.entries.firstIndex(where: { $0.id == id }) {
                        if let reference, !plan.entries[known].names.contains(reference) {
                            plan.entries[known].names.append(reference)
                        }
                    } else {
                        plan.entries.append(
                            SavePlan.Entry(
                                id: id, manifest: record.manifest, layers: record.layers,
                                names: reference.map { [$0] } ?? []))
                    }
                }
            }
            return plan
        } catch {
            throw ImageError(wrapping: error).during("cannot save images")
        }
    }

    private func savedNames(_ name: String) throws -> [(Digest, ImageReference?)] {
        if !name.contains("@"), let reference = try? ImageReference(parsing: name), !name.hasSuffix(":latest"),
            reference.tag == "latest"
        {
            let tags = try database.ids().flatMap { id in
                try database.names(of: id).filter { $0.name == reference.name && $0.digest == nil }.map { (id, $0) }
            }
            if !tags.isEmpty { return tags.sorted { $0.1.description < $1.1.description } }
        }
        guard let match = try match(name) else {
            throw ImageError(.notFound, "no such image: \(name); list the images to see their names")
        }
        return [(match.id, match.name?.digest == nil ? match.name : nil)]
    }

    /// Writes images as Docker does since version 25: an OCI layout that is a docker-save archive, too. Nothing is copied
    /// on the way; layers whose blobs are gone are rebuilt one at a time.
    public func save(_ plan: SavePlan, to sink: @escaping ByteSink) async throws(ImageError) {
        let lease = lease(plan.entries.flatMap { [$0.id, $0.manifest] + $0.layers.flatMap { [$0.blob, $0.chainID] } })
        defer { endLease(lease) }
        do {
            var archive = LayoutArchive(sink: sink)
            try await archive.begin()
            for entry in plan.entries { try await write(entry, to: &archive) }
            try await archive.end()
        } catch {
            throw ImageError(wrapping: error).during("cannot save images")
        }
    }

    private func write(_ entry: SavePlan.Entry, to archive: inout LayoutArchive) async throws {
        let original = try files.read(entry.manifest, limit: RegistryClient.manifestLimit)
        guard case .manifest(var manifest) = try ImageDocument(parsing: original, declaredType: nil) else {
            throw ImageError(.invalidImage, "the manifest of image \(entry.id.short) is damaged; pull the image again")
        }
        var isOriginal = true
        for (index, layer) in entry.layers.enumerated() {
            if files.has(layer.blob, size: manifest.layers[index].size) {
                try await archive.add(blob: layer.blob, file: files.path(of: layer.blob))
            } else {
                isOriginal = false
                try await withRebuiltLayer(layer.chainID) { path, size in
                    manifest.layers[index] = manifest.plainLayer(layer.diffID, size: size)
                    try await archive.add(blob: layer.diffID, file: path)
                }
            }
        }
        let config = try files.read(entry.id, limit: 8 << 20)
        let bytes = isOriginal ? original : try JSONValue(encoding: manifest).serialized()
        try await archive.add(image: entry, manifest: manifest, bytes, config: config)
    }
}

extension ImageManifest {
    /// A layer as an uncompressed tar, in the family of types of this manifest.
    func plainLayer(_ diffID: Digest, size: Int64) -> Descriptor {
        let type = mediaType == MediaType.dockerManifest ? MediaType.dockerLayer : MediaType.ociLayer
        return Descriptor(mediaType: type, digest: diffID, size: size)
    }
}
