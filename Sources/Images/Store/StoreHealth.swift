internal import Linux
public import OCI

/// What a store needs to know of the product around it; it works without any of it.
public struct StoreHooks: Sendable {
    /// The images that must stay whatever the disk says: current, desired and previous ones of every workload. Without it,
    /// or when it throws, nothing is removed to make room.
    public var pins: (@Sendable () async throws -> PinnedImages)?
    /// The login for a registry from which damage is repaired.
    public var credentials: (@Sendable (ImageReference) async -> RegistryCredentials?)?
    /// Called with each finding of a check, once it is clear what became of it.
    public var onFinding: (@Sendable (StoreFinding) async -> Void)?

    public init() {}
}

/// Images that something outside the store needs.
public struct PinnedImages: Sendable, Hashable {
    /// Names as workloads write them.
    public var names: Set<String>
    public var ids: Set<Digest>

    public init(names: Set<String> = [], ids: Set<Digest> = []) {
        self.names = names
        self.ids = ids
    }
}

/// What the store remembers in memory of its own state.
struct StoreHealth {
    /// How long a failed pull is expected to come again: pods do so after five minutes at the latest.
    static let patience = Duration.seconds(1800)
    /// A program that keeps failing has its image read in full this often at most.
    static let suspicionPeriod = Duration.seconds(3600)

    /// Layers not yet looked at since an unclean stop; they are before they are used.
    var unverified: Set<Digest> = []
    /// Layers whose content was read since this store was opened, and found right.
    var seals: [Digest: LayerSeal] = [:]
    /// When layers of programs that keep failing were last read in full.
    var suspected: [Digest: MonotonicInstant] = [:]
    /// When images were last used, on a clock that never jumps.
    var lastUse: [Digest: MonotonicInstant] = [:]
    /// Layers of pulls that failed lately: what they have of them is theirs until they try again.
    var unfinished: [(until: MonotonicInstant, digests: Set<Digest>)] = []
    /// When the disk may be relieved again; an attempt that freed nothing is not repeated at once.
    var nextRelief = MonotonicInstant(nanoseconds: 0)
    var statistics = StoreStatistics()
    var hooks = StoreHooks()
}

/// The file that is there while a store is open: found at a start, it tells of an unclean stop.
struct OpenMarker {
    private let path: String

    init(root: String) { path = root + "/images.open" }

    /// True when the store was not closed the last time.
    var isThere: Bool { Files.exists(path) }

    /// Durable before anything is changed.
    func set() throws(SystemError) {
        if !isThere { try Files.writeAtomically([], to: path) }
    }

    func clear() throws(SystemError) {
        if try Files.remove(path) { try Files.syncDirectory(Files.directory(of: path)) }
    }
}
