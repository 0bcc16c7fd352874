internal import AsyncHTTPClient
internal import Linux
internal import Logging
internal import NIOCore
public import OCI

extension ImageStore {
    /// Fetches an image and everything it needs from its registry, and names it.
    ///
    /// What is here already is not fetched again. Finished blobs and layers survive a failure, so that the next try goes
    /// on from there.
    /// - Parameters:
    ///   - insecure: True allows plain HTTP and any certificate; nil allows plain HTTP for loopback addresses only.
    ///   - progress: Called on the store's thread; return quickly.
    /// - Throws: ``ImageError``; its message names the image, the cause and the remedy.
    public func pull(
        _ reference: ImageReference, platform: Platform = .current, credentials: RegistryCredentials? = nil,
        insecure: Bool? = nil, progress: (@Sendable (PullProgress) -> Void)? = nil
    ) async throws(ImageError) -> Image {
        do {
            return try await clients.withClient { http in
                let client = RegistryClient(
                    reference: reference, http: http,
                    configuration: .init(credentials: credentials, insecure: insecure))
                return try await pull(client, platform: platform, progress: progress ?? { _ in })
            }
        } catch {
            throw ImageError(wrapping: error).during("cannot pull image \"\(reference.familiar)\"")
        }
    }

    private func pull(_ client: RegistryClient, platform: Platform, progress: @escaping ProgressSink) async throws
        -> Image
    {
        let reference = client.reference
        progress(PullProgress(phase: .resolving, blob: nil, completedBytes: 0, totalBytes: 0))
        let top = try await client.manifest(reference.locator)
        let document = try ImageDocument(parsing: top.bytes, declaredType: top.type)
        let lease = lease([])
        defer { endLease(lease) }
        let (plan, manifestBytes) = try await resolve(document, top.bytes, client, platform, lease: lease, depth: 0)
        extend(lease, plan.digests)

        let missing = try plan.layers.indices.filter { try !hasLayer(plan.layers[$0].chainID) }
        let wanted = missing.map { plan.manifest.layers[$0] }
        try checkSpace(for: wanted.filter { !files.has($0.digest, size: $0.size) })
        for index in plan.layers.indices where !missing.contains(index) {
            let layer = plan.manifest.layers[index]
            progress(
                PullProgress(phase: .exists, blob: layer.digest, completedBytes: layer.size, totalBytes: layer.size))
        }
        try await fetchAndUnpack(missing, of: plan, client, progress: progress)

        let manifestDigest = try files.put(manifestBytes)
        extend(lease, [manifestDigest])
        let name = reference.digest.map(reference.pinned(to:)) ?? reference
        try database.save(
            id: plan.configDigest, manifest: manifestDigest, layers: plan.layers, names: [name],
            origins: [reference.pinned(to: top.digest).description])
        progress(PullProgress(phase: .done, blob: nil, completedBytes: 0, totalBytes: 0))
        logger.info("image pulled", metadata: ["image": "\(name)", "id": "\(plan.configDigest.short)"])
        return try requireImage(plan.configDigest)
    }

    // MARK: Index to manifest to config

    private func resolve(
        _ document: ImageDocument, _ bytes: [UInt8], _ client: RegistryClient, _ platform: Platform, lease: Int,
        depth: Int
    ) async throws -> (Plan, [UInt8]) {
        switch document {
        case .manifest(let manifest):
            let plan = try await fetchConfig(of: manifest, client, lease: lease)
            guard plan.config.architecture.isEmpty || platform.rank(of: plan.config.platform) != nil else {
                throw Self.noMatch(platform, [plan.config.platform])
            }
            return (plan, bytes)
        case .index(let index):
            guard depth < 3 else { throw ImageError(.invalidImage, "its index is nested too deeply") }
            for entry in index.candidates(for: platform) {
                let (bytes, type, _) = try await client.manifest(entry.digest.description)
                guard Int64(bytes.count) == entry.size else {
                    throw ImageError(.digestMismatch, "manifest \(entry.digest) has not the size its index says")
                }
                let document = try ImageDocument(parsing: bytes, declaredType: type ?? entry.mediaType)
                do {
                    return try await resolve(document, bytes, client, platform, lease: lease, depth: depth + 1)
                } catch let error as ImageError where error.code == .noMatchingPlatform && entry.platform == nil {
                    continue
                }
            }
            throw Self.noMatch(platform, index.platforms)
        }
    }

    private static func noMatch(_ platform: Platform, _ found: [Platform]) -> ImageError {
        let list = found.isEmpty ? "nothing for a known platform" : found.map(\.description).joined(separator: ", ")
        return ImageError(
            .noMatchingPlatform,
            "it is not built for \(platform); there is: \(list). Choose another tag or build it for this platform")
    }

    private func fetchConfig(of manifest: ImageManifest, _ client: RegistryClient, lease: Int) async throws -> Plan {
        extend(lease, [manifest.config.digest])
        guard manifest.config.size <= 8 << 20 else {
            throw ImageError(.limitExceeded, "its config has more than 8 MiB")
        }
        // An artifact's "config" may be anything; say so before fetching it.
        guard MediaType.isConfig(manifest.config.mediaType) else {
            throw ImageError(
                .unsupportedMediaType,
                "it is an artifact of type \(manifest.config.mediaType.prefix(120)), not a container image")
        }
        try await fetch(manifest.config, client, progress: { _ in })
        let bytes = try files.read(manifest.config.digest, limit: 8 << 20)
        return try Plan(manifest: manifest, config: ImageConfig(parsing: bytes))
    }

    // MARK: Blobs

    /// Downloads up to three blobs at once and unpacks in order as they come.
    private func fetchAndUnpack(
        _ missing: [Int], of plan: Plan, _ client: RegistryClient, progress: @escaping ProgressSink
    ) async throws {
        for index in missing {
            let layer = plan.manifest.layers[index]
            progress(PullProgress(phase: .waiting, blob: layer.digest, completedBytes: 0, totalBytes: layer.size))
        }
        try await withThrowingTaskGroup(of: Int.self) { group in
            var waiting = missing[...]
            func startNext() {
                guard let index = waiting.popFirst() else { return }
                let layer = plan.manifest.layers[index]
                group.addTask {
                    try await self.fetch(layer, client, progress: progress)
                    return index
                }
            }
            for _ in 0..<3 { startNext() }
            var toUnpack = missing[...]
            var fetched: Set<Int> = []
            while let index = try await group.next() {
                fetched.insert(index)
                startNext()
                while let first = toUnpack.first, fetched.contains(first) {
                    let layer = plan.manifest.layers[first]
                    progress(
                        PullProgress(
                            phase: .unpacking, blob: layer.digest, completedBytes: layer.size, totalBytes: layer.size))
                    try await unpackLayer(first, of: plan)
                    progress(
                        PullProgress(
                            phase: .done, blob: layer.digest, completedBytes: layer.size, totalBytes: layer.size))
                    toUnpack.removeFirst()
                }
            }
        }
    }

    /// Makes sure that a blob is here, verified and durable.
    private func fetch(_ blob: Descriptor, _ client: RegistryClient, progress: @escaping ProgressSink) async throws {
        try await exclusively("blob " + blob.digest.hex) {
            if !files.has(blob.digest, size: blob.size) {
                try await download(blob, client, progress: progress)
            }
            progress(
                PullProgress(phase: .downloaded, blob: blob.digest, completedBytes: blob.size, totalBytes: blob.size))
        }
    }

    private func download(_ blob: Descriptor, _ client: RegistryClient, progress: @escaping ProgressSink) async throws {
        let path = files.ingestPath(blob.digest.hex + ".part")
        for attempt in 1... {
            do {
                try await transfer(blob, to: path, client, progress: progress)
                return
            } catch let error as ImageError {
                unlink(path)
                guard error.code == .registryUnreachable, attempt < 3, error.cause is TransferBroken else {
                    throw error
                }
                try await client.configuration.clock.sleep(for: client.configuration.firstDelay * attempt)
            } catch {
                unlink(path)
                throw error
            }
        }
    }

    /// Marks a failure after the head of the answer: worth another try.
    private struct TransferBroken: Error {}

    private func transfer(
        _ blob: Descriptor, to path: String, _ client: RegistryClient, progress: @escaping ProgressSink
    ) async throws {
        let body = try await client.blob(blob.digest)
        var ingest = try BlobIngest(blob, path: path)
        var reported: Int64 = 0
        var iterator = body.makeAsyncIterator()
        while true {
            let chunk: ByteBuffer?
            do {
                chunk = try await iterator.next()
            } catch {
                let described = RegistryFailure.describe(error, authority: client.authority)
                guard described.code != .cancelled else { throw described }
                throw ImageError(described.code, described.message, cause: TransferBroken())
            }
            guard let chunk else { break }
            try chunk.withUnsafeReadableBytes { try ingest.append($0) }
            if ingest.count - reported >= 512 << 10 {
                reported = ingest.count
                progress(
                    PullProgress(
                        phase: .downloading, blob: blob.digest, completedBytes: reported, totalBytes: blob.size))
            }
        }
        try ingest.finish(into: files)
    }
}
