public import JSON
public import OCI
internal import SQLite

extension RegistryStore {
    /// A manifest as it was pushed, byte for byte.
    public struct ManifestContent: Sendable {
        public let bytes: [UInt8]
        public let mediaType: String
        public let digest: Digest
    }

    /// What became of a pushed manifest.
    public struct StoredManifest: Sendable {
        public let digest: Digest
        /// The manifest that it is about: the registry lists it among that one's referrers.
        public let subject: Digest?
    }

    /// The largest manifest that is taken.
    public static var manifestLimit: Int { RegistryClient.manifestLimit }

    /// Stores a manifest whose content the repository has.
    ///
    /// - Throws: `invalidManifest`, `invalidDigest` when the locator is another digest, `manifestBlobUnknown`.
    public func putManifest(
        _ bytes: [UInt8], type: String?, as locator: ManifestLocator, in repository: RepositoryName
    ) throws(ImageError) -> StoredManifest {
        let manifest = try RegistryManifest(parsing: bytes, declaredType: type)
        let digest = ContentHasher.digest(of: bytes)
        if case .digest(let named) = locator, named != digest {
            throw ImageError(.invalidDigest, "the manifest has the digest \(digest), not \(named)")
        }
        try attempt("cannot store manifest \(locator) of \(repository)") {
            for part in Set(manifest.parts) where !part.isElsewhere { try demand(part, in: repository) }
            try space.demand(Int64(bytes.count), at: 0)
            try save(manifest, bytes, as: locator, in: repository)
        }
        return StoredManifest(digest: digest, subject: manifest.subject)
    }

    private func demand(_ part: RegistryManifest.Part, in repository: RepositoryName) throws {
        if part.isManifest {
            guard try database.manifestType(part.digest, in: repository) == nil else { return }
            throw ImageError(
                .manifestBlobUnknown,
                "the index lists the manifest \(part.digest), which \(repository) does not have: push it first")
        }
        guard let size = try presentSize(part.digest, in: repository) else {
            throw ImageError(
                .manifestBlobUnknown,
                "the manifest needs the blob \(part.digest), which \(repository) does not have: upload it first")
        }
        guard size == part.size else {
            throw ImageError(
                .invalidManifest, "the manifest says that blob \(part.digest) has \(part.size) bytes; it has \(size)")
        }
    }

    func save(
        _ manifest: RegistryManifest, _ bytes: [UInt8], as locator: ManifestLocator, in repository: RepositoryName
    ) throws {
        let digest = try files.put(bytes)
        try database.connection.transaction {
            try database.saveManifest(manifest, digest: digest, size: bytes.count, in: repository)
            if case .tag(let tag) = locator { try database.setTag(tag, to: digest, in: repository) }
        }
    }

    /// - Throws: `unknownManifest`.
    public func manifest(
        _ locator: ManifestLocator, in repository: RepositoryName
    ) throws(ImageError) -> ManifestContent {
        guard let manifest = try storedManifest(locator, in: repository) else {
            throw Self.unknownManifest(locator, repository)
        }
        return manifest
    }

    func storedManifest(
        _ locator: ManifestLocator, in repository: RepositoryName
    ) throws(ImageError) -> ManifestContent? {
        try attempt("cannot read manifest \(locator) of \(repository)") {
            guard let digest = try digest(of: locator, in: repository),
                let type = try database.manifestType(digest, in: repository)
            else { return nil }
            let bytes = try files.read(digest, limit: RegistryClient.manifestLimit)
            guard ContentHasher.digest(of: bytes) == digest else {
                throw ImageError(.input, "its file is damaged; push the image again")
            }
            return ManifestContent(bytes: bytes, mediaType: type, digest: digest)
        }
    }

    private func digest(of locator: ManifestLocator, in repository: RepositoryName) throws -> Digest? {
        switch locator {
        case .tag(let tag): try database.tag(tag, in: repository)
        case .digest(let digest): digest
        }
    }

    /// Removes a tag, or a manifest with all its tags; what it alone pointed at goes at the next collection.
    /// - Throws: `unknownManifest`.
    public func removeManifest(_ locator: ManifestLocator, from repository: RepositoryName) throws(ImageError) {
        let removed = try attempt("cannot delete manifest \(locator) of \(repository)") {
            switch locator {
            case .tag(let tag): return try database.removeTag(tag, from: repository)
            case .digest(let digest):
                let content = try database.content(of: digest, in: repository)
                guard try database.removeManifest(digest, from: repository) else { return false }
                release(content, in: repository)
                return true
            }
        }
        guard removed else { throw Self.unknownManifest(locator, repository) }
    }

    /// Descriptors of the manifests about `subject`, of one artifact type or of all.
    /// - Returns: Up to `limit` in the order of their digests, and the last digest when there may be more.
    public func referrers(
        of subject: Digest, in repository: RepositoryName, type: String?, after last: String = "", limit: Int
    ) throws(ImageError) -> (descriptors: [JSONValue], next: Digest?) {
        try attempt("cannot list the referrers of \(subject)") {
            let found = try database.referrers(of: subject, in: repository, type: type, after: last, limit: limit + 1)
            let page = found.prefix(limit)
            return (page.map(\.descriptor), found.count > limit ? page.last?.digest : nil)
        }
    }

    static func unknownManifest(_ locator: ManifestLocator, _ repository: RepositoryName) -> ImageError {
        ImageError(.unknownManifest, "repository \(repository) has no manifest \(locator)")
    }
}
