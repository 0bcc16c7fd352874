/// A list of manifests, one for each platform (image-spec image-index.md, or Docker's manifest list).
public struct ImageIndex: Hashable, Sendable, Codable {
    public var schemaVersion: Int
    public var mediaType: String?
    public var manifests: [Descriptor]
    public var annotations: [String: String]?

    public init(manifests: [Descriptor], annotations: [String: String]? = nil) {
        self.schemaVersion = 2
        self.mediaType = MediaType.ociIndex
        self.manifests = manifests
        self.annotations = annotations
    }

    /// The entries that fit `platform`, best first; among equals the first listed wins.
    ///
    /// An entry without a platform comes last: only its config can tell. Entries for `unknown/unknown` (build
    /// attestations) and artifacts of unknown kinds fit nothing.
    public func candidates(for platform: Platform) -> [Descriptor] {
        let images = manifests.filter { MediaType.isManifest($0.mediaType) || MediaType.isIndex($0.mediaType) }
        let ranked = images.enumerated().compactMap { offset, entry -> (rank: Int, offset: Int, entry: Descriptor)? in
            guard let own = entry.platform else { return (Int.max, offset, entry) }
            guard let rank = platform.rank(of: own) else { return nil }
            return (rank, offset, entry)
        }
        return ranked.sorted { ($0.rank, $0.offset) < ($1.rank, $1.offset) }.map(\.entry)
    }

    /// The platforms listed, for messages.
    public var platforms: [Platform] {
        manifests.compactMap(\.platform).filter { $0.os != "unknown" }
    }
}
