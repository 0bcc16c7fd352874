internal import AsyncHTTPClient
internal import Linux
internal import Logging
public import OCI

extension ImageStore {
    /// Where mirrors, certificates and limits come from; asked at each pull, so that a change needs no restart.
    public nonisolated func useRegistries(_ source: @escaping @Sendable () throws -> RegistryConfiguration) {
        link.use(source)
    }

    /// Fetches an image and everything it needs from its registry, and names it.
    ///
    /// What is here already is not fetched again. Finished layers and parts of blobs survive a failure, a kill and a power
    /// cut, so that the next try goes on from there.
    /// - Parameters:
    ///   - insecure: True allows plain HTTP and any certificate; nil allows plain HTTP for loopback addresses only.
    ///   - ignoreBudget: Fetches although the link's bytes of the day or month are used up; they count all the same.
    ///   - progress: Called on threads of the store; return quickly.
    /// - Throws: ``ImageError``; its message names the image, the cause and the remedy.
    public func pull(
        _ reference: ImageReference, platform: Platform = .current, credentials: RegistryCredentials? = nil,
        insecure: Bool? = nil, ignoreBudget: Bool = false, progress: (@Sendable (PullProgress) -> Void)? = nil
    ) async throws(ImageError) -> Image {
        do {
            let registries = try link.configuration()
            let endpoints = RegistryEndpoint.all(
                for: reference, registries, credentials: credentials, insecure: insecure)
            let image = try await clients.withClient { http in
                let sources = try PullSources(
                    reference, endpoints, http: http, insecure: insecure,
                    stall: .seconds(registries.limits.stallSeconds),
                    firstDelay: link.pace.firstDelay)
                let session = PullSession(
                    sources: sources, limits: registries.limits, ignoresBudget: ignoreBudget,
                    progress: progress ?? { _ in })
                return try await pull(session, platform: platform)
            }
            await settle()
            // What parsers and buffers of a pull took goes back to the kernel.
            Memory.trim()
            return image
        } catch {
            throw ImageError(wrapping: error).during("cannot pull image \"\(reference.familiar)\"")
        }
    }

    private func pull(_ session: PullSession, platform: Platform) async throws -> Image {
        let reference = session.sources.reference
        let progress = session.progress
        progress(PullProgress(phase: .resolving, blob: nil, completedBytes: 0, totalBytes: 0))
        let top = try await session.sources.manifest(reference.locator)
        let document = try ImageDocument(parsing: top.bytes, declaredType: top.type)
        let name = reference.digest.map(reference.pinned(to:)) ?? reference
        let admission = try await admit(name, document: top.bytes, from: session.sources)
        let lease = lease([])
        defer { endLease(lease) }
        let (plan, manifestBytes) = try await resolve(document, top.bytes, session, platform, lease: lease, depth: 0)
        extend(lease, plan.digests)

        let missing = try plan.layers.indices.filter { try !hasLayer(plan.layers[$0].chainID) }
        // What has a twin here is made from that.
        let wanted = try missing.filter { try twin(of: plan.layers[$0]) == nil }
        try await makeSpace(for: wanted.map { plan.manifest.layers[$0] })
        for index in plan.layers.indices where !missing.contains(index) {
            let layer = plan.manifest.layers[index]
            progress(
                PullProgress(phase: .exists, blob: layer.digest, completedBytes: layer.size, totalBytes: layer.size))
        }
        do {
            try await fetchAndUnpack(missing, of: plan, session, lease: lease)
        } catch {
            keepUnfinished(plan.layers.map(\.chainID))
            throw try explainFullDisk(error, plan)
        }

        let manifestDigest = try files.put(manifestBytes)
        extend(lease, [manifestDigest])
        try database.save(
            id: plan.configDigest, manifest: manifestDigest, layers: plan.layers, names: [name],
            origins: [reference.pinned(to: top.digest).description])
        try record(admission, image: plan.configDigest)
        progress(PullProgress(phase: .done, blob: nil, completedBytes: 0, totalBytes: 0))
        logger.info("image pulled", metadata: ["image": "\(name)", "id": "\(plan.configDigest.short)"])
        return try requireImage(plan.configDigest)
    }

    // MARK: Index to manifest to config

    private func resolve(
        _ document: ImageDocument, _ bytes: [UInt8], _ session: PullSession, _ platform: Platform, lease: Int,
        depth: Int
    ) async throws -> (Plan, [UInt8]) {
        switch document {
        case .manifest(let manifest):
            let plan = try await fetchConfig(of: manifest, session, lease: lease)
            guard plan.config.architecture.isEmpty || platform.rank(of: plan.config.platform) != nil else {
                throw Self.noMatch(platform, [plan.config.platform])
            }
            return (plan, bytes)
        case .index(let index):
            guard depth < 3 else { throw ImageError(.invalidImage, "its index is nested too deeply") }
            for entry in index.candidates(for: platform) {
                let (bytes, type, _) = try await session.sources.manifest(entry.digest.description)
                guard Int64(bytes.count) == entry.size else {
                    throw ImageError(.digestMismatch, "manifest \(entry.digest) has not the size its index says")
                }
                let document = try ImageDocument(parsing: bytes, declaredType: type ?? entry.mediaType)
                do {
                    return try await resolve(document, bytes, session, platform, lease: lease, depth: depth + 1)
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

    private func fetchConfig(of manifest: ImageManifest, _ session: PullSession, lease: Int) async throws -> Plan {
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
        try await fetch(manifest.config, session, progress: { _ in }, began: { _ in })
        let bytes = try files.read(manifest.config.digest, limit: 8 << 20)
        return try Plan(manifest: manifest, config: ImageConfig(parsing: bytes))
    }
}
