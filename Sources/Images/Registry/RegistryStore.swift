public import Linux
public import Logging
public import OCI
internal import SQLite

/// The hub's registry: repositories with blobs, manifests and tags, as the OCI distribution specification has them.
///
/// Blobs lie in the same kind of content store as a device's images, verified before they are named. What a request was
/// told is durable: the file first, then the record; what a power cut leaves without a record goes at a collection. Work on
/// SQLite and small files runs on the store's thread, the bytes of blobs on others, so that listing stays quick during a
/// push.
public actor RegistryStore {
    public struct Limits: Sendable {
        /// Uploads under way at once, over all repositories.
        public var uploads = 256
        /// An upload without a request for so long is dropped.
        public var uploadLifetime: Duration = .seconds(24 * 3600)
        /// A blob that a push looked at or brought stays so long without a manifest.
        public var grace: Duration = .seconds(3600)
        /// Bytes that uploads leave free; nil for a twentieth of the disk, 256 MiB at most.
        public var diskReserve: Int64?

        public init() {}
    }

    private let executor = ThreadExecutor(name: "wherry-registry")
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let files: BlobFiles
    let database: RegistryDatabase
    let limits: Limits
    let space: DiskSpace
    let now: @Sendable () -> MonotonicInstant
    let logger: Logger
    let started: MonotonicInstant
    nonisolated let threads = StreamThreads()
    nonisolated let uploadDirectory: String
    /// Uploads that were used since the start; others wait in their files.
    var uploads: [String: BlobUpload] = [:]
    /// When each upload had its last request; since the start for those that had none.
    var uploadActivity: [String: MonotonicInstant] = [:]
    /// Requests that send bytes now.
    var uploadUsers: [String: Int] = [:]
    /// When a push last counted on a blob being here.
    var leases: [ContentKey: MonotonicInstant] = [:]
    /// Blobs that lost a manifest and wait for nobody: free at the next collection.
    var released: Set<ContentKey> = []
    /// When each copy of an upstream's manifest was last asked for.
    var copyUse: [ContentKey: MonotonicInstant] = [:]
    /// Files of what comes from upstream now.
    var fetchFiles: Set<String> = []
    private var sequence = 0

    /// Opens the registry in a hub's data directory: `registry.db`, `blobs/` and `uploads/`.
    ///
    /// - Throws: ``ImageError`` with code `database`, `diskFull` or `input`.
    public init(
        root: String, limits: Limits = Limits(), now: @escaping @Sendable () -> MonotonicInstant = { .now() },
        logger: Logger
    ) throws(ImageError) {
        try self.init(root: root, limits: limits, now: now, freeBytes: nil, logger: logger)
    }

    /// - Parameter freeBytes: In place of what the disk says.
    init(
        root: String, limits: Limits, now: @escaping @Sendable () -> MonotonicInstant,
        freeBytes: (@Sendable () throws -> Int64)?, logger: Logger
    ) throws(ImageError) {
        do {
            files = try BlobFiles(root: root)
            uploadDirectory = root + "/uploads"
            try Files.makeDirectories(uploadDirectory, mode: 0o700)
            let (connection, recovery) = try Database(
                path: root + "/registry.db", migrations: RegistryDatabase.migrations
            ).open()
            database = RegistryDatabase(connection: connection)
            if recovery != .clean { logger.notice("registry index", metadata: ["recovery": "\(recovery)"]) }
            // Blobs without a record may be what the lost record named: nobody but a person may decide on them.
            if recovery.lostContent { try database.set(Self.keepsStrangers, [1]) }
            let reserve = try limits.diskReserve ?? min(256 << 20, Self.diskSize(root) / 20)
            space = DiskSpace(reserve: reserve, free: freeBytes ?? { [files] in try files.freeBytes() })
        } catch {
            throw ImageError(wrapping: error).during("cannot open the registry in \(root)")
        }
        self.limits = limits
        self.now = now
        self.logger = logger
        started = now()
    }

    /// The setting that keeps blobs without a record.
    static let keepsStrangers = "keeps-strangers"

    private static func diskSize(_ root: String) throws(SystemError) -> Int64 {
        var info = statvfs()
        try systemCall("statvfs", on: root) { statvfs(root, &info) }
        return Int64(clamping: info.f_blocks) * Int64(info.f_frsize)
    }

    /// Closes the database at a clean stop; the store is of no use afterwards.
    public func close() { database.connection.close() }

    func nextSequence() -> Int {
        sequence += 1
        return sequence
    }

    /// Runs work on the database, with its errors as this module's.
    func attempt<T>(_ what: @autoclosure () -> String, _ body: () throws -> T) throws(ImageError) -> T {
        do { return try body() } catch let error as ImageError { throw error } catch {
            throw ImageError(wrapping: error).during(what())
        }
    }

    // MARK: Blobs

    /// The size of a blob that the repository has, or throws `unknownBlob`. A push counts on it from now on.
    public func blobSize(_ blob: Digest, in repository: RepositoryName) throws(ImageError) -> Int64 {
        guard let size = try presentSize(blob, in: repository) else {
            throw Self.unknownBlob(blob, repository)
        }
        leases[ContentKey(repository: repository, digest: blob)] = now()
        return size
    }

    /// Opens a blob of the repository.
    /// - Throws: `unknownBlob`.
    public func blob(_ blob: Digest, in repository: RepositoryName) throws(ImageError) -> BlobContent {
        let size = try blobSize(blob, in: repository)
        do {
            let source = try StoredBlob(path: files.path(of: blob), thread: threads.thread(for: nextSequence()))
            return BlobContent(digest: blob, size: size, source: source)
        } catch {
            throw ImageError(error).during("cannot read blob \(blob)")
        }
    }

    /// Nil when the repository lacks the blob, or when its file is gone or short: then a push must bring it again.
    func presentSize(_ blob: Digest, in repository: RepositoryName) throws(ImageError) -> Int64? {
        try attempt("cannot look up blob \(blob)") {
            guard let size = try database.blobSize(blob, in: repository) else { return nil }
            guard files.size(of: blob) == size else {
                logger.error("a blob of the registry is damaged", metadata: ["digest": "\(blob)"])
                try database.removeBlob(blob, from: repository)
                return nil
            }
            return size
        }
    }

    /// Lets `repository` have a blob that `source` has.
    /// - Returns: Whether `source` has it.
    public func mount(
        _ blob: Digest, from source: RepositoryName, to repository: RepositoryName
    ) throws(ImageError) -> Bool {
        guard let size = try presentSize(blob, in: source) else { return false }
        try attempt("cannot mount blob \(blob)") { try database.addBlob(blob, size: size, to: repository) }
        leases[ContentKey(repository: repository, digest: blob)] = now()
        return true
    }

    /// Takes a blob away from the repository; its file goes at a collection when no other has it.
    /// - Throws: `unknownBlob`; `unsupported` while a manifest of the repository points at it.
    public func removeBlob(_ blob: Digest, from repository: RepositoryName) throws(ImageError) {
        guard try presentSize(blob, in: repository) != nil else { throw Self.unknownBlob(blob, repository) }
        try attempt("cannot delete blob \(blob)") {
            if let holder = try database.holder(of: blob, in: repository) {
                throw ImageError(
                    .unsupported,
                    "blob \(blob) of \(repository) belongs to the manifest \(holder): delete that, and the next garbage "
                        + "collection frees the blob")
            }
            try database.removeBlob(blob, from: repository)
        }
    }

    static func unknownBlob(_ blob: Digest, _ repository: RepositoryName) -> ImageError {
        ImageError(.unknownBlob, "repository \(repository) has no blob \(blob)")
    }

    // MARK: Listings

    /// Up to `limit` tags after `last`, in the order of their bytes.
    /// - Throws: `unknownRepository`.
    public func tags(
        in repository: RepositoryName, after last: String = "", limit: Int
    ) throws(ImageError) -> [String] {
        try attempt("cannot list the tags of \(repository)") {
            guard try database.exists(repository) else {
                throw ImageError(.unknownRepository, "there is no repository \(repository) here: push to make it")
            }
            return try database.tags(in: repository, after: last, limit: limit)
        }
    }

    /// Up to `limit` repositories after `last`, those that `isVisible` lets through.
    public func repositories(
        after last: String = "", limit: Int, isVisible: @Sendable (RepositoryName) -> Bool
    ) throws(ImageError) -> [String] {
        try attempt("cannot list the repositories") {
            var found: [String] = []
            var last = last
            while found.count < limit {
                let page = try database.repositories(after: last, limit: 500)
                for name in page where isVisible(try RepositoryName(parsing: name)) { found.append(name) }
                guard page.count == 500, let end = page.last else { break }
                last = end
            }
            return Array(found.prefix(limit))
        }
    }
}
