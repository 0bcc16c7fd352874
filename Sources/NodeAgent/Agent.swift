public import ContainerEngine
public import Images
import Linux
public import Logging
import NIOPosix
public import ResourceStore
public import ServiceLifecycle

/// Runs the pods of the store on this machine and keeps its Node object.
///
/// Everything it needs to start known pods is on this machine: no network, no registry, no clock. Containers belong to
/// their monitors and outlive it; a new agent takes them over as they are.
public struct Agent: Service {
    let context: AgentContext
    let supervisor: PodSupervisor
    private let stopsContainersAtShutdown: Bool

    /// - Parameters:
    ///   - api: what pods get of this device's API.
    ///   - dataDirectory: absolute; emptyDir volumes and logs are below it.
    ///   - runDirectory: absolute; volumes made from objects are below it, Secrets in memory only.
    ///   - isDataReadOnly: whether the data directory lies in memory, over a file system that is read-only.
    ///   - clock: monotonic.
    ///   - stopsContainersAtShutdown: for an agent whose containers shall go with it, as `wherry up`.
    public init(
        store: Store, engine: Engine, images: ImageStore, api: PodAPI, nodeName: String, dataDirectory: String,
        runDirectory: String, isDataReadOnly: Bool = false, clock: any Clock<Duration> = ContinuousClock(),
        recorder: EventRecorder,
        logger: Logger, stopsContainersAtShutdown: Bool = false
    ) {
        let agentClock = AgentClock(clock)
        context = AgentContext(
            store: store, engine: engine, images: images, api: api, nodeName: nodeName, dataDirectory: dataDirectory,
            volumes: PodVolumes(dataDirectory: dataDirectory, runDirectory: runDirectory),
            volumeLane: BlockingLane(name: "volumes"),
            handlers: HandlerRunner(
                engine: engine, sockets: NamespaceSockets(), clock: agentClock,
                group: MultiThreadedEventLoopGroup.singleton),
            clock: agentClock, recorder: recorder,
            node: NodeReporter(
                store: store, nodeName: nodeName, dataDirectory: dataDirectory, isDataReadOnly: isDataReadOnly,
                clock: agentClock, logger: logger),
            usage: UsageSampler(engine: engine, clock: agentClock), logger: logger)
        supervisor = PodSupervisor(context: context)
        self.stopsContainersAtShutdown = stopsContainersAtShutdown
    }

    /// Adopts what runs, then runs pods until the service group shuts down gracefully or the task is cancelled.
    public func run() async throws {
        let records = try await context.engine.adopt()
        await context.node.refresh()
        await withTaskGroup { group in
            group.addTask { await context.engine.run() }
            group.addTask { await supervisor.run(adopting: records) }
            group.addTask { await context.node.run { await supervisor.renewTokens() } }
            group.addTask { try? await gracefulShutdown() }
            // The first to end is the wait for the shutdown, or everything was cancelled.
            await waitForEnd(in: &group)
            if stopsContainersAtShutdown && !Task.isCancelled { await supervisor.stopAll() }
            group.cancelAll()
        }
    }

    private func waitForEnd(in group: inout TaskGroup<Void>) async { await group.next() }

    /// Ends the work on pods. With `stopContainers`, stops every container within its grace period and removes sandboxes
    /// and mounts; the objects stay and run again with the next start. Call it while ``run()`` runs.
    public func shutdown(stopContainers: Bool) async {
        if stopContainers { await supervisor.stopAll() }
    }
}
