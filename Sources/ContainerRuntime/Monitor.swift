import Cgroups
import JSON
import Linux

/// The parent of one container: owns its output, its exit status and its control group. Outlives the agent.
///
/// It is one thread with every signal blocked, so only SIGKILL ends it before its container. It reads neither the
/// specification nor anything from the container but output; the container's set-up runs in the clone (`ContainerInit`).
/// Once the program runs it becomes a `ContainerWatch`.
struct Monitor {
    private let directory: ContainerDirectory
    private var launch: ContainerLaunch
    private let log: LogFile?
    private let streams: MonitorStreams
    private let startFIFO: Int32
    private var record: MonitorRecord

    static func run(_ directory: ContainerDirectory) -> Int32 {
        prepare()
        let caller = FileDescriptor(adopting: RuntimeProcess.reportDescriptor)
        close(RuntimeProcess.requestDescriptor)
        _ = wherry_fcntl_integer(caller.rawValue, F_SETFD, FD_CLOEXEC)
        do {
            var monitor = try Monitor(directory)
            try? caller.writeAll(
                JSONValue(dictionaryLiteral: ("pid", .integer(Int64(monitor.launch.pid)))).serialized())
            caller.close()
            monitor.supervise()
            return 0
        } catch {
            try? caller.writeAll(RuntimeError(stage: "monitor", error).json.serialized())
            return 1
        }
    }

    static func prepare() {
        _ = wherry_block_all_signals()
        wherry_set_thread_name("wherry-monitor")
        Memory.configure()
    }

    /// Brings the container to its start gate.
    private init(_ directory: ContainerDirectory) throws(RuntimeError) {
        self.directory = directory
        let plan = try stage("read \(directory.plan)") {
            guard let plan = MonitorPlan(json: try JSONValue(parsing: Files.read(directory.plan))) else {
                throw RuntimeError(.monitorFailed, "\(directory.plan) is damaged")
            }
            return plan
        }
        log = plan.log
        if let log { try stage("open the log \(log.path)") { try ContainerLog.makeFile(log) } }
        startFIFO = try stage("open the start gate") {
            try FileDescriptor.open(directory.start, O_RDWR | O_NONBLOCK).release()
        }
        (launch, streams) = try MonitorStreams.launch(directory, plan)
        let pid = getpid()
        record = MonitorRecord(
            status: .created, pid: launch.pid, startTime: ProcessIdentity.startTime(of: launch.pid), monitorPid: pid,
            monitorStartTime: ProcessIdentity.startTime(of: pid), createdAt: WallClock.timestamp(), startedAt: nil)
        do {
            try save()
        } catch {
            launch.abandon()
            throw RuntimeError(stage: "write \(directory.state)", error)
        }
    }

    private func save() throws(SystemError) {
        try Files.writeAtomically(record.json.serialized(), to: directory.state, durable: false)
    }
}

// From the start gate on.
extension Monitor {
    private mutating func supervise() {
        var watch = ContainerWatch(
            directory, pid: launch.pid, pidfd: launch.pidfd, streams: streams, log: log)
        guard awaitStart() else { return watch.run() }
        do throws(RuntimeError) {
            try openGate()
        } catch {
            answer(error.json)
            return watch.run(failure: error)
        }
        answer([:])
        watch.startOver()
        watch.run()
    }

    /// False when the container has ended before it was started.
    private func awaitStart() -> Bool {
        var entries = [launch.pidfd, startFIFO].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while true {
            guard poll(&entries, 2, -1) > 0 else { continue }
            if entries[0].revents != 0 { return false }
            var byte: UInt8 = 0
            if entries[1].revents != 0, read(startFIFO, &byte, 1) == 1 { return true }
        }
    }

    private mutating func openGate() throws(RuntimeError) {
        close(startFIFO)
        try launch.openGate()
        record.status = .running
        record.startedAt = WallClock.timestamp()
        try stage("write \(directory.state)") { try save() }
    }

    private func answer(_ answer: JSONValue) {
        // Nobody may be waiting any more.
        guard let reply = try? FileDescriptor.open(directory.started, O_WRONLY | O_NONBLOCK) else { return }
        try? reply.writeAll(answer.serialized())
    }
}
