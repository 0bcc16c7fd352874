/// (generation, revision) of a device's desired state, compared lexicographically.
///
/// The generation rises only when a hub was restored from a backup, so that its lower revisions count again.
public struct Revision: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let generation: Int64
    public let number: Int64

    public init(generation: Int64, number: Int64) {
        self.generation = generation
        self.number = number
    }

    enum CodingKeys: String, CodingKey {
        case generation = "gen"
        case number = "rev"
    }

    public static func < (lhs: Revision, rhs: Revision) -> Bool {
        (lhs.generation, lhs.number) < (rhs.generation, rhs.number)
    }
    public var description: String { "\(generation).\(number)" }
}

/// What a device last committed: the rollback floor, and the hub's `have`.
public struct RevisionFloor: Hashable, Sendable, Codable {
    public let revision: Revision
    public let digest: ContentDigest

    public init(revision: Revision, digest: ContentDigest) {
        self.revision = revision
        self.digest = digest
    }

    /// How an offered revision stands to this floor (B3 check 7).
    public enum Standing: Sendable, Hashable {
        case newer, current, older, equivocation
    }

    public static func standing(of revision: Revision, digest: ContentDigest, over floor: RevisionFloor?) -> Standing {
        guard let floor else { return .newer }
        if revision > floor.revision { return .newer }
        if revision < floor.revision { return .older }
        return digest == floor.digest ? .current : .equivocation
    }

    enum CodingKeys: String, CodingKey { case gen, rev, dig }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        revision = Revision(
            generation: try fields.decode(Int64.self, forKey: .gen), number: try fields.decode(Int64.self, forKey: .rev)
        )
        digest = try fields.decode(ContentDigest.self, forKey: .dig)
    }

    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(revision.generation, forKey: .gen)
        try fields.encode(revision.number, forKey: .rev)
        try fields.encode(digest, forKey: .dig)
    }
}
