public import OCI

/// Something in the store that is not what it was.
public struct StoreFinding: Sendable, Hashable {
    public enum Part: String, Sendable, Hashable {
        case layer, config, manifest, blob
    }

    public enum Outcome: String, Sendable, Hashable {
        /// Put right; nothing is lost.
        case repaired
        /// Nothing that is here has the content, and no registry gave it: it is not used until one does.
        case damaged
        /// It can't be judged: an older version unpacked it without an index.
        case unverifiable
    }

    public let part: Part
    /// The chain ID of a layer, the digest of anything else.
    public let digest: Digest
    /// Names, or else short ids, of the images that have it.
    public let images: [String]
    public let problem: String
    public var outcome: Outcome
    /// What repairing it came to; what to do next when it is still damaged.
    public var remedy: String
}

/// What a check of the store looked at and found.
public struct StoreReport: Sendable, Hashable {
    public var layers = 0
    public var blobs = 0
    /// Bytes of content that were read.
    public var bytes: Int64 = 0
    public var findings: [StoreFinding] = []

    /// True when nothing that is damaged is left.
    public var isSound: Bool { !findings.contains { $0.outcome == .damaged } }
}

/// How thoroughly the store is checked.
public enum CheckDepth: String, Sendable, Hashable {
    /// Records against directories, indexes, small blobs, and of each file what the file system says.
    case quick
    /// All content as well.
    case full
}

/// What a store did since it was opened.
public struct StoreStatistics: Sendable, Hashable {
    public var checkedBytes: Int64 = 0
    public var damagesFound: Int64 = 0
    public var damagesRepaired: Int64 = 0
    /// Layers and blobs that are damaged now.
    public var damaged = 0
    public var imagesCollected: Int64 = 0
    public var freedBytes: Int64 = 0
    /// Bytes that sharing files among layers saved.
    public var sharedBytes: Int64 = 0
    public var holdsReserve = false
}
