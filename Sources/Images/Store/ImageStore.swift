internal import Linux
public import Logging
internal import OCI
public import SQLite

/// Images on this device: verified blobs, layers unpacked once, and the names that point at them.
///
/// Everything is committed in an order that bears a power cut at any point: blobs, then layers, then the record. What a
/// cut leaves without a record is removed at the next start or collection. Work on SQLite and small files runs on the
/// store's thread, unpacking on another, so that listing stays quick during a pull.
public actor ImageStore {
    private let executor = ThreadExecutor(name: "wherry-images")
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let files: BlobFiles
    let database: ImageDatabase
    let limits: UnpackLimits
    let settings: StoreSettings
    let logger: Logger
    let unpacker = LayerUnpacker()
    let inspector = LayerInspector()
    let clients = HTTPClientPool()
    nonisolated let link: DownloadLink
    private let marker: OpenMarker
    let reserve: DiskReserve?
    var health = StoreHealth()
    private var gates: [String: [CheckedContinuation<Void, Never>]] = [:]
    /// What operations under way rely on: garbage collection leaves it alone.
    private var leases: [Int: Set<Digest>] = [:]
    private var sequence = 0

    /// Opens the store beneath a data directory, and clears what an interrupted operation left.
    ///
    /// - Parameters:
    ///   - root: The data directory; `blobs/`, `layers/` and `ingest/` are made in it.
    ///   - connection: The store's own database, `root/images.db`; it is used by this actor only from here on.
    ///   - limits: Bounds for layers and archives.
    /// - Throws: ``ImageError`` with code `database`, `diskFull` or `input`.
    public init(
        root: String, connection: sending Connection, limits: UnpackLimits = UnpackLimits(),
        settings: StoreSettings = StoreSettings(), logger: Logger
    ) throws(ImageError) {
        do {
            files = try BlobFiles(root: root)
            marker = OpenMarker(root: root)
            reserve = try DiskReserve(root: root, bounds: settings.reserveBytes)
            database = try ImageDatabase(connection)
            if marker.isThere { health.unverified = Set(try database.layers().map(\.chainID)) }
            try marker.set()
            health.unfinished = [(.now().advanced(by: StoreHealth.patience), Set(try database.orphans()))]
        } catch {
            throw ImageError(wrapping: error).during("cannot open the image store in \(root)")
        }
        self.limits = limits
        self.settings = settings
        self.logger = logger
        link = DownloadLink(path: root + "/link-usage.json", logger: logger)
    }

    /// Opens the store with its database at `root/images.db`.
    public init(
        root: String, limits: UnpackLimits = UnpackLimits(), settings: StoreSettings = StoreSettings(), logger: Logger
    ) throws(ImageError) {
        let connection: Connection
        do {
            try Files.makeDirectories(root, mode: 0o700)
            connection = try Connection(path: root + "/images.db", profile: .state)
        } catch {
            throw ImageError(wrapping: error).during("cannot open the image store in \(root)")
        }
        try self.init(root: root, connection: connection, limits: limits, settings: settings, logger: logger)
    }

    /// Closes the database at a clean stop; the store is of no use afterwards.
    public func close() {
        database.connection.close()
        // What was not looked at since the last unclean stop is for the next start.
        guard health.unverified.isEmpty else { return }
        do { try marker.clear() } catch {
            logger.warning("the next start checks the images", metadata: ["error": "\(error)"])
        }
    }

    /// Tells the store what it needs to know of the product.
    public func setHooks(_ hooks: StoreHooks) { health.hooks = hooks }

    /// Whether layers wait to be looked at after an unclean stop.
    public var awaitsCheck: Bool { !health.unverified.isEmpty }

    /// What the store did since it was opened.
    public func statistics() throws(ImageError) -> StoreStatistics {
        do {
            var statistics = health.statistics
            statistics.damaged = try database.damaged(.layer).count + database.damaged(.blob).count
            statistics.holdsReserve = reserve?.isHeld ?? false
            return statistics
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    // MARK: Looking up

    /// All images, newest first.
    public func list() throws(ImageError) -> [Image] {
        do {
            let images = try database.ids().compactMap { try image($0) }
            return images.sorted { ($0.created, $0.id.hex) > ($1.created, $1.id.hex) }
        } catch {
            throw ImageError(wrapping: error).during("cannot list images")
        }
    }

    /// Finds an image by name (without a tag: `latest`), `name@digest`, digest of config or manifest, or id prefix.
    /// - Throws: ``ImageError`` with code `ambiguous` when a prefix fits several images, or `database`.
    public func find(_ nameOrID: String) throws(ImageError) -> Image? {
        do {
            guard let match = try match(nameOrID) else { return nil }
            return try image(match.id)
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    /// How something was found: by a name, or else by an id.
    struct Match {
        let id: Digest
        let name: ImageReference?
    }

    func match(_ nameOrID: String) throws -> Match? {
        if let digest = try? Digest(parsing: nameOrID) { return try match(digest) }
        if let reference = try? ImageReference(parsing: nameOrID) {
            let name = reference.digest.map(reference.pinned(to:)) ?? reference
            if let id = try database.id(named: name) { return Match(id: id, name: name) }
            if reference.digest != nil, let id = try database.id(ofRepositoryDigest: name.description) {
                return Match(id: id, name: nil)
            }
        }
        if let digest = try? Digest(hex: nameOrID) { return try match(digest) }
        guard (1..<64).contains(nameOrID.utf8.count), nameOrID.utf8.allSatisfy(Self.isLowercaseHex) else { return nil }
        let ids = try database.ids(startingWith: nameOrID)
        guard ids.count <= 1 else {
            throw ImageError(
                .ambiguous,
                "image id \"\(nameOrID)\" is ambiguous: \(ids.map(\.short).joined(separator: ", ")); give more digits")
        }
        return ids.first.map { Match(id: $0, name: nil) }
    }

    private func match(_ digest: Digest) throws -> Match? {
        if try database.record(digest) != nil { return Match(id: digest, name: nil) }
        return try database.id(ofManifest: digest).map { Match(id: $0, name: nil) }
    }

    private static func isLowercaseHex(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// The image as users see it; nil when it is not recorded.
    func image(_ id: Digest) throws -> Image? {
        guard let record = try database.record(id) else { return nil }
        let (config, problem) = try config(of: record)
        return Image(
            id: id, manifestDigest: record.manifest, references: try database.names(of: id).map(\.familiar),
            repositoryDigests: try database.repositoryDigests(of: id), config: config,
            layerDirectories: record.layers.map { files.layerPath(of: $0.chainID) }, size: record.size,
            created: config.created ?? "", damage: try problem ?? damage(of: record))
    }

    func requireImage(_ id: Digest) throws -> Image {
        guard let image = try image(id) else { throw ImageError(.notFound, "image \(id.short) has vanished") }
        return image
    }

    // MARK: Order among operations

    /// A number that names a temporary file or directory once.
    func nextSequence() -> Int {
        sequence += 1
        return sequence
    }

    /// Runs `body` while no other operation has the same key: two pulls of one layer fetch it once.
    func exclusively<T>(_ key: String, _ body: () async throws -> T) async throws -> T {
        if gates[key] == nil {
            gates[key] = []
        } else {
            await withCheckedContinuation { gates[key]?.append($0) }
        }
        defer { openGate(key) }
        try Task.checkCancellation()
        return try await body()
    }

    private func openGate(_ key: String) {
        guard var waiting = gates[key], !waiting.isEmpty else {
            gates[key] = nil
            return
        }
        let next = waiting.removeFirst()
        gates[key] = waiting
        next.resume()
    }

    /// Protects blobs and layers from collection while an operation needs them.
    func lease(_ digests: some Sequence<Digest>) -> Int {
        let lease = nextSequence()
        leases[lease] = Set(digests)
        return lease
    }

    func extend(_ lease: Int, _ digests: some Sequence<Digest>) { leases[lease]?.formUnion(digests) }

    func endLease(_ lease: Int) { leases[lease] = nil }

    var leased: Set<Digest> { leases.values.reduce(into: []) { $0.formUnion($1) } }

    var leaseTotal: Int { leases.count }

    /// How many operations under way need this.
    func leaseCount(of digest: Digest) -> Int { leases.values.count { $0.contains(digest) } }
}
