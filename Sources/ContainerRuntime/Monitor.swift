import Cgroups
import JSON
import Linux

/// The parent of one container: owns its output, its exit status and its control group. Outlives the agent.
///
/// It is one thread with every signal blocked, so only SIGKILL ends it before its container. It reads neither the
/// specification nor anything from the container but output; the container's set-up runs in the clone (`ContainerInit`).
struct Monitor {
    private let directory: ContainerDirectory
    private let plan: MonitorPlan
    private let cgroup: Cgroup
    private var log: ContainerLog?
    private var container = Launched()
    private var startFIFO: Int32 = -1
    private var record: MonitorRecord
    private var startFailure: RuntimeError?

    /// The container's process and this side's ends of its pipes.
    struct Launched {
        var pid: pid_t = 0
        var pidfd: Int32 = -1
        var output: [Int32] = [-1, -1]
        var gate: Int32 = -1
        var report: Int32 = -1
    }

    static func run(_ directory: ContainerDirectory) -> Int32 {
        _ = wherry_block_all_signals()
        wherry_set_thread_name("wherry-monitor")
        Memory.configure()
        let caller = FileDescriptor(adopting: RuntimeProcess.reportDescriptor)
        close(RuntimeProcess.requestDescriptor)
        _ = wherry_fcntl_integer(caller.rawValue, F_SETFD, FD_CLOEXEC)
        do {
            var monitor = try Monitor(directory)
            try monitor.launch()
            try? caller.writeAll(
                JSONValue(dictionaryLiteral: ("pid", .integer(Int64(monitor.container.pid)))).serialized())
            caller.close()
            Memory.trim()
            monitor.supervise()
            return 0
        } catch {
            try? caller.writeAll(RuntimeError(stage: "monitor", error).json.serialized())
            return 1
        }
    }

    private init(_ directory: ContainerDirectory) throws(RuntimeError) {
        self.directory = directory
        plan = try stage("read \(directory.plan)") {
            guard let plan = MonitorPlan(json: try JSONValue(parsing: Files.read(directory.plan))) else {
                throw RuntimeError(.monitorFailed, "\(directory.plan) is damaged")
            }
            return plan
        }
        let (path, limits) = (plan.cgroup, plan.limits)
        cgroup = try stage("make cgroup \(path)") { try Cgroup.create(path: path, limits: limits) }
        let pid = getpid()
        record = MonitorRecord(
            status: .created, pid: 0, startTime: nil, monitorPid: pid,
            monitorStartTime: ProcessIdentity.startTime(of: pid),
            createdAt: Self.now(), startedAt: nil)
    }

    static func now() -> String {
        let now = WallClock.now()
        return RFC3339.format(seconds: now.seconds, nanoseconds: now.nanoseconds, digits: 9)
    }
}

// Up to the start gate.
extension Monitor {
    private mutating func launch() throws(RuntimeError) {
        do {
            if let options = plan.log {
                log = try stage("open the log \(options.path)") { try ContainerLog(options) }
            }
            startFIFO = try stage("open the start gate") {
                try FileDescriptor.open(directory.start, O_RDWR | O_NONBLOCK).release()
            }
            container = try clone()
            // A cgroup namespace shows the group its process is in. Without one the process enters when it is set up, so that
            // its limits need not leave room for the set-up.
            if plan.hasOwnCgroupNamespace { try enterCgroup() }
            try admit()
            try awaitReady()
            if !plan.hasOwnCgroupNamespace { try enterCgroup() }
            record.pid = container.pid
            record.startTime = ProcessIdentity.startTime(of: container.pid)
            try stage("write \(directory.state)") { try save() }
        } catch {
            if container.pid > 0 {
                _ = wherry_pidfd_send_signal(container.pidfd, SIGKILL)
                _ = ChildProcess.wait(container.pid)
            }
            try? cgroup.kill()
            try? cgroup.remove()
            throw error
        }
    }

    private func clone() throws(RuntimeError) -> Launched {
        try stage("start the container's process") {
            let joins = try plan.joins.map { join in
                let file = try FileDescriptor.open(join.path, O_RDONLY)
                if join.type == WHERRY_CLONE_NEWPID {  // takes effect for the clone only
                    try systemCall("setns", on: join.path) { wherry_setns(file.rawValue, join.type) }
                }
                return ContainerInit.Join(type: join.type, descriptor: file.release())
            }
            let null = try FileDescriptor.open("/dev/null", O_RDWR)
            let stdout = try FileDescriptor.pipe()
            let stderr = try FileDescriptor.pipe()
            let gate = try FileDescriptor.pipe()
            let report = try FileDescriptor.pipe()
            var pidfd: Int32 = -1
            let flags = plan.cloneFlags
            let pid = try systemCall("clone3") { wherry_clone3(flags, &pidfd, -1) }
            if pid == 0 {
                let hasLog = log != nil
                ContainerInit.run(
                    directory, joins: joins,
                    standard: [
                        null.rawValue, hasLog ? stdout.writer.rawValue : null.rawValue,
                        hasLog ? stderr.writer.rawValue : null.rawValue,
                    ], gate: gate.reader.rawValue, report: report.writer.rawValue)
            }
            for join in joins { close(join.descriptor) }
            let output = [try stdout.reader.duplicate().release(), try stderr.reader.duplicate().release()]
            for descriptor in output { _ = wherry_fcntl_integer(descriptor, F_SETFL, O_NONBLOCK) }
            return Launched(
                pid: pid, pidfd: pidfd, output: output, gate: try gate.writer.duplicate().release(),
                report: try report.reader.duplicate().release())
        }
    }

    private func enterCgroup() throws(RuntimeError) {
        try stage("move the container into cgroup \(plan.cgroup)") { try cgroup.attach(container.pid) }
    }

    /// Sets from outside what the process cannot set itself, and lets it go on.
    private func admit() throws(RuntimeError) {
        if let adjustment = plan.oomScoreAdjustment {
            let path = "/proc/\(container.pid)/oom_score_adj"
            do {
                let file = try FileDescriptor.open(path, O_WRONLY)
                try file.writeAll(Array("\(adjustment)".utf8))
            } catch  where error.errno == .accessDenied {
                // Lowering needs CAP_SYS_RESOURCE, which an agent in a restricted environment lacks: keep ours.
            } catch {
                throw RuntimeError(stage: "set oom_score_adj", error)
            }
        }
        try stage("start the container's set-up") {
            try Files.writeAll(container.gate, [ContainerInit.goOn])
        }
    }

    private func awaitReady() throws(RuntimeError) {
        switch try readReport() {
        case .ready: return
        case .failed(let error): throw error
        case .closed:
            let status = ChildProcess.wait(container.pid)
            let cause: String
            if case .signaled(let signal) = status {
                cause =
                    (try? cgroup.oomKillCount()) ?? 0 > 0
                    ? "for want of memory: the limit is too small" : "by signal \(signal)"
            } else {
                cause = "with status \(status?.code ?? -1)"
            }
            throw RuntimeError(.setupFailed, "the container's set-up ended \(cause)", stage: "set-up")
        }
    }

    private enum Report {
        case ready
        case failed(RuntimeError)
        case closed
    }

    /// Waits for the next message of the set-up: a byte, or its end.
    private func readReport() throws(RuntimeError) -> Report {
        var byte: UInt8 = 0
        let report = container.report
        let count = try stage("read from the container's set-up") { try systemCall("read") { read(report, &byte, 1) } }
        if count == 0 { return .closed }
        if byte == ContainerInit.ready { return .ready }
        let bytes = (try? Files.readToEnd(report, limit: 1 << 20)) ?? []
        return .failed(RuntimeError(json: (try? JSONValue(parsing: bytes)) ?? .null))
    }

    private func save() throws(SystemError) {
        try Files.writeAtomically(record.json.serialized(), to: directory.state, durable: false)
    }
}

// From the start gate to the end.
extension Monitor {
    private enum Source: UInt64 {
        case stdout, stderr, process, start
    }

    private mutating func supervise() {
        let epoll = wherry_epoll_create()
        func watch(_ descriptor: Int32, _ source: Source) {
            _ = wherry_epoll_control(epoll, 1, descriptor, 1, source.rawValue)
        }
        watch(container.output[0], .stdout)
        watch(container.output[1], .stderr)
        watch(container.pidfd, .process)
        watch(startFIFO, .start)
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        var events = [wherry_event](repeating: wherry_event(), count: 4)
        while true {
            let count = wherry_epoll_wait(epoll, &events, 4, -1)
            for event in events.prefix(Int(max(0, count))) {
                switch Source(rawValue: event.tag) {
                case .stdout: readOutput(.stdout, &buffer)
                case .stderr: readOutput(.stderr, &buffer)
                case .start: openGate()
                case .process, nil:
                    end(&buffer)
                    return
                }
            }
        }
    }

    /// Reads once; false when nothing is left for now.
    @discardableResult
    private mutating func readOutput(_ stream: ContainerLog.Stream, _ buffer: inout [UInt8]) -> Bool {
        let descriptor = container.output[stream.rawValue]
        guard descriptor >= 0 else { return false }
        let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        if count > 0 {
            log?.append(buffer[..<count], to: stream)
            return true
        }
        if count == 0 {
            close(descriptor)
            container.output[stream.rawValue] = -1
            log?.finish(stream)
        }
        return false
    }

    private mutating func openGate() {
        var byte: UInt8 = 0
        guard read(startFIFO, &byte, 1) == 1 else { return }
        close(startFIFO)
        var answer: JSONValue = [:]
        do throws(RuntimeError) {
            try stage("open the start gate") { try Files.writeAll(container.gate, [ContainerInit.start]) }
            if case .failed(let error) = try readReport() { throw error }
            record.status = .running
            record.startedAt = Self.now()
            try stage("write \(directory.state)") { try save() }
        } catch {
            startFailure = error
            answer = error.json
        }
        close(container.report)
        // Nobody may be waiting any more.
        if let reply = try? FileDescriptor.open(directory.started, O_WRONLY | O_NONBLOCK) {
            try? reply.writeAll(answer.serialized())
        }
    }

    private mutating func end(_ buffer: inout [UInt8]) {
        let status = ChildProcess.wait(container.pid)
        let finishedAt = Self.now()
        // The end of a pid namespace has killed its processes; without an own one they are still there.
        if !plan.hasOwnPidNamespace || (try? cgroup.processes())?.isEmpty != true { try? cgroup.kill() }
        while readOutput(.stdout, &buffer) {}
        while readOutput(.stderr, &buffer) {}
        log?.finish(.stdout)
        log?.finish(.stderr)
        let exit = exitRecord(status, finishedAt: finishedAt)
        try? Files.writeAtomically(exit.json.serialized(), to: directory.exit)
        try? cgroup.remove()
    }

    private func exitRecord(_ status: ExitStatus?, finishedAt: String) -> ContainerExit {
        var exit = ContainerExit(
            code: status?.code ?? 255, startedAt: record.startedAt, finishedAt: finishedAt)
        if case .signaled(let signal) = status { exit.signal = signal }
        exit.oomKilled = exit.code != 0 && ((try? cgroup.oomKillCount()) ?? 0) > 0
        if let startFailure {
            exit.code = startFailure.exitCode
            exit.reason = "StartError"
            exit.message = startFailure.message
        }
        return exit
    }
}
