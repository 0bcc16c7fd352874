/// One named thread that runs an actor's jobs in order: for blocking work that must stay off the cooperative pool.
///
/// The thread exists while there is work: it starts with the first job and ends after ten idle seconds, so that a quiet
/// daemon has few threads. Nothing may depend on its identity, such as a parent-death signal.
public final class ThreadExecutor: SerialExecutor, TaskExecutor {
    private let queue: JobQueue

    /// - Parameters:
    ///   - name: the thread's name; the kernel keeps 15 bytes.
    ///   - stackSize: bytes.
    public init(name: String, stackSize: Int = 512 << 10) {
        queue = JobQueue(name: name, stackSize: stackSize)
    }

    deinit { queue.close() }

    public func enqueue(_ job: consuming ExecutorJob) {
        queue.append(
            JobQueue.Item(
                job: UnownedJob(job), serial: asUnownedSerialExecutor(), task: asUnownedTaskExecutor(), owner: self))
    }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    public func checkIsolated() {
        precondition(queue.isCurrentThread, "not on the executor's thread")
    }
}

/// Jobs waiting for one thread.
///
/// Unchecked: `state` and `condition` are only used under `mutex`, a pthread mutex at a fixed address.
private final class JobQueue: @unchecked Sendable {
    struct Item {
        let job: UnownedJob
        let serial: UnownedSerialExecutor
        let task: UnownedTaskExecutor
        /// Keeps the executor while its job waits.
        let owner: ThreadExecutor
    }

    private static let idleSeconds = 10

    private let name: String
    private let stackSize: Int
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var items: [Item] = []
    private var isClosed = false
    private var hasThread = false
    private var thread: pthread_t?

    init(name: String, stackSize: Int) {
        self.name = name
        self.stackSize = stackSize
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    var isCurrentThread: Bool {
        withLock { thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    func append(_ item: Item) {
        let needsThread = withLock {
            items.append(item)
            defer { hasThread = true }
            return !hasThread
        }
        if needsThread {
            Thread.start(name: name, stackSize: stackSize) { self.runUntilIdle() }
        } else {
            pthread_cond_signal(condition)
        }
    }

    func close() {
        withLock { isClosed = true }
        pthread_cond_signal(condition)
    }

    private func runUntilIdle() {
        withLock { thread = pthread_self() }
        var batch: [Item] = []
        while take(into: &batch) {
            for item in batch { item.job.runSynchronously(isolatedTo: item.serial, taskExecutor: item.task) }
            batch.removeAll(keepingCapacity: batch.count <= 64)
        }
    }

    /// Waits for items; false when the thread shall end: closed or idle, and nothing to do.
    private func take(into batch: inout [Item]) -> Bool {
        withLock {
            var deadline = timespec()
            clock_gettime(CLOCK_MONOTONIC, &deadline)
            deadline.tv_sec += Self.idleSeconds
            while items.isEmpty {
                if isClosed || pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT, items.isEmpty {
                    hasThread = false
                    thread = nil
                    return false
                }
            }
            swap(&items, &batch)
            return true
        }
    }

    private func withLock<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}
