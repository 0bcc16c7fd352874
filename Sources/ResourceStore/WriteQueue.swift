internal import Resources

/// A write that waits for a commit together with others.
struct PendingWrite: Sendable {
    /// Makes the change; gives what tells the caller once it is durable.
    let perform: @Sendable (StoreTransaction) throws -> @Sendable () -> Void
    /// Tells the caller that it failed.
    let fail: @Sendable (any Error) -> Void
}

extension Store {
    /// A batch holds up the store's thread for its processing and one sync.
    private static let batchLimit = 256

    /// Makes a change together with those of others that arrive meanwhile: one sync of the disk commits them all.
    ///
    /// The caller goes on when its change is durable. Nobody sees a change before: the whole batch is one step on the store's
    /// thread. A change that is refused takes back nothing of the others.
    func grouped<T: Sendable>(_ body: @escaping @Sendable (StoreTransaction) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            let write = PendingWrite { transaction in
                let result = try body(transaction)
                return { continuation.resume(returning: result) }
            } fail: {
                continuation.resume(throwing: $0)
            }
            // What is queued for this thread by now joins the batch before it is worked on.
            if enqueue(write) { Task { commitWaiting() } }
        }
    }

    private func commitWaiting() {
        while true {
            let batch = takeWaiting(upTo: Self.batchLimit)
            if batch.isEmpty { return }
            if batch.count > 1, commit(batch) { continue }
            // Alone: nothing to share, or the commit of all failed and it may be for one of them.
            for write in batch { _ = commit([write]) }
        }
    }

    /// - Returns: false when the commit failed; then nothing of it happened, and a single write's caller knows.
    private func commit(_ batch: [PendingWrite]) -> Bool {
        do {
            let (outcomes, changes) = try transactionOfParts(batch.map(\.perform))
            publish(changes)
            for (write, outcome) in zip(batch, outcomes) {
                switch outcome {
                case .success(let tell): tell()
                case .failure(let error): write.fail(error)
                }
            }
            return true
        } catch {
            if batch.count == 1 { batch[0].fail(error) }
            return false
        }
    }
}
