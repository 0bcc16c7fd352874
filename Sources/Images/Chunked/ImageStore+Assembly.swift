internal import Linux
internal import Logging
internal import OCI

/// Layers of which only what this store lacks is fetched (zstd:chunked, ADR 27).
extension ImageStore {
    /// Fetches the ranges of a layer that this store lacks, where its description and its registry allow that.
    ///
    /// - Returns: False when the layer has to come as a whole.
    func fetchRanges(of coming: ComingLayer, _ plan: Plan, _ session: PullSession) async throws -> Bool {
        guard let chunked = ChunkedLayer(coming.blob), try isWorthALook(chunked) else { return false }
        if session.ignoresBudget { link.beginUrgency(of: chunked.blob.digest) }
        defer { if session.ignoresBudget { link.endUrgency(of: chunked.blob.digest) } }
        // No other pull makes a plan of this blob, or removes what one is made of, at the same time.
        return try await exclusively("blob " + chunked.blob.digest.hex) {
            // Another pull may have brought it.
            if try hasLayer(plan.layers[coming.index].chainID) { return true }
            do {
                return try await fetchRanges(of: chunked, coming, session)
            } catch let error as ImageError where Self.asksForTheWhole(error) {
                logger.warning(
                    "layer is fetched as a whole",
                    metadata: ["blob": "\(chunked.blob.digest.short)", "reason": "\(error.message)"])
                discardParts(chunked.parts)
                return false
            }
        }
    }

    private func fetchRanges(
        of chunked: ChunkedLayer, _ coming: ComingLayer, _ session: PullSession
    ) async throws -> Bool {
        let assembly = try await planAssembly(of: chunked, coming, session)
        guard assembly.isWorthwhile(for: chunked.blob.size) else {
            discardParts(parts(of: assembly, coming.blob))
            return false
        }
        // Neither the layers that content is taken from nor what comes may be collected, to make room either.
        extend(coming.lease, assembly.layers.union(parts(of: assembly, coming.blob)))
        // As the estimate before the first byte, but from the sizes of the files.
        let bytes = assembly.fileBytes + assembly.fileBytes / 32 + assembly.ranges.size
        try await ensureRoom(bytes: bytes + limits.reservedBytes + settings.logReserveBytes, "a layer")
        try await fetch(assembly, coming, session)
        return true
    }

    /// What is fetched for a layer: the sections that describe it, and its ranges.
    private func parts(of assembly: AssemblyPlan, _ blob: Descriptor) -> [Digest] {
        (ChunkedLayer(blob)?.parts ?? []) + [assembly.ranges.identifier(of: blob.digest)]
    }

    private func discardParts(_ parts: [Digest]) {
        for part in parts { PartFile.discard(files.ingestPath(PartFile.name(of: part))) }
    }

    /// Whether looking at its table of contents may save something; that costs a request and the table.
    private func isWorthALook(_ chunked: ChunkedLayer) throws -> Bool {
        let isSmall = Int64(chunked.contents.range.count) <= chunked.blob.size / 8
        return try isSmall && !settings.keepsBlobs && !files.has(chunked.blob.digest)
            && partSize(chunked.blob.digest) == 0 && !soundLayers().isEmpty
    }

    /// What is wrong with the description of a layer, or with a server's ranges, is no harm to the whole.
    private static func asksForTheWhole(_ error: ImageError) -> Bool {
        error.cause is BlobFetcher.NoRanges || [.invalidLayer, .limitExceeded, .digestMismatch].contains(error.code)
    }

    // MARK: Planning

    private func planAssembly(
        of chunked: ChunkedLayer, _ coming: ComingLayer, _ session: PullSession
    ) async throws -> AssemblyPlan {
        let size = chunked.blob.size
        var request = AssemblyPlanner.Request(
            layer: chunked,
            contents: try await fetch(chunked.contents, of: chunked.blob, chunked.contentsDigest, coming, session),
            pool: try soundLayers(), scratch: files.ingestPath("assembly-\(nextSequence())"), limits: limits)
        let planner = AssemblyPlanner()
        var outcome = try await planner.plan(request)
        if let section = chunked.tarSplit, let digest = outcome.plan.tarSplitDigest {
            let cost = outcome.costWithHeaders + Int64(section.range.count) + BlobRanges.requestCost
            if cost < outcome.plan.ranges.cost, cost <= size - size / 4 {
                request.tarSplit = try await fetch(section, of: chunked.blob, digest, coming, session)
                request.scratch = files.ingestPath("assembly-\(nextSequence())")
                outcome = try await planner.plan(request)
            }
        }
        return outcome.plan
    }

    /// Brings a section of a blob here.
    /// - Returns: Its path; it stays until the layer is unpacked, for a next try.
    private func fetch(
        _ section: ChunkedLayer.Section, of blob: Descriptor, _ digest: Digest, _ coming: ComingLayer,
        _ session: PullSession
    ) async throws -> String {
        // Not named by its digest, which anybody may say: it could be that of a blob that is coming.
        let part = section.part(of: blob.digest)
        extend(coming.lease, [part])
        let path = files.ingestPath(PartFile.name(of: part))
        var job = BlobFetcher.Job(blob: blob, path: path, progress: { _ in }, began: { _ in })
        job.ranges = BlobRanges([section.range])
        job.digest = digest
        _ = try await fetcher(session).fetch(job)
        return path
    }

    private func fetcher(_ session: PullSession) -> BlobFetcher {
        BlobFetcher(session.sources.ordered, link: link, syncer: session.syncer, logger: logger)
    }

    private func fetch(_ assembly: AssemblyPlan, _ coming: ComingLayer, _ session: PullSession) async throws {
        let blob = coming.blob
        let identifier = assembly.ranges.identifier(of: blob.digest)
        logger.info(
            "layer is put together from ranges and what is here",
            metadata: [
                "blob": "\(blob.digest.short)", "bytes": "\(assembly.ranges.size)", "of": "\(blob.size)",
                "ranges": "\(assembly.ranges.ranges.count)",
            ])
        let path = files.ingestPath(PartFile.name(of: identifier))
        var job = BlobFetcher.Job(
            blob: blob, path: path, progress: session.progress, began: { coming.found.yield(.assembly(assembly, $0)) })
        job.ranges = assembly.ranges
        job.digest = nil
        do {
            _ = try await fetcher(session).fetch(job)
        } catch let error as ImageError where Self.asksForTheWhole(error) {
            discardParts(parts(of: assembly, blob))
            throw error
        }
        for phase in [PullProgress.Phase.downloaded, .unpacking] {
            session.progress(
                PullProgress(
                    phase: phase, blob: blob.digest, completedBytes: job.size, totalBytes: job.size))
        }
    }

    // MARK: Unpacking

    /// Unpacks what a plan makes; its tar has the layer's diff ID, or it is nothing.
    ///
    /// - Returns: False when the layer has to come as a whole.
    func assemble(
        _ coming: ComingLayer, of plan: Plan, _ assembly: AssemblyPlan, _ part: PartFile, _ session: PullSession
    ) async throws -> Bool {
        var job = unpackJob(coming.index, of: plan)
        job.assembly = assembly
        job.part = part
        job.blobSize = coming.blob.size
        do {
            guard let unpacked = try await unpack(job, session) else { return false }
            guard unpacked.isRebuildable else {
                try await session.unpacker.remove(job.staging)
                throw ImageError(.invalidLayer, "it replaces files of its own, so that its blob is needed")
            }
            try await commitLayer(plan.layers[coming.index], unpacked, staging: job.staging)
        } catch let error as ImageError where Self.asksForTheWhole(error) || error.code == .damaged {
            try await giveUp(assembly, of: coming, part, error)
            return false
        }
        try await discard(assembly, of: coming)
        return true
    }

    private func giveUp(
        _ assembly: AssemblyPlan, of coming: ComingLayer, _ part: PartFile, _ error: ImageError
    ) async throws {
        logger.warning(
            "layer put together is not what it should be, and is fetched as a whole",
            metadata: ["blob": "\(coming.blob.digest.short)", "reason": "\(error.message)"])
        // Nothing more of it shall come.
        part.fail(ImageError(.invalidLayer, error.message, cause: BlobFetcher.NoRanges()))
        for (chainID, path) in await inspector.rottenPlaces(of: assembly) where try database.layer(chainID) != nil {
            try markDamage(.layer, chainID, "\"\(path)\" has other content than it had")
        }
        try await discard(assembly, of: coming)
    }

    /// Removes what was fetched, once its own fetch is over and while no other pull makes a plan of it.
    func discard(_ assembly: AssemblyPlan, of coming: ComingLayer) async throws {
        try await exclusively("blob " + coming.blob.digest.hex) { discardParts(parts(of: assembly, coming.blob)) }
    }
}

extension LayerInspector {
    /// See ``AssemblyPlan/rottenPlaces()``.
    func rottenPlaces(of plan: AssemblyPlan) -> [Digest: String] { plan.rottenPlaces() }
}
