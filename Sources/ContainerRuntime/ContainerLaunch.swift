import Cgroups
import JSON
import Linux
import OCI

/// One container from its cgroup to its program, seen from outside: what a monitor and a run in the foreground share.
///
/// The process that launches must have one thread: the container's set-up (`ContainerInit`) is a clone of it.
struct ContainerLaunch {
    private(set) var pid: pid_t = 0
    private(set) var pidfd: Int32 = -1
    private let plan: MonitorPlan
    private var gate: Int32 = -1
    private var report: Int32 = -1
    /// Whether the cgroup is this container's: one that is refused may be another's.
    private var hasGroup = false
    private var wasBornInGroup = false

    /// How the process is connected.
    struct Connections {
        /// What becomes the program's descriptors 0, 1 and 2.
        var standard: [Int32]
        /// What the program finds from 3 on.
        var preserved: [Int32] = []
        /// A connected socket that is given the terminal's master.
        var console: Int32?
        /// The session keyring stays the launcher's.
        var keepsKeyring = false
        /// Whether the container outlives its launcher (`release`) and its start gate is opened by another process, through
        /// the container's two FIFOs.
        var isDetached = false
    }

    /// Brings a container to its start gate. After an error nothing is left of it.
    ///
    /// When this process is killed before it has released the container, the container's process ends by itself.
    /// - Parameters:
    ///   - spec: nil has the set-up read it from the container's directory.
    ///   - state: what hooks are told; nil runs none.
    ///   - record: writes down which process it is, before that does anything.
    init(
        _ directory: ContainerDirectory, plan: MonitorPlan, spec: RuntimeSpec? = nil, state: OCIState? = nil,
        _ connections: Connections, record: (pid_t) throws(RuntimeError) -> Void = { _ throws(RuntimeError) in }
    ) throws(RuntimeError) {
        self.plan = plan
        try Cgroup.batch { () throws(RuntimeError) in
            do throws(RuntimeError) {
                if try canBeBornInGroup() { try makeCgroup() }
                try clone(directory, spec, state, connections)
                try record(pid)
                if let spec {
                    try IDMappings.write(spec.linux, to: pid)
                    try NetworkDevices.move(spec.linux, to: pid)
                }
                try admit()
                // From here on the process sets itself up, which takes as long as its cgroup does.
                try group()
                // Without a cgroup namespace memory comes last, so that its limit need not leave room for the set-up.
                let entered = Result { () throws(RuntimeError) in
                    if !plan.hasOwnCgroupNamespace { try enterCgroup(.withoutMemory) }
                }
                try awaitReady(spec?.hooks, state)
                try entered.get()
                if !plan.hasOwnCgroupNamespace { try enterCgroup(.memory) }
            } catch {
                // A set-up that has ended cannot be told anything, and has the better reason.
                let failure = reportedFailure() ?? error
                abandon()
                throw failure
            }
        }
    }

    /// One that this process launched and started before.
    init(running pid: pid_t, pidfd: Int32, _ plan: MonitorPlan) {
        self.pid = pid
        self.pidfd = pidfd
        self.plan = plan
        hasGroup = true
    }

    /// Opens the start gate; throws when the program cannot be run, and the process has ended or is about to.
    mutating func openGate() throws(RuntimeError) {
        defer { disconnect() }
        try stage("open the start gate") { try Files.writeAll(gate, [SetupChannel.start]) }
        if case .failed(let error) = try readReport() { throw error }
    }

    /// Whether the kernel ended a process of the container for its memory limit.
    var sawOutOfMemory: Bool { ((try? plan.cgroup?.oomKillCount()) ?? 0) > 0 }

    /// Leaves a container that is recorded to whoever opens its gate.
    func release() throws(RuntimeError) {
        try stage("leave the container at its start gate") { try Files.writeAll(gate, [SetupChannel.recorded]) }
        disconnect()
        close(pidfd)
    }

    private func disconnect() {
        close(report)
        close(gate)
    }

    /// Kills what was launched and removes its cgroup.
    func abandon() {
        if pid > 0 {
            _ = wherry_pidfd_send_signal(pidfd, SIGKILL)
            _ = ChildProcess.wait(pid)
        }
        guard hasGroup else { return }
        try? plan.cgroup?.kill()
        try? plan.cgroup?.remove()
    }

    /// Waits for the end of the process and ends what it left in the cgroup.
    func collect() -> ExitStatus? {
        let status = ChildProcess.wait(pid)
        // The end of a pid namespace has killed its processes; without an own one they are still there.
        if !plan.hasOwnPidNamespace || (try? plan.cgroup?.processes())?.isEmpty != true { try? plan.cgroup?.kill() }
        return status
    }

    private mutating func clone(
        _ directory: ContainerDirectory, _ spec: RuntimeSpec?, _ state: OCIState?, _ connections: Connections
    ) throws(RuntimeError) {
        let joins = plan.joins
        let flags = plan.cloneFlags
        (pid, pidfd, wasBornInGroup, gate, report) = try stage("start the container's process") {
            let joins = try joins.map { join in
                let file = try FileDescriptor.open(join.path, O_RDONLY)
                return NamespaceClone.Join(type: join.type, descriptor: file.release())
            }
            defer { for join in joins { close(join.descriptor) } }
            let gate = try Self.pipe()
            let report = try Self.pipe()
            let startGate = try connections.isDetached ? Self.fifo(directory.start) : nil
            let answer = try connections.isDetached ? Self.fifo(directory.started) : nil
            // The process must not be looked into by whoever shares its pid namespace (CVE-2016-9962). In a user namespace
            // of its own it is safe, and a plain user must write its maps.
            if flags & UInt64(WHERRY_CLONE_NEWUSER) == 0 {
                try systemCall("prctl") { wherry_prctl(Kernel.Process.setDumpable, 0, 0, 0, 0) }
            }
            let mapped = try spec.map(IDMappedMounts.make) ?? [:]
            defer { for mount in mapped.values { close(mount) } }
            let birthplace = hasGroup ? plan.cgroup?.descriptorForClone() : nil
            defer { if let birthplace { close(birthplace) } }
            let (pid, pidfd, isInGroup) = try NamespaceClone.clone(flags, joins, into: birthplace)
            if pid == 0 {
                ContainerInit.run(
                    directory, spec: spec, state: state, joins: joins,
                    ContainerInit.Descriptors(
                        standard: connections.standard, preserved: connections.preserved, gate: gate.reader,
                        report: report.writer, startGate: startGate, answer: answer, console: connections.console,
                        mounts: mapped, keepsKeyring: connections.keepsKeyring))
            }
            for descriptor in [gate.reader, report.writer, startGate, answer].compactMap(\.self) { close(descriptor) }
            return (pid, pidfd, isInGroup, gate.writer, report.reader)
        }
    }

    private static func pipe() throws(SystemError) -> (reader: Int32, writer: Int32) {
        var ends: [Int32] = [-1, -1]
        try systemCall("pipe2") { wherry_pipe(&ends) }
        return (ends[0], ends[1])
    }

    /// Open for both, so that neither opening nor reading waits for another process.
    private static func fifo(_ path: String) throws(SystemError) -> Int32 {
        try FileDescriptor.open(path, O_RDWR).release()
    }

    /// On v2 a process that is moved into its group waits for the kernel's other readers, some 10 ms. Without a cgroup
    /// namespace it enters last all the same.
    private func canBeBornInGroup() throws(RuntimeError) -> Bool {
        guard plan.hasOwnCgroupNamespace, plan.cgroup != nil, plan.scope == nil else { return false }
        return try stage("look for cgroups") { try CgroupLayout.detect() == .v2 }
    }

    /// Has the group made and tells the set-up, which waits before it shows it to anybody. A cgroup namespace shows the group
    /// that its process is in.
    private mutating func group() throws(RuntimeError) {
        if !hasGroup { try makeCgroup() }
        if plan.hasOwnCgroupNamespace, !wasBornInGroup { try enterCgroup(.all) }
        try tell(SetupChannel.grouped)
    }

    /// After an error there is no group of the container's.
    private mutating func makeCgroup() throws(RuntimeError) {
        if let scope = plan.scope {
            // One that is refused its limits ends with the process.
            try stage("make \(scope.name)") { try scope.start(pid, limits: plan.limits) }
        } else if let path = plan.cgroup?.path {
            _ = try stage("make cgroup \(path)") { try Cgroup.create(path: path, limits: plan.limits) }
        }
        hasGroup = plan.cgroup != nil
    }

    private func enterCgroup(_ hierarchies: Cgroup.Hierarchies) throws(RuntimeError) {
        guard let cgroup = plan.cgroup, plan.scope == nil else { return }
        try stage("move the container into cgroup \(cgroup.path)") { try cgroup.attach(pid, to: hierarchies) }
    }

    /// Sets from outside what the process cannot set itself, and lets it begin.
    private func admit() throws(RuntimeError) {
        if let adjustment = plan.oomScoreAdjustment {
            do {
                let file = try FileDescriptor.open("/proc/\(pid)/oom_score_adj", O_WRONLY)
                try file.writeAll(Array("\(adjustment)".utf8))
            } catch  where error.errno == .accessDenied {
                // Lowering needs CAP_SYS_RESOURCE, which an agent in a restricted environment lacks: keep ours.
            } catch {
                throw RuntimeError(stage: "set oom_score_adj", error)
            }
        }
        try tell(SetupChannel.goOn)
    }

    private func tell(_ message: UInt8) throws(RuntimeError) {
        try stage("go on with the container's set-up") { try Files.writeAll(gate, [message]) }
    }

    private func awaitReady(_ hooks: RuntimeSpec.Hooks?, _ state: OCIState?) throws(RuntimeError) {
        switch try readReport() {
        case .ready: return
        case .hooks:
            if let hooks, let state = state?.with(.creating, pid: pid) {
                try HookRunner.run(hooks.prestart ?? [], named: "prestart", state)
                try HookRunner.run(hooks.createRuntime ?? [], named: "createRuntime", state)
            }
            try tell(SetupChannel.hooksRan)
            try awaitReady(nil, nil)
        case .failed(let error): throw error
        case .closed:
            let status = ChildProcess.wait(pid)
            let cause: String
            if case .signaled(let signal) = status {
                cause =
                    sawOutOfMemory
                    ? "for want of memory: the limit is too small" : "by signal \(signal)"
            } else {
                cause = "with status \(status?.code ?? -1)"
            }
            throw RuntimeError(.setupFailed, "the container's set-up ended \(cause)", stage: "set-up")
        }
    }

    /// What the set-up has failed of, if it has told so and nobody has read it yet.
    private func reportedFailure() -> RuntimeError? {
        var entry = pollfd(fd: report, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 0) == 1, case .failed(let error)? = try? readReport() else { return nil }
        return error
    }

    private enum Report {
        case ready
        case hooks
        case failed(RuntimeError)
        case closed
    }

    /// Waits for the next message of the set-up: a byte, or its end.
    private func readReport() throws(RuntimeError) -> Report {
        var byte: UInt8 = 0
        let report = report
        let count = try stage("read from the container's set-up") { try systemCall("read") { read(report, &byte, 1) } }
        if count == 0 { return .closed }
        if byte == SetupChannel.ready { return .ready }
        if byte == SetupChannel.wantsHooks { return .hooks }
        let bytes = (try? Files.readToEnd(report, limit: 1 << 20)) ?? []
        return .failed(RuntimeError(json: (try? JSONValue(parsing: bytes)) ?? .null))
    }
}
