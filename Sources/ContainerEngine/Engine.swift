import Cgroups
public import ContainerRuntime
public import Linux
public import Logging
import OCI

/// Containers as their users know them: made from a request, started, watched, stopped, removed.
///
/// The processes belong to monitors, not to this program: ``adopt()`` finds them again after a restart. Blocking runtime
/// calls run on a few threads of the engine's own, so that a slow removal never holds up a start.
public actor Engine {
    let layout: EngineLayout
    let runtime: Runtime
    let usesCgroupV2: Bool
    private let offersPids: Bool
    let clock: any Clock<Duration>
    let logger: Logger
    let watcher: ProcessWatcher
    private let startLanes: [Lane]
    private var startLaneLoad: [Int]
    let cleanupLane: Lane
    let logExecutor: ThreadExecutor

    private var entries: [String: Entry] = [:]
    private let watchRequests: AsyncStream<WatchRequest>
    private let requestWatch: AsyncStream<WatchRequest>.Continuation

    /// The end of every container, once each; for one consumer. Ends that happened before ``adopt()`` are in the records
    /// that it returns instead.
    public nonisolated let exits: AsyncStream<ContainerExitEvent>
    private let tellExit: AsyncStream<ContainerExitEvent>.Continuation

    struct Entry {
        var record: ContainerRecord
        var stopSignal: Int32
        let ended = OneShot()
    }

    private enum WatchRequest: Sendable {
        case monitor(MonitorHandle, of: String)
        case exec(Runtime.ExecHandle, of: String, program: String, ExecEnd)
    }

    /// - Parameters:
    ///   - dataDirectory: where containers' writable layers are, below `containers/`.
    ///   - runDirectory: where generated files of sandboxes are; memory only.
    ///   - cgroupParent: the group below which each container gets its own.
    public init(
        dataDirectory: String, runDirectory: String, runtime: Runtime, watcher: ProcessWatcher,
        cgroupParent: String = "/wherry", clock: any Clock<Duration> = ContinuousClock(), logger: Logger
    ) {
        layout = EngineLayout(
            dataDirectory: dataDirectory, runDirectory: runDirectory, cgroupParent: cgroupParent)
        self.runtime = runtime
        usesCgroupV2 = (try? CgroupLayout.detect()) == .v2
        offersPids = (try? CgroupControllers.available())?.contains("pids") ?? false
        self.watcher = watcher
        self.clock = clock
        self.logger = logger
        startLanes = [Lane(name: "engine-1"), Lane(name: "engine-2")]
        startLaneLoad = [0, 0]
        cleanupLane = Lane(name: "engine-cleanup")
        logExecutor = ThreadExecutor(name: "engine-logs")
        (watchRequests, requestWatch) = AsyncStream.makeStream()
        (exits, tellExit) = AsyncStream.makeStream()
    }

    /// The request with the defaults that this machine can keep.
    func withDefaults(_ request: ContainerRequest) -> ContainerRequest {
        guard request.resources.pidsLimit == nil, offersPids else { return request }
        var request = request
        request.resources.pidsLimit = ResourceRequest.defaultPidsLimit
        return request
    }

    /// Watches the containers' monitors and the commands in them until cancelled. Runs once, beside everything else.
    public func run() async {
        let requests = watchRequests
        await withDiscardingTaskGroup { group in
            for await request in requests {
                group.addTask {
                    switch request {
                    case .monitor(let monitor, let id): await self.watch(monitor, of: id)
                    case .exec(let handle, let id, let program, let end):
                        await self.collect(handle, of: id, program, end)
                    }
                }
            }
            group.cancelAll()
        }
    }

    /// Runs a blocking call on the less busy start thread.
    func onStartLane<Value: Sendable>(_ body: @Sendable () throws -> Value) async throws -> Value {
        let index = startLaneLoad[0] <= startLaneLoad[1] ? 0 : 1
        startLaneLoad[index] += 1
        defer { startLaneLoad[index] -= 1 }
        return try await startLanes[index].run(body)
    }
}

// MARK: What is known

extension Engine {
    public func inspect(_ id: String) -> ContainerRecord? { entries[id]?.record }

    public func list() -> [ContainerRecord] { entries.values.map(\.record) }

    /// The containers of one pod.
    public func list(label: String, value: String) -> [ContainerRecord] {
        entries.values.map(\.record).filter { $0.labels[label] == value }
    }

    func entry(_ id: String) throws(EngineError) -> Entry {
        guard let entry = entries[id] else { throw EngineError(.notFound, "no container \(id)") }
        return entry
    }

    func setEntry(_ entry: Entry) { entries[entry.record.id] = entry }

    func markEnded(_ id: String) { entries[id]?.ended.happen() }

    func forget(_ id: String) { entries[id] = nil }

    func markStarted(_ id: String, at startedAt: String) {
        guard let entry = entries[id], case .created = entry.record.state else { return }
        entries[id]?.record.state = .running
        entries[id]?.record.startedAt = startedAt
    }
}

// MARK: Ends

extension Engine {
    /// Has the monitor's end noticed; `run()` does the waiting.
    func watchMonitor(of id: String, _ monitor: MonitorHandle) {
        requestWatch.yield(.monitor(monitor, of: id))
    }

    /// Has a command collected when it has ended.
    func watchExec(_ handle: Runtime.ExecHandle, of id: String, _ program: String, _ end: ExecEnd) {
        requestWatch.yield(.exec(handle, of: id, program: program, end))
    }

    private func watch(_ monitor: MonitorHandle, of id: String) async {
        await watcher.waitForExit(ofPid: monitor.pid, pidfd: monitor.pidfd)
        guard !Task.isCancelled else { return }
        monitor.reap()
        await collect(id)
    }

    /// Reads what the monitor wrote. A monitor that ended without a word was killed: its container is ended, too.
    func collect(_ id: String) async {
        guard let entry = entries[id] else { return }
        if case .exited = entry.record.state { return }
        let runtime = runtime
        let startedAt = entry.record.startedAt
        let exit: ContainerExit
        do {
            exit = try await onStartLane { try LostContainer.exit(of: id, runtime: runtime, startedAt: startedAt) }
        } catch {
            logger.error("container end can't be read", metadata: ["container": "\(id)", "error": "\(error)"])
            exit = LostContainer.unknownExit(startedAt: startedAt)
        }
        finish(id, await withMessage(exit, of: id, entry.record.labels))
    }

    private func finish(_ id: String, _ exit: ContainerExit) {
        guard var entry = entries[id] else { return }
        if case .exited = entry.record.state { return }
        entry.record.state = .exited(exit)
        entries[id] = entry
        entry.ended.happen()
        tellExit.yield(ContainerExitEvent(id: id, labels: entry.record.labels, exit: exit))
    }
}

extension ContainerRecord {
    var hasExited: Bool { if case .exited = state { true } else { false } }
}
