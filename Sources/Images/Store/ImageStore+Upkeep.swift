internal import Linux
internal import Logging
internal import OCI

extension ImageStore {
    /// Looks after the store until the task is cancelled.
    ///
    /// At once: what an interrupted operation left goes, and after an unclean stop everything gets the quick check. Then, for
    /// ever: the disk is watched, damage that is left is tried again, and the whole store is read in idle time, slowly.
    public func upkeep(clock: any Clock<Duration> = ContinuousClock()) async {
        await noteFailure(of: "clearing the image store") { try await self.clearLeftovers() }
        await noteFailure(of: "watching the disk") { try await self.watchDisk() }
        await noteFailure(of: "checking the image store") { try await self.checkAfterUncleanStop() }
        await withTaskGroup { group in
            group.addTask {
                await self.every(.seconds(2), clock, "watching the disk") {
                    // Asked without the store's thread, which may sleep while there is nothing to do.
                    if try self.diskNeedsAttention() { try await self.watchDisk() }
                }
            }
            group.addTask {
                await self.every(.seconds(600), clock, "repairing the image store") { try await self.repairLeft() }
            }
            group.addTask {
                await self.every(.seconds(3600), clock, first: .seconds(60), "checking the image store") {
                    try await self.checkInIdleTime(clock)
                }
            }
        }
    }

    private nonisolated func every(
        _ period: Duration, _ clock: any Clock<Duration>, first: Duration? = nil, _ what: String,
        _ body: @Sendable () async throws -> Void
    ) async {
        var wait = first ?? period
        while (try? await clock.sleep(for: wait)) != nil {
            await noteFailure(of: what, body)
            wait = period
        }
    }

    /// A failure of upkeep is logged and tried again: the next round observes anew.
    private nonisolated func noteFailure(of what: String, _ body: @Sendable () async throws -> Void) async {
        do {
            try await body()
        } catch  where !(error is CancellationError) && !Task.isCancelled {
            logger.warning("\(what) failed", metadata: ["error": "\(error)"])
        } catch {}
    }

    /// Removes directories and indexes of layers without a record.
    func clearLeftovers() async throws {
        for name in try Files.listDirectory(files.layerDirectory) {
            let isIndex = name.hasSuffix(".index")
            guard let chainID = try? Digest(hex: isIndex ? String(name.dropLast(".index".utf8.count)) : name) else {
                continue
            }
            try await exclusively("layer " + chainID.hex) {
                guard try database.layer(chainID) == nil else { return }
                try await unpacker.remove(files.layerPath(of: chainID))
            }
        }
    }

    /// Everything that was not looked at since the stop; images are usable meanwhile, each looked at before its start.
    func checkAfterUncleanStop() async throws {
        guard awaitsCheck else { return }
        logger.notice("the store was not closed: quick check", metadata: ["layers": "\(health.unverified.count)"])
        let report = try await check(.quick)
        health.unverified.removeAll()
        logger.notice(
            "quick check done", metadata: ["layers": "\(report.layers)", "findings": "\(report.findings.count)"])
    }

    /// Tries again what could not be repaired, such as with the link down.
    func repairLeft() async throws {
        let layers = try database.damaged(.layer)
        let documents = try database.damaged(.blob)
        guard !layers.isEmpty || !documents.isEmpty else { return }
        for id in try database.ids() {
            guard let record = try database.record(id) else { continue }
            let concerned =
                record.layers.contains { layers[$0.chainID] != nil } || documents[id] != nil
                || documents[record.manifest] != nil
            if concerned { try? await repair(id) }  // it says itself what it did, and is tried again
        }
    }

    // MARK: Idle time

    /// Goes on with the round of checks that is under way, or begins one when it is due.
    ///
    /// What a layer was found to be is recorded, so that a round goes on after a restart with the layer it was at.
    func checkInIdleTime(_ clock: any Clock<Duration>) async throws {
        var round = try database.round()
        if round.finishedAt != 0 {
            let age = WallClock.now().seconds - round.finishedAt
            // A date before the last check is wrong, or was: no reason to wait for it.
            guard age < 0 || age >= settings.checkPeriod.components.seconds else { return }
            try database.beginRound(round.number + 1)
            round = try database.round()
        }
        let pace = pace(clock)
        var report = StoreReport()
        for id in try database.ids() { try await checkDocuments(of: id, true, into: &report) }
        for layer in try database.layers() where layer.checkedRound != round.number {
            try await pace.pause()
            try await checkLayer(layer, .full, true, pace: pace, into: &report)
            try database.markChecked(layer.chainID, round: round.number)
        }
        for blob in try layerBlobs() {
            try await checkBlob(blob, .full, true, pace: pace, into: &report)
        }
        try database.finishRound(at: WallClock.now().seconds)
        logger.info(
            "whole store checked",
            metadata: [
                "layers": "\(report.layers)", "bytes": "\(report.bytes)", "findings": "\(report.findings.count)",
            ])
    }

    /// Some megabytes a second, and none while a pull is under way.
    private func pace(_ clock: any Clock<Duration>) -> LayerInspector.Pace {
        let stride = max(settings.checkRate / 4, 64 << 10)
        let wait = Duration.seconds(1) * Double(stride) / Double(max(settings.checkRate, 1))
        return LayerInspector.Pace(stride: stride) {
            try await clock.sleep(for: wait)
            while await self.isBusy { try await clock.sleep(for: .seconds(1)) }
        }
    }

    /// More leases than the check's own mean that something is pulled, loaded or removed.
    private var isBusy: Bool { leaseTotal > 1 }
}
