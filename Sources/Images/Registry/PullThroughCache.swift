internal import JSON
public import Linux
public import Logging
public import OCI

/// What clients pull from: the registry's own repositories, and copies of upstream ones that are fetched when first asked
/// for.
///
/// A manifest by digest and a blob never change, so that a copy is as good as the original. A tag is looked up again when
/// its last look-up is older than a short time. When the upstream cannot be reached, the copies are served.
public actor PullThroughCache {
    private let store: RegistryStore
    private nonisolated let upstreams: [RegistryUpstream]
    private let freshness: Duration
    private let now: @Sendable () -> MonotonicInstant
    private let logger: Logger
    private let pool = HTTPClientPool()
    private let jobs = AsyncStream<Job>.makeStream()
    /// Blobs on their way; each is fetched once, whoever asks.
    private var fetches: [ContentKey: FetchedBlob] = [:]
    /// When the tags that were asked for lately were looked up.
    private var checked: [TagKey: MonotonicInstant] = [:]
    /// Until when an upstream that did not answer is left alone.
    private var down: [String: MonotonicInstant] = [:]
    private var gates: [TagKey: [CheckedContinuation<Void, Never>]] = [:]

    private struct TagKey: Hashable {
        let repository: RepositoryName
        let locator: ManifestLocator
    }

    private struct Job: Sendable {
        let key: ContentKey
        let blob: FetchedBlob
        let client: UpstreamClient
    }

    /// How long an upstream that cannot be reached is not asked again when there is a copy.
    private static let pause: Duration = .seconds(30)
    private static let rememberedTags = 4096

    /// - Parameter freshness: How long a tag's last look-up is good.
    public init(
        store: RegistryStore, upstreams: [RegistryUpstream], freshness: Duration = .seconds(60),
        now: @escaping @Sendable () -> MonotonicInstant = { .now() }, logger: Logger
    ) {
        self.store = store
        self.upstreams = upstreams.sorted { $0.prefix.utf8.count > $1.prefix.utf8.count }
        self.freshness = freshness
        self.now = now
        self.logger = logger
    }

    /// Fetches blobs for as long as the hub runs: a fetch outlives the client that began it.
    public func run() async {
        let jobs = jobs.stream
        await withDiscardingTaskGroup { group in
            for await job in jobs { group.addTask { await self.fetch(job) } }
            group.cancelAll()
        }
    }

    /// - Throws: `unsupported` when the repository is a copy, which nobody can push to.
    public nonisolated func demandOwn(_ repository: RepositoryName) throws(ImageError) {
        guard let (upstream, _) = upstream(of: repository) else { return }
        throw ImageError(
            .unsupported,
            "\(repository) is a copy of a repository at \(upstream.address): push there, or to a name that does not begin "
                + "with \(upstream.prefix)/")
    }

    private nonisolated func upstream(of repository: RepositoryName) -> (RegistryUpstream, String)? {
        for upstream in upstreams {
            if let name = upstream.repository(of: repository) { return (upstream, name) }
        }
        return nil
    }

    // MARK: Manifests

    /// - Throws: `unknownManifest`; what kept the upstream from answering when there is no copy.
    public func manifest(
        _ locator: ManifestLocator, in repository: RepositoryName
    ) async throws(ImageError) -> RegistryStore.ManifestContent {
        guard let (upstream, name) = upstream(of: repository) else {
            return try await store.manifest(locator, in: repository)
        }
        let found = try await copy(TagKey(repository: repository, locator: locator), upstream, name)
        await store.noteUse(of: found.digest, in: repository)
        return found
    }

    private func copy(
        _ key: TagKey, _ upstream: RegistryUpstream, _ name: String
    ) async throws(ImageError) -> RegistryStore.ManifestContent {
        if let copy = try await currentCopy(key, upstream) { return copy }
        await enterGate(key)
        defer { leaveGate(key) }
        if let copy = try await currentCopy(key, upstream) { return copy }
        return try await lookUp(key, upstream, name)
    }

    /// A copy that need not be looked up again.
    private func currentCopy(
        _ key: TagKey, _ upstream: RegistryUpstream
    ) async throws(ImageError) -> RegistryStore.ManifestContent? {
        guard let copy = try await store.storedManifest(key.locator, in: key.repository) else { return nil }
        guard case .tag = key.locator else { return copy }
        let now = now()
        let isFresh = checked[key].map { $0.duration(to: now) < freshness } ?? false
        let isDown = down[upstream.prefix].map { now < $0 } ?? false
        return isFresh || isDown ? copy : nil
    }

    private func lookUp(
        _ key: TagKey, _ upstream: RegistryUpstream, _ name: String
    ) async throws(ImageError) -> RegistryStore.ManifestContent {
        let copy = try await store.storedManifest(key.locator, in: key.repository)
        do {
            let client = try UpstreamClient(address: upstream.address, repository: name, pool: pool)
            if let copy, case .tag(let tag) = key.locator, try await client.digest(ofTag: tag) == copy.digest {
                down[upstream.prefix] = nil
                noteChecked(key)
                return copy
            }
            let found = try await client.manifest(key.locator)
            let stored = try await store.adopt(found.bytes, type: found.type, as: key.locator, in: key.repository)
            down[upstream.prefix] = nil
            noteChecked(key)
            return stored
        } catch {
            let failure = ImageError(wrapping: error)
            if failure.code == .unknownImage {
                if copy != nil { try await store.removeManifest(key.locator, from: key.repository) }
                throw RegistryStore.unknownManifest(key.locator, key.repository)
            }
            guard let copy else {
                let failure = failure.during("cannot get \(key.repository) from its upstream")
                // Registries say so of what does not exist, too; and no login here would help.
                guard failure.code != .unauthorized else { throw ImageError(.unknownManifest, failure.message) }
                throw failure
            }
            down[upstream.prefix] = now().advanced(by: Self.pause)
            logger.warning(
                "upstream not reached, a copy is served",
                metadata: ["repository": "\(key.repository)", "error": "\(failure)"])
            return copy
        }
    }

    private func noteChecked(_ key: TagKey) {
        if checked.count >= Self.rememberedTags { checked = [:] }
        checked[key] = now()
    }

    private func enterGate(_ key: TagKey) async {
        guard gates[key] != nil else {
            gates[key] = []
            return
        }
        await withCheckedContinuation { gates[key]?.append($0) }
    }

    private func leaveGate(_ key: TagKey) {
        guard var waiting = gates[key], !waiting.isEmpty else {
            gates[key] = nil
            return
        }
        let next = waiting.removeFirst()
        gates[key] = waiting
        next.resume()
    }

    /// The signatures of an image among what refers to it.
    func referrers(of subject: Digest, in repository: RepositoryName) async throws(ImageError) -> [Digest] {
        let found = try await store.referrers(of: subject, in: repository, type: nil, limit: SignatureArtifact.maximum)
        return found.descriptors.compactMap { entry in
            guard
                [SignatureArtifact.cosignArtifact, SignatureArtifact.bundle].contains(
                    entry["artifactType"]?.stringValue ?? "")
            else { return nil }
            return entry["digest"]?.stringValue.flatMap { try? Digest(parsing: $0) }
        }
    }

    // MARK: Blobs

    /// The size of a blob, here or upstream.
    public func blobSize(_ blob: Digest, in repository: RepositoryName) async throws(ImageError) -> Int64 {
        do throws(ImageError) { return try await store.blobSize(blob, in: repository) } catch {
            guard error.code == .unknownBlob, upstream(of: repository) != nil,
                let size = try await store.announcedSize(of: blob, in: repository)
            else { throw error }
            return size
        }
    }

    /// A blob; one that is missing is fetched, and can be read from its beginning at once.
    ///
    /// Only what a manifest points at that is here already: so nobody can make the hub fetch and keep anything else.
    public func blob(_ blob: Digest, in repository: RepositoryName) async throws(ImageError) -> BlobContent {
        do throws(ImageError) { return try await store.blob(blob, in: repository) } catch {
            guard error.code == .unknownBlob, let (upstream, name) = upstream(of: repository),
                let size = try await store.announcedSize(of: blob, in: repository)
            else { throw error }
            let key = ContentKey(repository: repository, digest: blob)
            if let running = fetches[key] { return BlobContent(digest: blob, size: size, source: running) }
            let started = try await startFetch(key, size, upstream, name)
            return BlobContent(digest: blob, size: size, source: started)
        }
    }

    private func startFetch(
        _ key: ContentKey, _ size: Int64, _ upstream: RegistryUpstream, _ name: String
    ) async throws(ImageError) -> FetchedBlob {
        let client = try UpstreamClient(address: upstream.address, repository: name, pool: pool)
        try await store.makeRoom(for: size, belowAny: upstreams.map(\.prefix))
        let blob = try await store.beginFetch(key.digest, size: size)
        // Somebody else may have begun while the file was made.
        if let other = fetches[key] {
            await store.abandonFetch(blob)
            return other
        }
        fetches[key] = blob
        jobs.continuation.yield(Job(key: key, blob: blob, client: client))
        return blob
    }

    private func fetch(_ job: Job) async {
        var failure: ImageError?
        do {
            try await job.client.copy(to: job.blob)
            try await store.finishFetch(job.blob, in: job.key.repository)
        } catch {
            failure = RegistryFailure.describe(error, authority: job.client.endpoint.authority)
                .during("cannot get blob \(job.key.digest) from upstream")
        }
        if let failure {
            logger.warning("upstream fetch failed", metadata: ["error": "\(failure)"])
            await store.abandonFetch(job.blob)
        }
        fetches[job.key] = nil
        await job.blob.end(failure)
    }
}
