public import ContainerRuntime
import Linux
import Logging
public import OCI

extension Engine {
    static let stopSignalLabel = "dev.wherry.stop-signal"
    static let imageLabel = "dev.wherry.image.id"

    /// Makes a container that waits at its start gate. What an earlier try left under the same id is removed first.
    /// - Throws: ``EngineError`` `invalidRequest` (nothing was tried) or `createFailed` (nothing is left).
    @discardableResult
    public func create(_ request: ContainerRequest) async throws -> ContainerRecord {
        let id = request.id
        let storage = layout.storage(id)
        let spec = try RuntimeSpec.make(
            withDefaults(request), storage: storage, cgroupParent: layout.cgroupParent, usesCgroupV2: usesCgroupV2)
        if let entry = entries(id), !entry.record.hasExited {
            throw EngineError(.createFailed, "container \(id) exists already")
        }
        let runtime = runtime
        let log = request.log
        let input = request.input
        let mounts = request.mounts
        let hasMessage = request.terminationMessagePath != nil
        let isKnown = entries(id) != nil
        // Their paths are good as long as they are open.
        let namespaces = [request.pidNamespace, request.ipcNamespace]
        let created = try await onStartLane {
            do {
                if isKnown || Files.exists(storage.directory) { try Self.clear(id, storage, runtime) }
                try Files.makeDirectories(storage.upper)
                try Files.makeDirectories(storage.work, mode: 0o700)
                try SharedMounts.check(mounts)
                if hasMessage { try TerminationMessage.makeFile(storage.terminationLog) }
                if let log, let slash = log.path.lastIndex(of: "/") {
                    try Files.makeDirectories(String(log.path[..<slash]))
                }
                let options = Runtime.CreateOptions(
                    log: log.map { LogFile(path: $0.path, maxBytes: $0.maxBytes, maxFiles: $0.maxFiles) },
                    input: input)
                return try withExtendedLifetime(namespaces) {
                    try MonitorHandle.made(runtime.create(id: id, spec: spec, options: options))
                }
            } catch {
                try? Self.clear(id, storage, runtime)
                throw EngineError(.createFailed, "failed to create container", cause: error)
            }
        }
        let record = ContainerRecord(
            id: id, labels: spec.annotations, state: .created, pid: created.pid, startedAt: "")
        setEntry(Entry(record: record, stopSignal: StopSignal.number(request.root.config.stopSignal)))
        watchMonitor(of: id, created.monitor)
        return record
    }

    /// Opens a namespace of a running container, for another to join it; nil when it does not run.
    public func namespace(
        _ kind: RuntimeSpec.Namespace.Kind, of id: String
    ) async throws(EngineError) -> NamespaceFile? {
        guard inspect(id)?.isRunning == true else { return nil }
        let runtime = runtime
        do {
            return try await onStartLane { try runtime.openNamespace(kind, of: id) }
        } catch let error as RuntimeError where error.code == .invalidState || error.code == .notFound {
            // It has ended meanwhile.
            return nil
        } catch {
            throw EngineError(.createFailed, "failed to open a namespace of container \(id)", cause: error)
        }
    }

    /// Lets a created container run its program.
    /// - Throws: ``EngineError`` `startFailed` when the program couldn't be run; the container has then ended, too.
    @discardableResult
    public func start(_ id: String) async throws -> ContainerRecord {
        _ = try entry(id)
        let runtime = runtime
        do {
            try await onStartLane { try runtime.start(id) }
        } catch {
            throw EngineError(.startFailed, "failed to start container", cause: error)
        }
        markStarted(id, at: WallClock.timestamp())
        return try entry(id).record
    }

    /// Sends the stop signal, waits, and kills what is left when `grace` is over. Returns when the container has ended.
    ///
    /// - Parameter signal: nil for the image's own stop signal, SIGTERM when it has none.
    public func stop(_ id: String, signal: Int32? = nil, grace: Duration) async throws {
        let entry = try entry(id)
        if entry.record.hasExited { return }
        if grace > .zero {
            try await send(signal ?? entry.stopSignal, to: id, all: false)
            await wait(for: entry.ended, atMost: grace)
            if inspect(id)?.hasExited ?? true { return }
        }
        try await kill(id)
    }

    /// Kills every process of the container and waits for its end.
    public func kill(_ id: String) async throws {
        let entry = try entry(id)
        if entry.record.hasExited { return }
        try await send(SIGKILL, to: id, all: true)
        await wait(for: entry.ended, atMost: .seconds(20))
        guard inspect(id)?.hasExited ?? true else {
            throw EngineError(
                .stopFailed, "container \(id) doesn't end after SIGKILL: a process hangs in the kernel (see dmesg)")
        }
    }

    /// Sends a signal to the first process, or to all.
    public func signal(_ id: String, _ signal: Int32, all: Bool = false) async throws {
        guard try entry(id).record.isRunning else { throw EngineError(.notRunning, "container \(id) isn't running") }
        try await send(signal, to: id, all: all)
    }

    private func send(_ signal: Int32, to id: String, all: Bool) async throws {
        let runtime = runtime
        do {
            try await onStartLane { try runtime.signal(id, signal, all: all) }
        } catch let error as RuntimeError where error.code == .invalidState || error.code == .notFound {
            // It has ended meanwhile; its monitor is about to say so.
        } catch {
            throw EngineError(.stopFailed, "failed to signal container \(id)", cause: error)
        }
    }

    private func wait(for end: OneShot, atMost limit: Duration) async {
        let clock = clock
        await withTaskGroup { group in
            group.addTask { try? await clock.sleep(for: limit) }
            group.addTask { await end.wait() }
            await group.next()
            group.cancelAll()
        }
    }

    /// Removes an ended container with everything it wrote, but its log. Does nothing when there is none.
    public func remove(_ id: String) async throws {
        let known = entries(id)
        if let known, !known.record.hasExited { try await kill(id) }
        let runtime = runtime
        let storage = layout.storage(id)
        do {
            try await cleanupLane.run { try Self.clear(id, storage, runtime) }
        } catch {
            throw EngineError(.storage, "failed to remove container \(id)", cause: error)
        }
        forget(id)
    }

    private func entries(_ id: String) -> Entry? { try? entry(id) }

    private static func clear(_ id: String, _ storage: ContainerStorage, _ runtime: Runtime) throws {
        do {
            try runtime.delete(id, force: true)
        } catch  where error.code == .notFound {
            // Only its directory was left, after a reboot.
        }
        try Files.removeTree(storage.directory)
    }
}
