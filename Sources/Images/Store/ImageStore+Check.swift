internal import Linux
internal import Logging
internal import OCI

extension ImageStore {
    /// Checks everything that is stored, and repairs what it can.
    ///
    /// - Parameters:
    ///   - depth: ``CheckDepth/full`` reads all of it.
    ///   - repairing: False only finds and marks.
    /// - Throws: ``ImageError`` when the check itself fails; damage is in the report.
    public func check(_ depth: CheckDepth = .full, repairing: Bool = true) async throws(ImageError) -> StoreReport {
        do {
            return try await exclusively("check") {
                var report = StoreReport()
                for id in try database.ids() { try await checkDocuments(of: id, repairing, into: &report) }
                try await checkBlobs(depth, repairing, into: &report)
                for layer in try database.layers() {
                    try await checkLayer(layer, depth, repairing, pace: .unbounded, into: &report)
                }
                return report
            }
        } catch {
            throw ImageError(wrapping: error).during("cannot check the image store")
        }
    }

    // MARK: Documents

    /// Config and manifest of an image.
    func checkDocuments(of id: Digest, _ repairing: Bool, into report: inout StoreReport) async throws {
        guard let record = try database.record(id) else { return }
        for (part, digest) in [(StoreFinding.Part.config, id), (.manifest, record.manifest)] {
            report.blobs += 1
            let problem = documentProblem(digest, into: &report)
            guard let problem else {
                if try database.damage(.blob, digest) != nil { try database.clearDamage(.blob, digest) }
                continue
            }
            if try database.damage(.blob, digest) == nil { try noteDamage(.blob, digest, problem) }
            let outcome = repairing ? await repairDocument(digest, of: id) : .left("the check was told not to repair")
            try await add(part, digest, [id], problem, outcome, to: &report)
        }
    }

    private func documentProblem(_ digest: Digest, into report: inout StoreReport) -> String? {
        do {
            let bytes = try files.read(digest, limit: 8 << 20)
            report.bytes += Int64(bytes.count)
            return ContentHasher.digest(of: bytes) == digest ? nil : "has other content than it had"
        } catch {
            return error.errno == .noEntry ? "is missing" : "cannot be read: \(error.errno)"
        }
    }

    // MARK: Blobs of layers

    /// Blobs that were kept beside their layers.
    private func checkBlobs(_ depth: CheckDepth, _ repairing: Bool, into report: inout StoreReport) async throws {
        for blob in try layerBlobs() {
            try await checkBlob(blob, depth, repairing, pace: .unbounded, into: &report)
        }
    }

    /// Blobs that are no image's config or manifest.
    func layerBlobs() throws -> [Digest] {
        var documents: Set<Digest> = []
        for id in try database.ids() {
            documents.insert(id)
            if let record = try database.record(id) { documents.insert(record.manifest) }
        }
        return try files.blobs().filter { !documents.contains($0) }
    }

    func checkBlob(
        _ blob: Digest, _ depth: CheckDepth, _ repairing: Bool, pace: LayerInspector.Pace,
        into report: inout StoreReport
    ) async throws {
        let lease = lease([blob])
        defer { endLease(lease) }
        guard depth == .full, let size = files.size(of: blob) else { return }
        report.blobs += 1
        report.bytes += size
        health.statistics.checkedBytes += size
        let problem: String
        do {
            guard try await inspector.digest(of: files.path(of: blob), pace: pace) != blob else { return }
            problem = "has other content than it had"
        } catch let error as SystemError {
            problem = "cannot be read: \(error.errno)"
        }
        try noteDamage(.blob, blob, problem)
        let images = try database.images(withBlob: blob)
        let outcome = repairing ? try await repairBlob(blob) : .left("the check was told not to repair")
        try await add(.blob, blob, images, problem, outcome, to: &report)
    }

    // MARK: Layers

    /// Checks one layer; what is found is marked before anything else happens.
    func checkLayer(
        _ layer: ImageDatabase.StoredLayer, _ depth: CheckDepth, _ repairing: Bool, pace: LayerInspector.Pace,
        into report: inout StoreReport
    ) async throws {
        let lease = lease([layer.chainID])
        defer { endLease(lease) }
        report.layers += 1
        let result = try await inspect(layer, depth: depth == .full ? .full : .quick, pace: pace)
        report.bytes += result.bytesRead
        health.statistics.checkedBytes += result.bytesRead
        health.unverified.remove(layer.chainID)
        let images = try database.images(withLayer: layer.chainID)
        if result.count == 0, let index = layer.index, index.size > 0 {
            // A quick look does not clear what a full one found.
            if depth == .full { try database.clearDamage(.layer, layer.chainID) }
            guard let left = try database.damage(.layer, layer.chainID) else { return }
            let outcome = repairing ? await repairLayer(layer.chainID) : .left("the check was told not to repair")
            return try await add(.layer, layer.chainID, images, left, outcome, to: &report)
        }
        guard result.count > 0 else { return try await adoptLayer(layer, images, repairing, into: &report) }
        let problem = Self.summary(result)
        try noteDamage(.layer, layer.chainID, problem)
        let outcome = repairing ? await repairLayer(layer.chainID) : .left("the check was told not to repair")
        try await add(.layer, layer.chainID, images, problem, outcome, to: &report)
    }

    /// A layer without an index gets one when its blob is here; until then nothing can be said of it.
    private func adoptLayer(
        _ layer: ImageDatabase.StoredLayer, _ images: [Digest], _ repairing: Bool, into report: inout StoreReport
    ) async throws {
        if repairing, try await unpackAgain(layer.chainID) { return }
        try await report.findings.append(
            finding(
                .layer, layer.chainID, images, "was unpacked by an older version, without an index", .unverifiable,
                "remove the image and pull it again to have it checked"))
    }

    // MARK: Findings

    func noteDamage(_ part: ImageDatabase.Part, _ digest: Digest, _ problem: String) throws {
        health.statistics.damagesFound += 1
        try markDamage(part, digest, problem)
    }

    private func add(
        _ part: StoreFinding.Part, _ digest: Digest, _ images: [Digest], _ problem: String, _ repair: RepairOutcome,
        to report: inout StoreReport
    ) async throws {
        let finding =
            switch repair {
            case .repaired(let how): try await finding(part, digest, images, problem, .repaired, how)
            case .left(let why): try await finding(part, digest, images, problem, .damaged, why)
            }
        report.findings.append(finding)
        await health.hooks.onFinding?(finding)
    }

    private func finding(
        _ part: StoreFinding.Part, _ digest: Digest, _ images: [Digest], _ problem: String,
        _ outcome: StoreFinding.Outcome, _ remedy: String
    ) async throws -> StoreFinding {
        let names = try images.flatMap { id in
            let names = try database.names(of: id).map(\.familiar)
            return names.isEmpty ? [id.short] : names
        }
        return StoreFinding(
            part: part, digest: digest, images: names.sorted(), problem: problem, outcome: outcome, remedy: remedy)
    }
}

/// What became of an attempt to repair something.
enum RepairOutcome {
    /// With the source it came from.
    case repaired(String)
    /// With the reason, and what to do.
    case left(String)
}
