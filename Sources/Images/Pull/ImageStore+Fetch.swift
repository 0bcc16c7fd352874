internal import CArchive
internal import Linux
internal import Logging
internal import OCI

extension ImageStore {
    /// Where the bytes of a layer are to be had.
    enum LayerSource: Sendable {
        /// They come.
        case part(PartFile)
        /// They are here, verified and durable.
        case blob
        /// Another layer here has the same content on other parents.
        case twin
        /// Ranges of them come, and the rest is here.
        case assembly(AssemblyPlan, PartFile)
        /// They do not come; those of the layers below do.
        case failed(ImageError)
    }

    /// Fetches some layers at once, and unpacks them bottom up while they come.
    ///
    /// A layer that cannot be had ends the pull when its turn to be unpacked has come: what is below it is finished first.
    func fetchAndUnpack(_ missing: [Int], of plan: Plan, _ session: PullSession, lease: Int) async throws {
        for index in missing {
            let layer = plan.manifest.layers[index]
            session.progress(
                PullProgress(phase: .waiting, blob: layer.digest, completedBytes: 0, totalBytes: layer.size))
        }
        let coming = missing.map {
            ComingLayer(index: $0, blob: plan.manifest.layers[$0], hasLower: $0 != missing.first, lease: lease)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.fetchLayers(coming, of: plan, session) }
            group.addTask { for layer in coming { try await self.unpackLayer(layer, of: plan, session) } }
            try await group.waitForAll()
        }
    }

    /// A layer between its fetch and its unpacking.
    struct ComingLayer: Sendable {
        let index: Int
        let blob: Descriptor
        /// Whether missing layers are below it.
        let hasLower: Bool
        /// Of the pull.
        let lease: Int
        let sources: AsyncStream<LayerSource>
        let found: AsyncStream<LayerSource>.Continuation

        init(index: Int, blob: Descriptor, hasLower: Bool, lease: Int) {
            self.index = index
            self.blob = blob
            self.hasLower = hasLower
            self.lease = lease
            (sources, found) = AsyncStream.makeStream(of: LayerSource.self)
        }
    }

    private func fetchLayers(_ layers: [ComingLayer], of plan: Plan, _ session: PullSession) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            let atOnce = session.limits.layersAtOnce
            for layer in layers.prefix(atOnce) { group.addTask { try await self.fetchLayer(layer, of: plan, session) } }
            var waiting = layers.dropFirst(atOnce)
            while let isFetched = try await group.next() {
                // Nothing above a layer that does not come is of use.
                if !isFetched { waiting = [] }
                guard let layer = waiting.popFirst() else { continue }
                group.addTask { try await self.fetchLayer(layer, of: plan, session) }
            }
            // What was not begun does not come either.
            for layer in layers { layer.found.finish() }
        }
    }

    /// Gives whether the layer is to be had.
    private func fetchLayer(_ layer: ComingLayer, of plan: Plan, _ session: PullSession) async throws -> Bool {
        defer { layer.found.finish() }
        do {
            if !files.has(layer.blob.digest), try twin(of: plan.layers[layer.index]) != nil {
                layer.found.yield(.twin)
                return true
            }
            if try await fetchRanges(of: layer, plan, session) { return true }
            try await fetch(layer.blob, session, progress: session.progress, began: { layer.found.yield(.part($0)) })
            layer.found.yield(.blob)
            return true
        } catch {
            try Task.checkCancellation()
            let failure = ImageError(wrapping: error)
            if layer.hasLower {
                session.progress(
                    PullProgress(
                        phase: .waiting, blob: layer.blob.digest, completedBytes: 0, totalBytes: layer.blob.size,
                        detail: "\(failure.message); the layers below are finished first"))
            }
            layer.found.yield(.failed(failure))
            return false
        }
    }

    /// Makes sure that a blob is here, verified and durable.
    func fetch(
        _ blob: Descriptor, _ session: PullSession, progress: @escaping ProgressSink,
        began: @escaping @Sendable (PartFile) -> Void
    ) async throws {
        // Said before the gate: another pull may hold it, and wait for the budget.
        if session.ignoresBudget { link.beginUrgency(of: blob.digest) }
        defer { if session.ignoresBudget { link.endUrgency(of: blob.digest) } }
        try await exclusively("blob " + blob.digest.hex) {
            if !files.has(blob.digest, size: blob.size) {
                let fetcher = BlobFetcher(
                    session.sources.ordered, link: link, syncer: session.syncer, logger: logger)
                let part = try await fetcher.fetch(
                    BlobFetcher.Job(
                        blob: blob, path: files.ingestPath(PartFile.name(of: blob.digest)), progress: progress,
                        began: began))
                try await session.syncer.commit(part, as: blob.digest, in: files)
            }
            for phase in [PullProgress.Phase.downloaded, .unpacking] {
                progress(
                    PullProgress(phase: phase, blob: blob.digest, completedBytes: blob.size, totalBytes: blob.size))
            }
        }
    }

    // MARK: Unpacking

    /// Unpacks a layer from the first of its sources that lasts; the layers below must be here.
    private func unpackLayer(_ layer: ComingLayer, of plan: Plan, _ session: PullSession) async throws {
        let blob = layer.blob
        do {
            try await exclusively("layer " + plan.layers[layer.index].chainID.hex) {
                if try !hasLayer(plan.layers[layer.index].chainID) { try await unpack(layer, of: plan, session) }
            }
        } catch {
            throw ImageError(wrapping: error).during("layer \(blob.digest.short)")
        }
        // The last word of the fetch comes before the layer's. Another pull may have made the layer meanwhile.
        for await source in layer.sources {
            if case .assembly(let assembly, _) = source { try await discard(assembly, of: layer) }
        }
        try Task.checkCancellation()
        try releaseBlob(blob.digest, of: plan.layers)
        session.progress(
            PullProgress(phase: .done, blob: blob.digest, completedBytes: blob.size, totalBytes: blob.size))
    }

    private func unpack(_ layer: ComingLayer, of plan: Plan, _ session: PullSession) async throws {
        var isNotAssembled = false
        for await source in layer.sources {
            if case .failed(let failure) = source { throw failure }
            if case .twin = source { return try await unpackStored(layer.index, of: plan) }
            if case .assembly(let assembly, let part) = source {
                if try await assemble(layer, of: plan, assembly, part, session) { return }
                isNotAssembled = true
            } else if try await unpack(layer, of: plan, from: source, session) {
                return
            }
        }
        try Task.checkCancellation()
        // When that was seen after all of its ranges had come, nobody fetches the whole yet.
        if isNotAssembled, try await unpack(layer, of: plan, from: .blob, session) { return }
        throw ImageError(.registryFailure, "its blob did not come")
    }

    /// False when what it read was given up for a new beginning.
    private func unpack(
        _ layer: ComingLayer, of plan: Plan, from source: LayerSource, _ session: PullSession
    ) async throws -> Bool {
        let job = try await job(layer.index, of: plan, source, session)
        guard let unpacked = try await unpack(job, session) else { return false }
        // The blob's file has its place before the layer is recorded: what comes after the layer may remove it.
        if job.part != nil { try await waitForBlob(layer.sources, discarding: job.staging, session) }
        try await commitLayer(plan.layers[layer.index], unpacked, staging: job.staging)
        return true
    }

    /// Nil when what it read was given up for a new beginning.
    func unpack(_ job: LayerUnpacker.Job, _ session: PullSession) async throws -> UnpackedLayer? {
        do {
            return try await session.unpacker.unpack(job)
        } catch  where error.cause is BlobFetcher.StartedOver {
            return nil
        }
    }

    private func waitForBlob(
        _ sources: AsyncStream<LayerSource>, discarding staging: String, _ session: PullSession
    ) async throws {
        var failure: any Error = CancellationError()
        for await source in sources {
            if case .blob = source { return }
            if case .failed(let why) = source { failure = why }
        }
        try await session.unpacker.remove(staging)
        throw failure
    }

    private func job(
        _ index: Int, of plan: Plan, _ source: LayerSource, _ session: PullSession
    ) async throws -> LayerUnpacker.Job {
        var job = unpackJob(index, of: plan)
        switch source {
        case .part(let part): job.part = part
        case .twin, .failed, .assembly: break
        case .blob:
            // Another layer of the same content may have been done with it since.
            let isHere = files.has(plan.layers[index].blob)
            try await fetch(
                plan.manifest.layers[index], session, progress: { if !isHere { session.progress($0) } },
                began: { _ in })
        }
        return job
    }

    /// What unpacks layer `index`, from its blob if nothing else is said.
    func unpackJob(_ index: Int, of plan: Plan) -> LayerUnpacker.Job {
        LayerUnpacker.Job(
            blob: files.path(of: plan.layers[index].blob), staging: files.ingestPath("layer-\(nextSequence())"),
            lower: plan.layers[..<index].reversed().map { files.layerPath(of: $0.chainID) }, limits: limits,
            diffID: plan.layers[index].diffID)
    }

    // MARK: Room

    /// Refuses before the first byte when the disk cannot hold the layers; parts that nobody waits for go first.
    func makeSpace(for layers: [Descriptor]) async throws {
        let parts = try idleParts()
        for part in parts.dropLast(Self.partsKept) { PartFile.discard(part) }
        let present = layers.reduce(into: Int64(0)) { $0 += files.size(of: $1.digest) ?? partSize($1.digest) }
        do {
            try await ensureRoom(for: layers, present: present)
        } catch let error as ImageError where error.code == .diskFull && !parts.isEmpty {
            for part in parts { PartFile.discard(part) }
            try await ensureRoom(for: layers, present: present)
        }
    }

    /// Parts of pulls that were given up are kept for a next try, but no more of them than this.
    private static var partsKept: Int { 8 }

    /// Paths of parts that no operation needs, the oldest first.
    private func idleParts() throws -> [String] {
        let needed = Set(leased.map { PartFile.name(of: $0) })
        let names = try Files.listDirectory(files.ingestPath("")).filter {
            $0.hasSuffix(".part") && !needed.contains($0)
        }
        return names.map { files.ingestPath($0) }.sorted { Self.modified($0) < Self.modified($1) }
    }

    private static func modified(_ path: String) -> Int {
        var info = stat()
        return lstat(path, &info) == 0 ? info.st_mtim.tv_sec : 0
    }

    func partSize(_ blob: Digest) -> Int64 {
        var info = stat()
        return lstat(files.ingestPath(PartFile.name(of: blob)), &info) == 0 ? Int64(info.st_size) : 0
    }
}
