internal import Linux
internal import Logging
internal import OCI

/// Copies of upstream repositories, as ``PullThroughCache`` keeps them.
extension RegistryStore {
    func announcedSize(of blob: Digest, in repository: RepositoryName) throws(ImageError) -> Int64? {
        try attempt("cannot look up blob \(blob)") { try database.announcedSize(of: blob, in: repository) }
    }

    /// Stores a manifest of an upstream; what it points at comes when it is asked for.
    func adopt(
        _ bytes: [UInt8], type: String?, as locator: ManifestLocator, in repository: RepositoryName
    ) throws(ImageError) -> ManifestContent {
        let manifest = try RegistryManifest(parsing: bytes, declaredType: type)
        return try attempt("cannot keep manifest \(locator) of \(repository)") {
            try save(manifest, bytes, as: locator, in: repository)
            return ManifestContent(
                bytes: bytes, mediaType: manifest.mediaType, digest: ContentHasher.digest(of: bytes))
        }
    }

    func beginFetch(_ blob: Digest, size: Int64) throws(ImageError) -> FetchedBlob {
        try attempt("cannot fetch blob \(blob)") {
            let name = "fetch-\(nextSequence())"
            let fetched = try FetchedBlob(
                digest: blob, size: size, path: uploadDirectory + "/" + name, space: space,
                thread: threads.thread(for: nextSequence()))
            fetchFiles.insert(name)
            return fetched
        }
    }

    func finishFetch(_ blob: FetchedBlob, in repository: RepositoryName) throws(ImageError) {
        try attempt("cannot store blob \(blob.digest)") {
            try files.commit(blob.path, as: blob.digest)
            try database.addBlob(blob.digest, size: blob.size, to: repository)
        }
        fetchFiles.remove(Self.fileName(blob))
    }

    func abandonFetch(_ blob: FetchedBlob) {
        unlink(blob.path)
        fetchFiles.remove(Self.fileName(blob))
    }

    private static func fileName(_ blob: FetchedBlob) -> String { String(blob.path.split(separator: "/").last ?? "") }

    func isFetched(_ name: String) -> Bool { fetchFiles.contains(name) }

    // MARK: Room

    func noteUse(of manifest: Digest, in repository: RepositoryName) {
        copyUse[ContentKey(repository: repository, digest: manifest)] = now()
    }

    /// Removes copies of upstreams until there is room for so many bytes, those first that were not asked for the longest
    /// time; what was asked for within the time of grace stays. The registry's own repositories are never touched.
    /// - Throws: `diskFull`.
    func makeRoom(for bytes: Int64, belowAny prefixes: [String]) async throws(ImageError) {
        guard try space.lacking(bytes) != nil else { return }
        let now = now()
        let known = try attempt("cannot list the copies") { try prefixes.flatMap(database.manifests(below:)) }
        copyUse = copyUse.filter { known.contains($0.key) }
        var idle = known.filter { copyUse[$0].map { $0.duration(to: now) >= limits.grace } ?? true }
            .sorted { (copyUse[$0] ?? started) < (copyUse[$1] ?? started) }[...]
        while try space.lacking(bytes) != nil, !idle.isEmpty {
            for key in idle.prefix(4) {
                do throws(ImageError) {
                    try removeManifest(.digest(key.digest), from: key.repository)
                    logger.info(
                        "copy removed", metadata: ["repository": "\(key.repository)", "manifest": "\(key.digest)"])
                } catch  where error.code == .unknownManifest {
                    continue  // somebody deleted it meanwhile
                }
            }
            idle = idle.dropFirst(4)
            _ = try await collect()
        }
        try space.demand(bytes, at: 0)
    }
}
