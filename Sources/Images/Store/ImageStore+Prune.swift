internal import Linux
internal import Logging
public import OCI

/// Which unused images go.
public struct PruneRequest: Sendable {
    /// Also images that have names.
    public var includesNamed = false
    /// What every image to be removed must fulfil.
    public var condition: @Sendable (Image) -> Bool

    public init(includesNamed: Bool = false, condition: @escaping @Sendable (Image) -> Bool = { _ in true }) {
        self.includesNamed = includesNamed
        self.condition = condition
    }
}

extension ImageStore {
    /// Removes images that no container uses and no workload needs, as ``StoreHooks/pins`` says: those of a Deployment that has
    /// no pod at the moment stay. When that cannot be asked nothing is removed.
    /// - Returns: What went, and the bytes of the disk that it took.
    public func prune(
        _ request: PruneRequest, inUse: Set<Digest>
    ) async throws(ImageError) -> (items: [RemovedItem], freedBytes: Int64) {
        do {
            let needed = try await resolve(health.hooks.pins?() ?? PinnedImages()).union(inUse)
            let before = try storedBytes()
            var items: [RemovedItem] = []
            for id in try database.ids() where !needed.contains(id) && !leased.contains(id) {
                guard try database.owners(ofPinsOf: id).isEmpty, let image = try image(id), request.condition(image),
                    request.includesNamed || image.references.isEmpty
                else { continue }
                items += try await remove(id.description, force: true, inUse: inUse)
            }
            return (items, max(0, before - (try storedBytes())))
        } catch {
            throw ImageError(wrapping: error).during("cannot prune images")
        }
    }

    private func storedBytes() throws -> Int64 {
        let blobs = try files.blobs().reduce(into: Int64(0)) { $0 += files.size(of: $1) ?? 0 }
        return try files.layers().reduce(into: blobs) { $0 += try database.layerSize($1) ?? 0 }
    }

    /// Unpacked bytes of each layer of an image, bottom first.
    public func layerSizes(of id: Digest) throws(ImageError) -> [Int64] {
        do {
            guard let record = try database.record(id) else { return [] }
            return try record.layers.map { try database.layerSize($0.chainID) ?? 0 }
        } catch {
            throw ImageError(wrapping: error)
        }
    }
}
