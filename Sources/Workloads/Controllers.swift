public import Logging
public import ResourceStore
public import ServiceLifecycle

/// The controllers of a cluster of one: Deployments, ReplicaSets, garbage collection, namespaces.
///
/// They need nothing but the store: no network, no hub, no right date. Idle they neither wake up nor write.
public struct Controllers: Service {
    /// Whose objects they work on.
    public enum Scope: Sendable {
        /// A device's: all of it.
        case device
        /// A hub's: the end of objects alone. Its workloads are made on devices, by the documents that these get.
        case hub
    }

    private let store: Store
    private let loop: ControlLoop
    private let upkeep: StoreUpkeep
    private let cleanup: DefinitionCleanup

    /// - Parameter clock: a monotonic clock for every delay and duration.
    public init(
        store: Store, scope: Scope = .device, recorder: EventRecorder,
        clock: any Clock<Duration> = ContinuousClock(), logger: Logger
    ) {
        self.store = store
        loop = ControlLoop(store: store, scope: scope, recorder: recorder, clock: clock, logger: logger)
        cleanup = DefinitionCleanup(store: store, clock: clock, logger: logger)
        upkeep = StoreUpkeep(store: store, clock: clock, logger: logger)
    }

    /// Makes the default namespaces and works until shutdown.
    public func run() async throws {
        try await DefaultNamespaces.ensure(in: store)
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await loop.run() }
                group.addTask { await upkeep.keepUp() }
                group.addTask { await cleanup.cleanUp() }
                await group.waitForAll()
            }
        }
    }
}

/// Keeps a verified snapshot of the database, a day old at most when anything changes.
struct StoreUpkeep {
    private let store: Store
    private let clock: any Clock<Duration>
    private let logger: Logger

    init(store: Store, clock: any Clock<Duration>, logger: Logger) {
        self.store = store
        self.clock = clock
        self.logger = logger
    }

    /// The first look comes late, too: a start has better things to do, and a crash loop must not write.
    func keepUp() async {
        while !Task.isCancelled {
            do { try await clock.sleep(for: .seconds(1_800)) } catch { return }
            do { try await store.snapshotIfDue() } catch {
                logger.warning("taking a snapshot of the store failed", metadata: ["error": "\(error)"])
            }
        }
    }
}
