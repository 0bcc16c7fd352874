internal import Linux
internal import OCI
internal import Synchronization

/// Makes checkpoints of the blobs that are coming, on a thread of its own, so that a transfer need not wait for the disk.
///
/// What a power cut costs is the sum over all of them: they share one bound of bytes that are not durable, however many come
/// at once. When the bound is reached all are made durable together, which is one commit of the file system's journal.
actor PartSyncer {
    /// What the bytes at risk ask for.
    enum Need {
        case nothing
        /// A checkpoint, while the transfer goes on.
        case checkpoint
        /// The disk is slower than the link: the transfer waits for it.
        case pause
    }

    /// How much may be lost.
    struct Bounds: Sendable {
        /// Bytes after which a checkpoint is due.
        var bytes: Int64 = 256 << 10
        /// The same after a power cut in the middle of a blob: where that happens it happens again.
        var bytesAfterCut: Int64 = 64 << 10
        /// Bytes that are never passed by more than a piece of an answer.
        var most: Int64 = 768 << 10
        /// How old a byte may become; a slow link would take long to bring it again.
        var age: Duration = .seconds(10)
    }

    private struct State {
        var parts: [PartFile] = []
        var sawPowerCut = false
        var checkpoint = ContinuousClock.now
    }

    private let executor = ThreadExecutor(name: "wherry-sync")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private let bounds: Bounds
    private let state = Mutex(State())

    init(_ bounds: Bounds = Bounds()) { self.bounds = bounds }

    /// Counts a part among those that are coming, until ``end(_:)``.
    nonisolated func begin(_ part: PartFile) {
        state.withLock { state in
            if state.parts.isEmpty { state.checkpoint = .now }
            state.parts.append(part)
            if part.survivedPowerCut { state.sawPowerCut = true }
        }
    }

    nonisolated func end(_ part: PartFile) { state.withLock { $0.parts.removeAll { $0 === part } } }

    /// What is to be done about the bytes that are not durable yet.
    nonisolated var need: Need {
        state.withLock { state in
            let atRisk = state.parts.reduce(0) { $0 + $1.bytesAtRisk }
            if atRisk >= bounds.most { return .pause }
            let isDue =
                atRisk >= (state.sawPowerCut ? bounds.bytesAfterCut : bounds.bytes)
                || (atRisk > 0 && .now - state.checkpoint >= bounds.age)
            return isDue ? .checkpoint : .nothing
        }
    }

    /// Makes all of the parts durable if it is time; another caller may have done it meanwhile.
    func checkpointWhatIsDue() {
        if case .nothing = need { return }
        let parts = state.withLock { state in
            state.checkpoint = .now
            return state.parts.filter { $0.bytesAtRisk > 0 }
        }
        // All are on their way to the disk before the first is waited for: its commit is then the commit of the others.
        for part in parts { part.beginWriting() }
        for part in parts { part.checkpoint() }
    }

    /// Makes a blob of a verified part.
    func commit(_ part: PartFile, as blob: Digest, in files: BlobFiles) throws(ImageError) {
        try part.throwFailure()
        do {
            try files.commit(part.path, as: blob)
            try Files.remove(part.path + PartJournal.suffix)
        } catch {
            throw ImageError(error)
        }
    }
}
