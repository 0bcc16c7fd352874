import Cgroups
import ContainerRuntime
import Linux
import Logging

extension Engine {
    /// Finds the containers that a former run of this program left: watches those that run, reads how the others ended.
    ///
    /// A container whose monitor is gone can't be supervised: it is killed and counts as ended with 137.
    /// - Throws: ``EngineError`` when the runtime's directory can't be read. Nothing is known then, and nothing may be
    ///   concluded from that.
    @discardableResult
    public func adopt() async throws -> [ContainerRecord] {
        let (runtime, layout, logger) = (runtime, layout, logger)
        var records: [ContainerRecord] = []
        let found: [Adopted]
        do {
            found = try await onStartLane {
                Self.endLost(layout, runtime, logger)
                return try runtime.list().compactMap { try Adopted.make($0, runtime) }
            }
        } catch {
            throw EngineError(.storage, "the containers that run can't be read", cause: error)
        }
        for var adopted in found {
            if case .exited(let exit) = adopted.record.state {
                adopted.record.state = .exited(await withMessage(exit, of: adopted.record.id, adopted.record.labels))
            }
            let signal = StopSignal.number(adopted.record.labels[Self.stopSignalLabel])
            setEntry(Entry(record: adopted.record, stopSignal: signal))
            if adopted.record.hasExited { markEnded(adopted.record.id) }
            if let monitor = adopted.monitor { watchMonitor(of: adopted.record.id, monitor) }
            records.append(adopted.record)
        }
        return records
    }

    /// Ends what ran when somebody removed the run directory: nobody knows of it any more, and what takes its place must not run
    /// beside it. Its storage is still there, and so is its cgroup.
    private static func endLost(_ layout: EngineLayout, _ runtime: Runtime, _ logger: Logger) {
        let known = Set(runtime.list())
        let stored = (try? Files.listDirectory(layout.containers)) ?? []
        Cgroup.batch {
            for id in stored where !known.contains(id) {
                do throws(CgroupError) {
                    let group = try Cgroup(existing: "\(layout.cgroupParent)/\(id)")
                    try group.kill()
                    try group.remove()
                } catch {
                    logger.warning("a lost container can't be ended", metadata: ["id": "\(id)", "error": "\(error)"])
                }
            }
        }
    }

    /// The labels of the containers that run, adopted or not.
    public func labelsOfRunning() async throws -> [[String: String]] {
        let runtime = runtime
        return try await onStartLane {
            runtime.list().compactMap { id in
                guard let state = try? runtime.state(id), state.status == .running else { return nil }
                return state.annotations
            }
        }
    }

    /// Removes writable layers that belong to no container the runtime knows: leftovers of a power cut.
    public func removeOrphanedStorage(keeping isWanted: @escaping @Sendable (String) -> Bool) async throws {
        let directory = layout.containers
        let known = Set(list().map(\.id))
        try await cleanupLane.run {
            guard Files.isDirectory(directory) else { return }
            for id in try Files.listDirectory(directory) where !known.contains(id) && !isWanted(id) {
                try Files.removeTree(directory + "/" + id)
            }
        }
    }
}

/// One container found at the start.
private struct Adopted: Sendable {
    var record: ContainerRecord
    var monitor: MonitorHandle?

    /// Nil for a container that had not been started when this program ended: it is removed, since nobody knows any more
    /// what it was made for.
    static func make(_ id: String, _ runtime: Runtime) throws -> Adopted? {
        let state: ContainerState
        do {
            state = try runtime.state(id)
        } catch {
            // A torn state file, or gone meanwhile: nothing that can be supervised.
            try? runtime.delete(id, force: true)
            return nil
        }
        if state.status == .creating || state.status == .created {
            try? runtime.delete(id, force: true)
            return nil
        }
        func record(_ recordState: ContainerRecord.State) -> ContainerRecord {
            ContainerRecord(
                id: id, labels: state.annotations, state: recordState, pid: state.pid,
                startedAt: state.startedAt ?? state.createdAt)
        }
        if let exit = state.exit { return Adopted(record: record(.exited(exit))) }
        if let monitor = MonitorHandle(state) {
            return Adopted(record: record(.running), monitor: monitor)
        }
        let exit = try LostContainer.exit(of: id, runtime: runtime, startedAt: state.startedAt ?? "")
        return Adopted(record: record(.exited(exit)))
    }
}

/// Ends that no monitor has recorded.
enum LostContainer {
    /// What the monitor wrote; when it was killed before it could, the container is killed, too.
    static func exit(of id: String, runtime: Runtime, startedAt: String) throws -> ContainerExit {
        if let exit = try runtime.state(id).exit { return exit }
        return try runtime.settle(id)
    }

    static func unknownExit(startedAt: String) -> ContainerExit {
        return ContainerExit(
            code: 137, signal: 9, startedAt: startedAt.isEmpty ? nil : startedAt,
            finishedAt: WallClock.timestamp(),
            reason: "MonitorLost", message: "the container's end could not be read")
    }
}
