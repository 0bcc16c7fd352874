internal import Linux
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import OCI

/// Brings blobs of one pull here, over whatever the link and the servers do, on a thread of its own.
actor BlobFetcher {
    private let executor = ThreadExecutor(name: "wherry-fetch")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// A blob to fetch.
    struct Job: Sendable {
        let blob: Descriptor
        /// Path of its ``PartFile``.
        let path: String
        let progress: ProgressSink
        /// Called with each part that is begun: what read an earlier one has to start over.
        let began: @Sendable (PartFile) -> Void
        /// Fetches these in place of the whole blob.
        var ranges: BlobRanges?
        /// What comes must have this digest; nil for ranges that somebody else can judge.
        var digest: Digest?

        /// A whole blob, or ranges of one.
        init(
            blob: Descriptor, path: String, progress: @escaping ProgressSink,
            began: @escaping @Sendable (PartFile) -> Void
        ) {
            self.blob = blob
            self.path = path
            self.progress = progress
            self.began = began
            digest = blob.digest
        }

        /// Bytes that come.
        var size: Int64 { ranges?.size ?? blob.size }
        /// What is to be asked for where so many bytes are here.
        func rest(after count: Int64) -> Range<Int64> { ranges?.rest(after: count) ?? count..<blob.size }
    }

    /// What reads a part is told when the transfer starts over from nothing.
    struct StartedOver: Error {}

    /// No server sends ranges of the blob: it is to be had as a whole only.
    struct NoRanges: Error {}

    private let sources: [RegistryClient]
    private let link: DownloadLink
    private let syncer: PartSyncer
    private let logger: Logger

    init(_ sources: [RegistryClient], link: DownloadLink, syncer: PartSyncer, logger: Logger) {
        self.sources = sources
        self.link = link
        self.syncer = syncer
        self.logger = logger
    }

    /// Fetches what is missing of a blob, from its part on, and verifies the whole.
    /// - Returns: The verified part, still in its place; the caller makes a blob of it.
    func fetch(_ job: Job) async throws -> PartFile {
        let part = try PartFile(path: job.path, size: job.size)
        do {
            return try await fetch(job, into: part)
        } catch let mismatch as ImageError where mismatch.code == .digestMismatch {
            part.discard()
            // What was put together from several tries may have been damaged on the way; one piece is what the server has.
            guard part.pieces > 1 else {
                part.fail(mismatch)
                throw mismatch
            }
            logger.warning(
                "blob does not have its digest and is fetched again as a whole",
                metadata: ["blob": "\(job.blob.digest)"])
            part.fail(ImageError(.digestMismatch, mismatch.message, cause: StartedOver()))
            let again = try PartFile(path: job.path, size: job.size)
            do { return try await fetch(job, into: again) } catch {
                if (error as? ImageError)?.code == .digestMismatch { again.discard() }
                throw error
            }
        }
    }

    private func fetch(_ job: Job, into part: PartFile) async throws -> PartFile {
        if part.resumedAt > 0 {
            logger.info(
                "blob is fetched on",
                metadata: ["blob": "\(job.blob.digest.short)", "from": "\(part.resumedAt)", "of": "\(part.size)"])
        }
        job.began(part)
        do {
            syncer.begin(part)
            defer { syncer.end(part) }
            try await receiveAll(job, part)
            if let digest = job.digest, part.digest != digest { throw Self.mismatch(part, digest, job) }
            part.verified()
            return part
        } catch {
            link.settle()
            // A mismatch is the caller's to tell: it knows whether there is another try.
            let failure = ImageError(wrapping: error)
            if failure.cause is NoRanges {
                part.fail(ImageError(failure.code, failure.message, cause: StartedOver()))
            } else if failure.code != .digestMismatch {
                part.fail(failure)
            }
            throw failure
        }
    }

    private static func mismatch(_ part: PartFile, _ digest: Digest, _ job: Job) -> ImageError {
        let what = job.ranges == nil ? "" : "content \(digest) of "
        return ImageError(
            .digestMismatch,
            "the registry sent \(part.length) bytes with digest \(part.digest) for \(what)blob \(job.blob.digest) of "
                + "\(job.blob.size) bytes; something between changes the content")
    }

    /// Checkpoints go on beside the transfer, on a thread of their own.
    private func receiveAll(_ job: Job, _ part: PartFile) async throws {
        let (due, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try await withThrowingTaskGroup(of: Void.self) { group in
            // A checkpoint's failure is the part's: the next append throws it.
            group.addTask { [syncer] in for await _ in due { await syncer.checkpointWhatIsDue() } }
            defer { signal.finish() }
            try await tryUntilComplete(job, part, ProgressReports(job), signal)
        }
        link.settle()
    }

    // MARK: Tries

    private func tryUntilComplete(
        _ job: Job, _ part: PartFile, _ reports: ProgressReports, _ due: AsyncStream<Void>.Continuation
    ) async throws {
        guard let first = sources.first else { throw ImageError(.registryFailure, "no registry is left to ask") }
        let configuration = first.configuration
        var transfer = Transfer(sources.count, configuration, needsRanges: job.ranges != nil)
        var reports = reports
        while part.length < part.size {
            try await waitForBudget(job, part)
            let before = part.length
            do {
                part.beginPiece()
                try await receive(job, part, from: sources[transfer.source], ranged: transfer.ranged, &reports, due)
            } catch {
                try Task.checkCancellation()
                let wait = try transfer.wait(after: error, progress: part.length - before, sources[transfer.source])
                logger.debug(
                    "transfer broke off",
                    metadata: ["blob": "\(job.blob.digest.short)", "at": "\(part.length)", "error": "\(error)"])
                try await configuration.clock.sleep(for: wait)
            }
        }
    }

    private func receive(
        _ job: Job, _ part: PartFile, from source: RegistryClient, ranged: Bool, _ reports: inout ProgressReports,
        _ due: AsyncStream<Void>.Continuation
    ) async throws {
        let limits = try link.configuration().limits
        let offset = part.length
        let rest = job.rest(after: offset)
        let end = offset + Int64(rest.count)
        let range = ranged && (rest.lowerBound > 0 || job.ranges != nil) ? rest : nil
        try await source.blob(job.blob.digest, range: range, from: rest.lowerBound) { answer, body in
            // To read past most of a blob is no way to get a piece of it.
            let isNear = answer.isPartial && rest.lowerBound - answer.start <= BlobRanges.requestCost
            guard isNear || job.ranges == nil else { throw NoRanges() }
            // A server that sends more than it was asked for is read past what is here.
            var skip = rest.lowerBound - answer.start
            while part.length < end, let next = try await body.next() {
                try Task.checkCancellation()
                guard case .bytes(var chunk) = next else { continue }
                let wait = link.received(chunk.readableBytes, limits)
                let skipped = Int(min(skip, Int64(chunk.readableBytes)))
                chunk.moveReaderIndex(forwardBy: skipped)
                skip -= Int64(skipped)
                // Nothing after the size that the manifest promised, or after the range, is of interest.
                let wanted = chunk.readSlice(length: min(chunk.readableBytes, Int(end - part.length)))
                try wanted?.withUnsafeReadableBytes { try part.append($0) }
                reports.note(part)
                switch syncer.need {
                case .nothing: break
                case .checkpoint: due.yield()
                case .pause: await syncer.checkpointWhatIsDue()
                }
                if wait > .milliseconds(5) { try await source.configuration.clock.sleep(for: wait) }
                if link.refusal(of: job.blob.digest, limits) != nil { return }
            }
        }
        if part.length < part.size, part.length == offset, link.refusal(of: job.blob.digest, limits) == nil {
            throw ShortAnswer()
        }
    }

    /// An answer that ended well, and brought nothing.
    struct ShortAnswer: Error {}

    /// Goes on when the budget allows it: because the day is over, or because the configuration changed.
    private func waitForBudget(_ job: Job, _ part: PartFile) async throws {
        var told: String?
        while let reason = try link.refusal(of: job.blob.digest, link.configuration().limits) {
            link.settle()
            if told == nil {
                logger.notice("pull waits", metadata: ["blob": "\(job.blob.digest.short)", "reason": "\(reason)"])
            }
            told = reason
            job.progress(
                PullProgress(
                    phase: .waiting, blob: job.blob.digest, completedBytes: part.length, totalBytes: part.size,
                    detail: reason))
            try await ContinuousClock().sleep(for: link.pace.budgetDelay)
        }
    }
}

/// Which server is asked how, and what the failures so far mean for that.
private struct Transfer {
    /// Index of the source that is asked next.
    private(set) var source = 0
    private var withoutRanges: Set<Int> = []
    private var refused: Set<Int> = []
    private var retry: TransferRetry
    private let count: Int
    private let needsRanges: Bool

    init(_ count: Int, _ configuration: RegistryClient.Configuration, needsRanges: Bool) {
        self.count = count
        self.needsRanges = needsRanges
        retry = TransferRetry(firstDelay: configuration.firstDelay, longestDelay: configuration.longestDelay)
    }

    var ranged: Bool { !withoutRanges.contains(source) }

    /// The wait before the next try; throws what is final.
    mutating func wait(after error: any Error, progress: Int64, _ client: RegistryClient) throws -> Duration {
        var requested: Duration?
        var failure = RegistryFailure.describe(error, authority: client.authority)
        switch error {
        case let refusal as RegistryClient.RefusedBlob:
            failure = RegistryFailure.describe(
                status: refusal.status, body: [], authority: client.authority,
                hasCredentials: client.configuration.credentials != nil)
            requested = refusal.retryAfter.map { min($0, client.configuration.longestRequestedDelay) }
            if needsRanges, Self.dislikesRanges(refusal.status) {
                try giveUp(Self.noRanges(client))
            } else if !note(refusal.status, refusal.isElsewhere) {
                try giveUp(failure)
            }
        case is RegistryClient.WrongRange, is BlobFetcher.NoRanges:
            guard needsRanges else {
                withoutRanges.insert(source)
                break
            }
            try giveUp(Self.noRanges(client))
        case let error as ImageError
        where error.code != .registryUnreachable || (error.cause.map(RegistryFailure.isDistrust) ?? false):
            // The disk, the login, a redirect or certificate that is refused: another try would meet the same.
            let isOurs = [.diskFull, .input, .cancelled].contains(error.code)
            if isOurs { throw error }
            try giveUp(error)
        default: break
        }
        guard let delay = retry.delay(afterProgress: progress, requested: requested, random: .random(in: 0...1)) else {
            throw ImageError(
                failure.code, "\(failure.message) (\(retry.failures) tries brought nothing; what is here is kept)",
                cause: error)
        }
        if progress == 0 { nextSource() }
        return delay
    }

    /// Whether a status leaves hope.
    private mutating func note(_ status: Int, _ isElsewhere: Bool) -> Bool {
        switch status {
        // A whole is worth one try.
        case _ where Self.dislikesRanges(status): return withoutRanges.insert(source).inserted
        case 401, 403, 404, 410: return isElsewhere  // a signed address that ran out: the registry gives a new one
        case 408, 425, 429, 500...599: return true
        default: return false
        }
    }

    private static func dislikesRanges(_ status: Int) -> Bool { [400, 405, 416, 501].contains(status) }

    private static func noRanges(_ client: RegistryClient) -> ImageError {
        ImageError(
            .registryFailure, "registry \(client.authority) does not send ranges of blobs",
            cause: BlobFetcher.NoRanges())
    }

    /// Leaves this source for good; throws when it was the last one.
    private mutating func giveUp(_ failure: ImageError) throws(ImageError) {
        refused.insert(source)
        guard refused.count < count else { throw failure }
        nextSource()
    }

    private mutating func nextSource() {
        for step in 1...count {
            let next = (source + step) % count
            if !refused.contains(next) {
                source = next
                return
            }
        }
    }
}

/// Tells people now and then how far a blob is.
private struct ProgressReports {
    private static let period: Duration = .milliseconds(200)

    private let job: BlobFetcher.Job
    private var reported = ContinuousClock.now

    init(_ job: BlobFetcher.Job) { self.job = job }

    mutating func note(_ part: PartFile) {
        let now = ContinuousClock.now
        guard now - reported >= Self.period else { return }
        reported = now
        job.progress(
            PullProgress(
                phase: .downloading, blob: job.blob.digest, completedBytes: part.length, totalBytes: part.size))
    }
}
