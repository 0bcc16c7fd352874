import Cgroups
import JSON
import Linux
import OCI

extension Runtime {
    /// What is known of a container now. Reaps its monitor when that was a child of the caller and has ended.
    public func state(_ id: String) throws(RuntimeError) -> ContainerState {
        let directory = try existing(id)
        let config = (try? Files.read(directory.config)).flatMap { try? JSONValue(parsing: $0) }
        let annotations = (config?["annotations"]?.objectValue ?? [:]).compactMapValues(\.stringValue)
        // The exit comes second: the monitor writes it after the state, so a container cannot seem to be running forever.
        let record = Self.json(directory.state).flatMap(MonitorRecord.init(json:))
        var isAlive = false
        if let record {
            isAlive = Self.isAlive(record.monitorPid, record.monitorStartTime)
            if !isAlive { _ = ChildProcess.reap(record.monitorPid) }
        }
        let exit = Self.json(directory.exit).flatMap(ContainerExit.init(json:))
        var status = record?.status ?? .creating
        if exit != nil { status = .stopped }
        if let record, exit == nil, !isAlive, !Self.isAlive(record.pid, record.startTime) { status = .stopped }
        return ContainerState(
            id: id, status: status, pid: status == .stopped ? 0 : record?.pid ?? 0, startTime: record?.startTime,
            monitorPid: record?.monitorPid ?? 0, monitorStartTime: record?.monitorStartTime, monitorIsAlive: isAlive,
            bundle: record?.bundle ?? directory.path, annotations: annotations, createdAt: record?.createdAt ?? "",
            startedAt: record?.startedAt, exit: exit)
    }

    /// Ends what is left of a container whose monitor was killed, and records its exit as 137 with reason `MonitorLost`.
    ///
    /// Does nothing but return the exit when there is one already.
    @discardableResult
    public func settle(_ id: String) throws(RuntimeError) -> ContainerExit {
        let state = try state(id)
        if let exit = state.exit { return exit }
        guard !state.monitorIsAlive else { throw RuntimeError(.invalidState, "container \(id) has a monitor") }
        let directory = try existing(id)
        let plan = try plan(of: directory)
        try stage("end the processes of container \(id)") { try Self.empty(plan.cgroup) }
        let exit = ContainerExit(
            code: 137, signal: SIGKILL, startedAt: state.startedAt,
            finishedAt: WallClock.timestamp(),
            reason: "MonitorLost", message: "the container's monitor process was killed")
        try stage("record the exit of container \(id)") {
            try Files.writeAtomically(exit.json.serialized(), to: directory.exit, durable: false)
        }
        return exit
    }

    /// Removes a container's files and cgroup. One that has not ended is refused, or with `force` killed first.
    public func delete(_ id: String, force: Bool = false) throws(RuntimeError) {
        try Cgroup.batch { () throws(RuntimeError) in try delete(existing(id), force: force) }
    }

    private func delete(_ directory: ContainerDirectory, force: Bool) throws(RuntimeError) {
        let id = directory.id
        let state = try state(id)
        if state.status != .stopped, state.monitorIsAlive || state.pid != 0 {
            guard force else {
                throw RuntimeError(
                    .invalidState, "container \(id) is \(state.status.rawValue): stop it, or delete by force")
            }
        }
        if let plan = try? plan(of: directory) {
            if state.status != .stopped { try? plan.cgroup?.kill() }
            if let process = ProcessIdentity.open(state.pid, startTime: state.startTime) {
                _ = wherry_pidfd_send_signal(process.rawValue, SIGKILL)  // where it has no cgroup
            }
            Self.awaitEnd(of: state.monitorPid, state.monitorStartTime)
            try stage("remove the cgroup of container \(id)") { try Self.empty(plan.cgroup) }
        }
        _ = ChildProcess.reap(state.monitorPid)
        let hooks = Self.json(directory.config)?["hooks"]?["poststop"]
        try stage("remove container \(id)") { try Files.removeTree(directory.path) }
        guard let hooks, let poststop = try? hooks.decode(as: [RuntimeSpec.Hook].self) else { return }
        HookRunner.runPoststop(
            poststop, OCIState(id: id, status: .stopped, pid: 0, bundle: state.bundle, annotations: state.annotations))
    }

    static func json(_ path: String) -> JSONValue? {
        (try? Files.read(path)).flatMap { try? JSONValue(parsing: $0) }
    }

    private static func isAlive(_ pid: pid_t, _ startTime: UInt64?) -> Bool {
        guard let now = ProcessIdentity.startTime(of: pid) else { return false }
        return startTime == nil || now == startTime
    }

    /// The monitor ends by itself once the container has; bounded, since it may be stuck on a dead disk.
    private static func awaitEnd(of pid: pid_t, _ startTime: UInt64?) {
        guard let pidfd = ProcessIdentity.open(pid, startTime: startTime) else { return }
        var entry = pollfd(fd: pidfd.rawValue, events: Int16(POLLIN), revents: 0)
        while poll(&entry, 1, 10_000) < 0, Errno.last == .interrupted {}
    }

    /// Kills every process of a group and removes it; a group that is gone is fine.
    private static func empty(_ group: Cgroup?) throws {
        try? group?.kill()
        do {
            try group?.remove()
        } catch  where error.code == .notFound {
        }
    }
}
