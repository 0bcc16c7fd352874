internal import JSON
internal import Linux
internal import Logging
public import OCI

extension ImageStore {
    /// Makes an image of one layer from a tar of a root file system, plain or packed with gzip or zstd.
    ///
    /// The same tar and changes give the same image id: its date is that of the newest file.
    /// - Throws: ``ImageError``; nothing is left of a failed import.
    public func importRoot(
        path: String, reference: ImageReference, changes: ImportChanges = ImportChanges()
    ) async throws(ImageError) -> Image {
        let staging = files.ingestPath("import-\(nextSequence())")
        do {
            let process = try ImageConfig.Process(changes)
            let admission = try admit(reference, evidence: [])
            let lease = lease([])
            defer { endLease(lease) }
            let layer = try await importLayer(path, staging: staging, lease: lease)
            let image = try save(layer, reference: reference, process: process, comment: changes.message)
            try record(admission, image: image.id)
            endLease(lease)
            await settle()
            return image
        } catch {
            try? await unpacker.remove(staging + ".blob")
            throw Self.readable(error, path).during("cannot import \(path) as \"\(reference.familiar)\"")
        }
    }

    private struct ImportedLayer {
        let layer: ImageDatabase.Layer
        let descriptor: Descriptor
        let newest: Int64
    }

    private func importLayer(_ path: String, staging: String, lease: Int) async throws -> ImportedLayer {
        // A copy first: what is unpacked and what is stored must be the same bytes even if the user's file changes.
        let copy = try await unpacker.copy(path, to: staging + ".blob")
        let unpacked = try await unpacker.unpack(
            .init(blob: staging + ".blob", staging: staging, lower: [], limits: limits, diffID: nil))
        guard unpacked.entries > 0 else {
            try await unpacker.remove(staging)
            throw ImageError(.invalidLayer, "the archive is empty")
        }
        let layer = ImageDatabase.Layer(blob: copy.digest, diffID: unpacked.diffID, chainID: unpacked.diffID)
        extend(lease, [layer.blob, layer.chainID])
        if settings.keepsBlobs || !unpacked.isRebuildable {
            try files.commit(staging + ".blob", as: copy.digest)
        } else {
            try await unpacker.remove(staging + ".blob")
        }
        try await exclusively("layer " + layer.chainID.hex) {
            if try hasLayer(layer.chainID) {
                try await unpacker.remove(staging)
            } else {
                try await commitLayer(layer, unpacked, staging: staging)
            }
        }
        return ImportedLayer(
            layer: layer, descriptor: Descriptor(mediaType: copy.mediaType, digest: copy.digest, size: copy.size),
            newest: unpacked.newest)
    }

    private func save(
        _ imported: ImportedLayer, reference: ImageReference, process: ImageConfig.Process, comment: String?
    ) throws -> Image {
        var config = ImageConfig(platform: .current, diffIDs: [imported.layer.diffID], config: process)
        let created = RFC3339.format(seconds: max(0, min(imported.newest, 253_402_300_799)))
        config.created = created
        config.history = [
            ImageConfig.History(created: created, createdBy: "wherry import", comment: comment)
        ]
        let configBytes = try JSONValue(encoding: config).serialized()
        let id = try files.put(configBytes)
        let manifest = ImageManifest(
            config: Descriptor(mediaType: MediaType.ociConfig, digest: id, size: Int64(configBytes.count)),
            layers: [imported.descriptor])
        let manifestDigest = try files.put(try JSONValue(encoding: manifest).serialized())
        let name = reference.digest == nil ? [reference] : []
        try database.save(id: id, manifest: manifestDigest, layers: [imported.layer], names: name, origins: [])
        logger.info("image imported", metadata: ["image": "\(reference)", "id": "\(id.short)"])
        return try requireImage(id)
    }
}

extension ImageConfig.Process {
    init(_ changes: ImportChanges) throws(ImageError) {
        self.init()
        let hasPath = changes.env.contains { $0.hasPrefix("PATH=") }
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        env = hasPath ? [] : [path]
        try apply(changes)
    }

    /// Lays changes over what is here: lists of names grow, everything else is replaced.
    mutating func apply(_ changes: ImportChanges) throws(ImageError) {
        for entry in changes.env where !entry.contains("=") || entry.hasPrefix("=") {
            throw ImageError(.invalidImage, "environment entry \"\(entry)\" is not of the form NAME=value")
        }
        for entry in changes.env {
            let name = entry.prefix { $0 != "=" } + "="
            env = (env ?? []).filter { !$0.hasPrefix(name) } + [entry]
        }
        for port in changes.exposed { exposedPorts = (exposedPorts ?? [:]).adding(try Self.port(port)) }
        for path in changes.volumes { volumes = (volumes ?? [:]).adding(path) }
        if !changes.labels.isEmpty { labels = (labels ?? [:]).merging(changes.labels) { $1 } }
        cmd = changes.cmd ?? cmd
        entrypoint = changes.entrypoint ?? entrypoint
        workingDir = changes.workingDir ?? workingDir
        user = changes.user ?? user
        stopSignal = changes.stopSignal ?? stopSignal
    }

    /// `80`, `80/tcp` and `53/udp` with the protocol written out.
    private static func port(_ text: String) throws(ImageError) -> String {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, let number = Int(first), (1...65535).contains(number), parts.count <= 2,
            parts.count == 1 || ["tcp", "udp", "sctp"].contains(parts[1])
        else { throw ImageError(.invalidImage, "exposed port \"\(text)\" is not of the form PORT[/tcp|udp|sctp]") }
        return parts.count == 1 ? "\(number)/tcp" : "\(number)/\(parts[1])"
    }
}

extension [String: JSONValue] {
    /// A set as Docker writes it: its members are keys of empty objects.
    fileprivate func adding(_ key: String) -> Self { merging([key: .object([:])]) { $1 } }
}
