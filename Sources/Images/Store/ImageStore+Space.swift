internal import CArchive
internal import Linux
internal import Logging
internal import OCI

extension ImageStore {
    // MARK: Admission

    /// Refuses before the first byte when the disk cannot hold these layers, after removing what nothing needs.
    ///
    /// What a layer takes unpacked no manifest says; it is guessed from its compressed size. Layers that are here already,
    /// or can be made from what is here, are not to be among them.
    /// - Parameter present: Bytes of their blobs that are here already.
    func ensureRoom(for layers: [Descriptor], present: Int64 = 0) async throws {
        guard !layers.isEmpty else { return }
        try await ensureRoom(bytes: estimate(layers) - present, "a pull")
    }

    /// The same for so many bytes that `what` needs.
    func ensureRoom(bytes needed: Int64, _ what: String) async throws {
        var free = try files.freeBytes()
        if free < needed {
            _ = try await makeRoom(reason: "\(what) needs \(needed >> 20) MiB") { try self.files.freeBytes() >= needed }
            free = try files.freeBytes()
        }
        guard free >= needed else {
            throw ImageError(
                .diskFull,
                "it needs about \(max(needed >> 20, 1)) MiB on the disk of \(files.root), where \(free >> 20) MiB are free "
                    + "and no unused image is left to remove; free \(max((needed - free) >> 20, 1)) MiB there and it goes on"
            )
        }
    }

    /// Bytes that must be free for these layers, with what stays for logs and the store's own reserve.
    func estimate(_ layers: [Descriptor]) -> Int64 {
        var bytes = limits.reservedBytes + settings.logReserveBytes
        for layer in layers {
            let unpacked = MediaType.isCompressedLayer(layer.mediaType) ? layer.size * settings.unpackRatio : layer.size
            // Names, inodes and the index come to some three percent.
            bytes += unpacked + unpacked / 32
            if settings.keepsBlobs { bytes += layer.size }
        }
        // Some blobs lie beside their layers until those are unpacked.
        if !settings.keepsBlobs { bytes += layers.map(\.size).sorted(by: >).prefix(3).reduce(0, +) }
        return bytes
    }

    /// What a pull that met the end of the disk still needs, and that nothing it finished is lost.
    func explainFullDisk(_ error: any Error, _ plan: Plan) throws -> any Error {
        let wrapped = ImageError(wrapping: error)
        guard wrapped.code == .diskFull else { return error }
        let missing = try plan.layers.indices.filter { try !hasLayer(plan.layers[$0].chainID) }
        let needed = estimate(missing.map { plan.manifest.layers[$0] })
        return ImageError(
            .diskFull,
            "\(wrapped.message); \(plan.layers.count - missing.count) of \(plan.layers.count) layers are here and stay, "
                + "the rest needs \(max(needed >> 20, 1)) MiB or more on the disk of \(files.root)",
            cause: wrapped.cause)
    }

    // MARK: Making room

    /// Removes unused images when the disk is fuller than the high-water mark, until the low one.
    @discardableResult
    public func relieve() async throws(ImageError) -> GarbageReport {
        do {
            guard try usedPercent() >= settings.highWaterPercent else { return GarbageReport() }
            let low = settings.lowWaterPercent
            return try await makeRoom(reason: "the disk is \(try usedPercent()) % full") {
                try self.usedPercent() <= low
            }
        } catch {
            throw ImageError(wrapping: error).during("cannot make room on the disk of \(files.root)")
        }
    }

    /// Use of the file system as the kubelet counts it: what is not available, root's own blocks included.
    private nonisolated func usedPercent() throws(SystemError) -> Int {
        var info = statvfs()
        try systemCall("statvfs", on: files.root) { statvfs(files.root, &info) }
        guard info.f_blocks > 0 else { return 0 }
        return Int((info.f_blocks - min(info.f_bavail, info.f_blocks)) * 100 / info.f_blocks)
    }

    /// Removes what no image needs, then images that nothing needs, the longest unused first, until there is enough.
    ///
    /// Without knowledge of what is needed nothing is removed: not knowing is no reason to delete.
    private func makeRoom(reason: String, until isEnough: () throws -> Bool) async throws -> GarbageReport {
        guard let pins = health.hooks.pins else { return GarbageReport() }
        let pinned: Set<Digest>
        do {
            pinned = try resolve(try await pins())
        } catch {
            logger.warning("nothing is removed to make room", metadata: ["error": "\(error)"])
            return GarbageReport()
        }
        var report = try await sweep()
        for id in try unusedImages(besides: pinned) {
            if try isEnough() { break }
            guard !leased.contains(id) else { continue }
            try database.delete(id)
            let swept = try await sweep()
            report.images.append(id)
            report.blobs += swept.blobs
            report.layers += swept.layers
            report.freedBytes += swept.freedBytes
        }
        health.statistics.imagesCollected += Int64(report.images.count)
        health.statistics.freedBytes += report.freedBytes
        if !report.layers.isEmpty || !report.images.isEmpty {
            logger.notice(
                "unused images removed",
                metadata: [
                    "reason": "\(reason)", "images": "\(report.images.count)",
                    "freed": "\(report.freedBytes >> 20) MiB",
                ])
        }
        return report
    }

    /// The ids of images that workloads name.
    func resolve(_ pinned: PinnedImages) throws -> Set<Digest> {
        var ids = pinned.ids
        for name in pinned.names {
            if let id = try match(name)?.id { ids.insert(id) }
        }
        return ids
    }

    /// Images that nothing holds and that are not new, the longest unused first.
    private func unusedImages(besides pinned: Set<Digest>) throws -> [Digest] {
        let youngest = MonotonicInstant.now().advanced(by: .zero - settings.minimumAge)
        return try database.ids().filter { id in
            guard !pinned.contains(id), !leased.contains(id), try database.owners(ofPinsOf: id).isEmpty else {
                return false
            }
            return health.lastUse[id].map { $0 < youngest } ?? true
        }.map { id in (id, health.lastUse[id], try database.usedAt(id)) }
            .sorted { a, b in
                switch (a.1, b.1) {
                case (let a?, let b?): a < b
                case (nil, _?): true
                case (_?, nil): false
                case (nil, nil): (a.2, a.0) < (b.2, b.0)
                }
            }.map(\.0)
    }

    /// Keeps the finished layers of a pull that failed for as long as it may come again.
    func keepUnfinished(_ digests: some Sequence<Digest>) {
        let now = MonotonicInstant.now()
        health.unfinished.removeAll { $0.until < now }
        health.unfinished.append((now.advanced(by: StoreHealth.patience), Set(digests)))
        if health.unfinished.count > 64 { health.unfinished.removeFirst() }
    }

    /// What pulls that failed lately have so far.
    var unfinished: Set<Digest> {
        let now = MonotonicInstant.now()
        return health.unfinished.filter { $0.until >= now }.reduce(into: []) { $0.formUnion($1.digests) }
    }

    /// Gives back what the unpacking of layers took, once none is under way.
    func settle() async {
        if leaseTotal == 0 { await unpacker.forgetPool() }
    }

    // MARK: Reserve

    /// Runs a repair; when the disk is full it gets the reserve.
    func withReserve<T>(_ repair: () async throws -> T) async throws -> T {
        do {
            return try await repair()
        } catch  where ImageError(wrapping: error).code == .diskFull {
            guard try releaseReserve(why: "a repair needs it") else { throw error }
            return try await repair()
        }
    }

    func releaseReserve(why: String) throws -> Bool {
        guard let reserve, try reserve.release() else { return false }
        logger.warning(
            "disk reserve given up",
            metadata: ["reason": "\(why)", "bytes": "\(reserve.bytes)", "disk": "\(files.root)"])
        return true
    }

    /// Whether ``watchDisk()`` would find something to do.
    nonisolated func diskNeedsAttention() throws -> Bool {
        if try usedPercent() >= settings.highWaterPercent { return true }
        guard let reserve else { return false }
        return try reserve.isHeld ? files.freeBytes() < settings.criticalBytes : files.freeBytes() >= reserve.bytes * 4
    }

    /// Looks at the disk: near its end the reserve goes, above the high-water mark images do, and the reserve comes back
    /// when there is room.
    public func watchDisk() async throws(ImageError) {
        do {
            // The reserve first: removing an image writes to the database.
            let free = try files.freeBytes()
            if free < settings.criticalBytes { _ = try releaseReserve(why: "only \(free >> 10) KiB are free") }
            if health.nextRelief <= .now() {
                let report = try await relieve()
                // Where nothing is left to remove, there is no point in asking all the time.
                if report.freedBytes == 0, try usedPercent() >= settings.highWaterPercent {
                    health.nextRelief = .now().advanced(by: .seconds(60))
                }
            }
            if free >= settings.criticalBytes, let reserve { try reserve.take(free: try files.freeBytes()) }
        } catch {
            throw ImageError(wrapping: error)
        }
    }
}

extension MediaType {
    /// False for a layer that is a plain tar, whose size is known.
    static func isCompressedLayer(_ type: String) -> Bool { !type.hasSuffix(".tar") }
}
