import Cgroups
import JSON
import Linux
import OCI

/// A process that is added to a running container, from outside.
///
/// Three processes: the launcher stays outside; a joiner enters the container's namespaces, the pid namespace last; the
/// joiner's clone is the process itself, a child of the launcher. None of them can be traced by the container
/// (CVE-2016-9962), and the joiner holds nothing of the host but pipes when the container can see it.
///
/// The launcher must have one thread.
struct ExecLaunch {
    let pid: pid_t
    let pidfd: Int32

    /// Returns when the program runs.
    init(
        _ process: RuntimeSpec.Process, in directory: ContainerDirectory, _ connections: ContainerLaunch.Connections
    ) throws(RuntimeError) {
        _ = wherry_prctl(Kernel.Process.setDumpable, 0, 0, 0, 0)
        let (spec, record, plan) = try Self.read(directory)
        let state = OCIState(
            id: directory.id, status: .running, pid: record.pid, bundle: record.bundle ?? directory.path,
            annotations: spec.annotations)
        // A filter's agent is told the process's number once there is one.
        let launcher = try ProgramLauncher(
            spec, process: process, runtimeRoot: directory.runtimeRoot, state: state, pid: 0)
        guard let target = ProcessIdentity.open(record.pid, startTime: record.startTime) else {
            throw RuntimeError(.invalidState, "container \(directory.id) is not running")
        }
        pid = try stage("exec") {
            let gate = try FileDescriptor.pipe()
            var report = try FileDescriptor.pipe()
            try CPUAffinity.apply(process.execCPUAffinity?.initial)
            let joiner = try systemCall("clone3") { wherry_clone3(0, nil, -1) }
            if joiner == 0 {
                ExecJoiner.run(
                    spec, launcher, in: directory.id, target: target.rawValue,
                    ContainerInit.Descriptors(
                        standard: connections.standard, preserved: connections.preserved, gate: gate.reader.rawValue,
                        report: report.writer.rawValue, console: connections.console,
                        listener: launcher.seccompListener?.socket))
            }
            if let listener = launcher.seccompListener { close(listener.socket) }
            // Only the process holds this end now, so its end is the program's start.
            report.writer = try FileDescriptor.open("/dev/null", O_WRONLY)
            do {
                try plan.cgroup?.attach(joiner, beside: record.pid)
                try gate.writer.writeAll([SetupChannel.goOn])
            } catch {
                kill(joiner, SIGKILL)
                _ = ChildProcess.wait(joiner)
                throw error
            }
            return try Self.awaitProgram(report.reader, joiner)
        }
        pidfd = wherry_pidfd_open(pid, 0)
    }

    private static func read(
        _ directory: ContainerDirectory
    ) throws(RuntimeError) -> (RuntimeSpec, MonitorRecord, MonitorPlan) {
        try stage("read the state of container \(directory.id)") {
            guard let record = MonitorRecord(json: try JSONValue(parsing: Files.read(directory.state))),
                let plan = MonitorPlan(json: try JSONValue(parsing: Files.read(directory.plan)))
            else { throw RuntimeError(.monitorFailed, "the state of container \(directory.id) is damaged") }
            guard record.status == .running || record.monitorPid == 0, !Files.exists(directory.exit) else {
                throw RuntimeError(.invalidState, "container \(directory.id) is not running")
            }
            return (try RuntimeSpec.decode(JSONValue(parsing: Files.read(directory.config))), record, plan)
        }
    }

    /// Reads the process's number, then the end of the report, which says that the program runs.
    private static func awaitProgram(_ report: borrowing FileDescriptor, _ joiner: pid_t) throws -> pid_t {
        let bytes = try report.readToEnd(limit: 1 << 20)
        _ = ChildProcess.wait(joiner)
        var process: pid_t = 0
        var rest = bytes[...]
        if rest.first == ExecJoiner.number, rest.count >= 5 {
            process = NamespaceClone.number(rest[1...])
            rest = rest.dropFirst(5)
        }
        if rest.first == SetupChannel.failed {
            if process > 0 { _ = ChildProcess.wait(process) }
            throw RuntimeError(json: (try? JSONValue(parsing: rest.dropFirst())) ?? .null)
        }
        guard process > 0 else { throw RuntimeError(.setupFailed, "the process could not join the container") }
        return process
    }
}
