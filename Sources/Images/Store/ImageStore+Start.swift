internal import Linux
internal import Logging
public import OCI

extension ImageStore {
    /// Makes sure that an image may be started, and notes that it is used.
    ///
    /// Looked at are the config (its digest), known damage, and that each layer's directory and index are there. All content
    /// is compared that the kernel does not verify (``FileVerity``), unless that was done since this store was opened, not
    /// longer ago than ``StoreSettings/contentPeriod``, and nothing was written to the layer since (ADR 25).
    /// - Parameter isSuspect: A container of it keeps failing: what the kernel verifies is read as well, once an hour at most.
    /// - Throws: ``ImageError`` with code `damaged`, which says what is wrong; ``repair(_:)`` may mend it.
    public func prepareToStart(_ id: Digest, isSuspect: Bool = false) async throws(ImageError) {
        do {
            guard let record = try database.record(id) else { throw ImageError(.notFound, "image \(id.short) is gone") }
            try noteUse(of: id)
            for layer in record.layers { try await verify(layer.chainID, isSuspect: isSuspect) }
            guard let damage = try image(id)?.damage else { return }
            throw ImageError(
                .damaged,
                "\(damage); it is not started until it is repaired: pull or load it again, "
                    + "or run \"wherry images --check\"")
        } catch {
            throw ImageError(wrapping: error).during("image \(id.short)")
        }
    }

    /// Compares a layer with its index before something of it runs; what it finds is marked.
    private func verify(_ chainID: Digest, isSuspect: Bool) async throws {
        try await exclusively("verify " + chainID.hex) {
            // What is known to be damaged is repaired first, and read for that.
            guard try database.damage(.layer, chainID) == nil, let layer = try database.layer(chainID),
                Files.isDirectory(files.layerPath(of: chainID))
            else { return }
            let lease = lease([chainID])
            defer { endLease(lease) }
            let stamp = try await inspector.stamp(of: files.layerPath(of: chainID))
            guard let depth = depth(of: chainID, stamp, isSuspect: isSuspect) else { return }
            let result = try await inspect(layer, depth: depth)
            health.statistics.checkedBytes += result.bytesRead
            health.unverified.remove(chainID)
            if depth == .full { health.suspected[chainID] = .now() }
            if result.count == 0 {
                if depth != .quick { health.seals[chainID] = LayerSeal(stamp: stamp, time: .now()) }
            } else {
                try noteDamage(.layer, chainID, Self.summary(result))
            }
        }
    }

    /// How much of a layer is to be looked at before a start; nil for nothing.
    private func depth(of chainID: Digest, _ stamp: UInt64, isSuspect: Bool) -> LayerInspection.Depth? {
        let last = health.suspected[chainID]
        if isSuspect, last.map({ $0.duration(to: .now()) >= StoreHealth.suspicionPeriod }) ?? true { return .full }
        guard let period = settings.contentPeriod else { return health.unverified.contains(chainID) ? .quick : nil }
        return health.seals[chainID]?.holds(for: stamp, period) == true ? nil : .beforeStart
    }

    /// Notes that a layer is what it should be, as it lies there now.
    func seal(_ chainID: Digest) async throws {
        let stamp = try await inspector.stamp(of: files.layerPath(of: chainID))
        health.seals[chainID] = LayerSeal(stamp: stamp, time: .now())
    }

    func inspect(
        _ layer: ImageDatabase.StoredLayer, depth: LayerInspection.Depth, pace: LayerInspector.Pace = .unbounded
    ) async throws -> LayerInspector.Result {
        let path = files.layerPath(of: layer.chainID)
        guard let index = layer.index else {
            return Files.isDirectory(path)
                ? .sound : LayerInspector.Result(problems: ["its directory is missing"], count: 1, bytesRead: 0)
        }
        return try await inspector.inspect(path, index: index, depth: depth, pace: pace)
    }

    static func summary(_ result: LayerInspector.Result) -> String {
        let more = result.count > 1 ? " and \(result.count - 1) more" : ""
        return (result.problems.first ?? "unknown damage") + more
    }

    /// An image's config, whose digest is verified each time; when it is damaged one that says no more than the record.
    func config(of record: ImageDatabase.Record) throws -> (config: ImageConfig, problem: String?) {
        do {
            let bytes = try files.read(record.id, limit: 8 << 20)
            guard ContentHasher.digest(of: bytes) == record.id else {
                throw ImageError(.damaged, "its config is not what it was")
            }
            return (try ImageConfig(parsing: bytes), nil)
        } catch {
            let problem = (error as? ImageError)?.message ?? "its config cannot be read (\(error))"
            return (ImageConfig(platform: .current, diffIDs: record.layers.map(\.diffID)), problem)
        }
    }

    /// The first known damage to an image's layers.
    func damage(of record: ImageDatabase.Record) throws -> String? {
        if let reason = try database.damage(.blob, record.manifest) { return "its manifest: \(reason)" }
        for layer in record.layers {
            if let reason = try database.damage(.layer, layer.chainID) {
                return "layer \(layer.chainID.short) is damaged: \(reason)"
            }
            let path = files.layerPath(of: layer.chainID)
            guard Files.exists(path) else { return "layer \(layer.chainID.short) is missing" }
            guard let index = try database.layer(layer.chainID)?.index else { continue }
            guard files.indexSize(of: layer.chainID) == index.size else {
                return "the index of layer \(layer.chainID.short) is damaged or missing"
            }
        }
        return nil
    }

    /// In memory at each use, on the disk once a day: nothing is written in steady state.
    func noteUse(of id: Digest) throws {
        health.lastUse[id] = .now()
        let now = WallClock.now().seconds
        if abs(now - (try database.usedAt(id))) >= 24 * 3600 { try database.setUsed(id, at: now) }
    }
}
