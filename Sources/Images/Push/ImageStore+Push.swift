internal import AsyncHTTPClient
internal import JSON
internal import Linux
internal import Logging
public import OCI
internal import SQLite

/// A step of a push, for people who wait.
public struct PushProgress: Sendable, Hashable {
    public enum Phase: Sendable, Hashable {
        case preparing, pushing, pushed, exists
        /// Taken over from another repository of the registry.
        case mounted(String)
    }

    public let phase: Phase
    /// The layer's diff ID.
    public let layer: Digest
    public let completedBytes: Int64
    public let totalBytes: Int64
}

/// What a push left at the registry.
public struct PushedManifest: Sendable, Hashable {
    public let digest: Digest
    public let size: Int64
}

extension ImageStore {
    /// Sends an image to the registry that its name says, and sets the tag there.
    ///
    /// What the registry has is not sent again. A layer whose blob is kept goes as it is; another is rebuilt and packed
    /// anew, and the manifest then says so: image and layers are the same, the manifest's digest is not.
    /// - Parameter progress: Called on threads of the store; return quickly.
    /// - Throws: ``ImageError``; its message names the image, the cause and the remedy.
    public func push(
        _ reference: ImageReference, credentials: RegistryCredentials? = nil, insecure: Bool? = nil,
        progress: @escaping @Sendable (PushProgress) -> Void = { _ in }
    ) async throws(ImageError) -> PushedManifest {
        do {
            guard let id = try database.id(named: reference), let record = try database.record(id) else {
                throw ImageError(.notFound, "there is no image of this name here; tag one first")
            }
            let lease = lease([id, record.manifest] + record.layers.flatMap { [$0.blob, $0.chainID] })
            defer { endLease(lease) }
            // Mirrors are for reading; what is pushed goes to the registry itself, which stands last.
            let endpoints = RegistryEndpoint.all(
                for: reference, try link.configuration(), credentials: credentials, insecure: insecure)
            return try await clients.withClient { http in
                let client = try RegistryClient(
                    reference: reference, http: http, configuration: .init(insecure: insecure),
                    endpoint: endpoints.last ?? RegistryEndpoint(originOf: reference))
                return try await push(record, client, progress)
            }
        } catch {
            throw ImageError(wrapping: error).during("cannot push image \"\(reference.familiar)\"")
        }
    }

    /// The names of a repository that an image of this store has.
    public func tags(ofRepository name: ImageReference) throws(ImageError) -> [ImageReference] {
        do {
            return try database.ids().flatMap { try database.names(of: $0) }.filter {
                $0.name == name.name && $0.digest == nil
            }
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    private func push(
        _ record: ImageDatabase.Record, _ client: RegistryClient, _ progress: @escaping @Sendable (PushProgress) -> Void
    ) async throws -> PushedManifest {
        let original = try files.read(record.manifest, limit: RegistryClient.manifestLimit)
        guard case .manifest(var manifest) = try ImageDocument(parsing: original, declaredType: nil) else {
            throw ImageError(.invalidImage, "its manifest is damaged; pull the image again")
        }
        let wanted = manifest.layers
        manifest.layers = try await pushLayers(record.layers, wanted, client, progress)
        let config = files.path(of: record.id)
        try await pushFile(
            config, record.id, Int64(files.size(of: record.id) ?? 0), client, mountableFrom: []
        ) { _ in }
        let bytes = manifest.layers == wanted ? original : try JSONValue(encoding: manifest).serialized()
        try await client.putManifest(
            bytes, type: manifest.mediaType ?? MediaType.ociManifest, as: client.reference.locator)
        let digest = ContentHasher.digest(of: bytes)
        try database.addOrigin(client.reference.pinned(to: digest), of: record.id)
        logger.info("image pushed", metadata: ["image": "\(client.reference)", "digest": "\(digest)"])
        return PushedManifest(digest: digest, size: Int64(bytes.count))
    }

    /// Sends up to three layers at once.
    /// - Returns: What the manifest shall say about each.
    private func pushLayers(
        _ layers: [ImageDatabase.Layer], _ wanted: [Descriptor], _ client: RegistryClient,
        _ progress: @escaping @Sendable (PushProgress) -> Void
    ) async throws -> [Descriptor] {
        for (index, layer) in layers.enumerated() {
            progress(
                PushProgress(
                    phase: .preparing, layer: layer.diffID, completedBytes: 0, totalBytes: wanted[index].size))
        }
        return try await withThrowingTaskGroup(of: (Int, Descriptor).self) { group in
            var pushed = wanted
            var waiting = layers.indices[...]
            func startNext() {
                guard let index = waiting.popFirst() else { return }
                group.addTask {
                    (index, try await self.pushLayer(layers[index], wanted[index], client, progress))
                }
            }
            for _ in 0..<3 { startNext() }
            while let (index, descriptor) = try await group.next() {
                pushed[index] = descriptor
                startNext()
            }
            return pushed
        }
    }

    private func pushLayer(
        _ layer: ImageDatabase.Layer, _ wanted: Descriptor, _ client: RegistryClient,
        _ progress: @escaping @Sendable (PushProgress) -> Void
    ) async throws -> Descriptor {
        // Two layers of the same content go once.
        try await exclusively("push \(client.reference.name) \(layer.diffID.hex)") {
            let repositories = try mountable(layer, for: client.reference)
            if files.has(wanted.digest, size: wanted.size) {
                try await pushFile(
                    files.path(of: wanted.digest), wanted.digest, wanted.size, client, mountableFrom: repositories
                ) { progress($0.about(layer.diffID, wanted.size)) }
                return wanted
            }
            // The original may be at the registry, and need not be made again.
            if try await client.hasBlob(wanted.digest) {
                progress(PushStep.exists.about(layer.diffID, wanted.size))
                return wanted
            }
            for repository in repositories where try await client.mount(wanted.digest, from: repository) {
                progress(PushStep.mounted(repository).about(layer.diffID, wanted.size))
                return wanted
            }
            return try await pushRebuilt(layer, wanted, client, repositories, progress)
        }
    }

    private func pushRebuilt(
        _ layer: ImageDatabase.Layer, _ wanted: Descriptor, _ client: RegistryClient, _ repositories: [String],
        _ progress: @escaping @Sendable (PushProgress) -> Void
    ) async throws -> Descriptor {
        let packed = files.ingestPath("push-\(nextSequence())")
        defer { unlink(packed) }
        var result = wanted
        try await withRebuiltLayer(layer.chainID) { tar, _ in
            let file = try await ArchiveThread().pack(file: tar, into: packed)
            result.digest = file.blob
            result.size = file.size
        }
        result.mediaType =
            wanted.mediaType.hasPrefix("application/vnd.docker.") ? MediaType.dockerLayerGzip : MediaType.ociLayerGzip
        result.annotations = nil
        let size = result.size
        try await pushFile(packed, result.digest, size, client, mountableFrom: repositories) {
            progress($0.about(layer.diffID, size))
        }
        return result
    }

    private func pushFile(
        _ path: String, _ blob: Digest, _ size: Int64, _ client: RegistryClient, mountableFrom repositories: [String],
        _ report: @escaping @Sendable (PushStep) -> Void
    ) async throws {
        if try await client.hasBlob(blob) { return report(.exists) }
        let thread = ArchiveThread()
        _ = try await thread.open(path)
        let source = RegistryClient.UploadSource(blob: blob, size: size) { offset, count in
            try await thread.read(count, at: offset)
        }
        report(.sent(0))
        switch try await client.upload(source, mountableFrom: repositories, progress: { report(.sent($0)) }) {
        case .uploaded: report(.pushed)
        case .mounted(let repository): report(.mounted(repository))
        }
    }

    /// Other repositories of the same registry that are known to have had a layer; two tries are enough.
    private func mountable(_ layer: ImageDatabase.Layer, for reference: ImageReference) throws -> [String] {
        let repositories = try database.origins(ofImagesWith: layer.diffID)
            .filter { $0.registry == reference.registry && $0.repository != reference.repository }
            .map(\.repository)
        return Array(Set(repositories).sorted().prefix(2))
    }
}

/// How far one blob is.
private enum PushStep: Sendable {
    case exists, pushed
    case sent(Int64)
    case mounted(String)

    func about(_ layer: Digest, _ total: Int64) -> PushProgress {
        switch self {
        case .exists: PushProgress(phase: .exists, layer: layer, completedBytes: total, totalBytes: total)
        case .pushed: PushProgress(phase: .pushed, layer: layer, completedBytes: total, totalBytes: total)
        case .sent(let bytes): PushProgress(phase: .pushing, layer: layer, completedBytes: bytes, totalBytes: total)
        case .mounted(let repository):
            PushProgress(phase: .mounted(repository), layer: layer, completedBytes: total, totalBytes: total)
        }
    }
}

extension ImageDatabase {
    /// Records where an image can be had by digest.
    fileprivate func addOrigin(_ origin: ImageReference, of id: Digest) throws {
        try connection.execute(
            "INSERT INTO repository_digests (name, image) VALUES (?, ?) "
                + "ON CONFLICT (name) DO UPDATE SET image = excluded.image",
            [.text(origin.description), .text(id.description)])
    }

    /// Where the images can be had that have a layer of this content.
    fileprivate func origins(ofImagesWith diffID: Digest) throws -> [ImageReference] {
        try connection.query(
            "SELECT name FROM repository_digests WHERE image IN (SELECT image FROM image_layers WHERE diff_id = ?)",
            [.text(diffID.description)]
        ) { try ImageReference(parsing: $0.text(0)) }
    }
}
