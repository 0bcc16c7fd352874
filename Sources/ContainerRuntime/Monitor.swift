import Cgroups
import JSON
import Linux

/// The parent of one container: owns its output, its exit status and its control group. Outlives the agent.
///
/// It is one thread with every signal blocked, so only SIGKILL ends it before its container. It reads neither the
/// specification nor anything from the container but output; the container's set-up runs in the clone (`ContainerInit`).
struct Monitor {
    private let directory: ContainerDirectory
    private var launch: ContainerLaunch
    private var log: ContainerLog?
    /// Our ends of the container's stdout and stderr.
    private var output: [Int32] = [-1, -1]
    private let startFIFO: Int32
    private var record: MonitorRecord
    private var startFailure: RuntimeError?

    static func run(_ directory: ContainerDirectory) -> Int32 {
        _ = wherry_block_all_signals()
        wherry_set_thread_name("wherry-monitor")
        Memory.configure()
        let caller = FileDescriptor(adopting: RuntimeProcess.reportDescriptor)
        close(RuntimeProcess.requestDescriptor)
        _ = wherry_fcntl_integer(caller.rawValue, F_SETFD, FD_CLOEXEC)
        do {
            var monitor = try Monitor(directory)
            try? caller.writeAll(
                JSONValue(dictionaryLiteral: ("pid", .integer(Int64(monitor.launch.pid)))).serialized())
            caller.close()
            Memory.trim()
            monitor.supervise()
            return 0
        } catch {
            try? caller.writeAll(RuntimeError(stage: "monitor", error).json.serialized())
            return 1
        }
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
        if let options = plan.log {
            log = try stage("open the log \(options.path)") { try ContainerLog(options) }
        }
        startFIFO = try stage("open the start gate") {
            try FileDescriptor.open(directory.start, O_RDWR | O_NONBLOCK).release()
        }
        let hasLog = log != nil
        (launch, output) = try stage("launch") {
            let null = try FileDescriptor.open("/dev/null", O_RDWR)
            guard hasLog else {
                let connections = ContainerLaunch.Connections(standard: [null.rawValue, null.rawValue, null.rawValue])
                return (try ContainerLaunch(directory, plan: plan, connections), [-1, -1])
            }
            let stdout = try FileDescriptor.pipe()
            let stderr = try FileDescriptor.pipe()
            let connections = ContainerLaunch.Connections(
                standard: [null.rawValue, stdout.writer.rawValue, stderr.writer.rawValue])
            let launch = try ContainerLaunch(directory, plan: plan, connections)
            let output = [try stdout.reader.duplicate().release(), try stderr.reader.duplicate().release()]
            for descriptor in output { _ = wherry_fcntl_integer(descriptor, F_SETFL, O_NONBLOCK) }
            return (launch, output)
        }
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
        watch(output[0], .stdout)
        watch(output[1], .stderr)
        watch(launch.pidfd, .process)
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
        let descriptor = output[stream.rawValue]
        guard descriptor >= 0 else { return false }
        let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        if count > 0 {
            log?.append(buffer[..<count], to: stream)
            return true
        }
        if count == 0 {
            close(descriptor)
            output[stream.rawValue] = -1
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
            try launch.openGate()
            record.status = .running
            record.startedAt = WallClock.timestamp()
            try stage("write \(directory.state)") { try save() }
        } catch {
            startFailure = error
            answer = error.json
        }
        // Nobody may be waiting any more.
        if let reply = try? FileDescriptor.open(directory.started, O_WRONLY | O_NONBLOCK) {
            try? reply.writeAll(answer.serialized())
        }
    }

    private mutating func end(_ buffer: inout [UInt8]) {
        let status = launch.collect()
        let finishedAt = WallClock.timestamp()
        while readOutput(.stdout, &buffer) {}
        while readOutput(.stderr, &buffer) {}
        log?.finish(.stdout)
        log?.finish(.stderr)
        let exit = exitRecord(status, finishedAt: finishedAt)
        // Not synced: the run directory says what is true in this boot, and a power cut ends the container, too.
        try? Files.writeAtomically(exit.json.serialized(), to: directory.exit, durable: false)
        // The cgroup goes with the container's files: whoever waits for this end need not wait for that.
    }

    private func exitRecord(_ status: ExitStatus?, finishedAt: String) -> ContainerExit {
        var exit = ContainerExit(
            code: status?.code ?? 255, startedAt: record.startedAt, finishedAt: finishedAt)
        if case .signaled(let signal) = status { exit.signal = signal }
        exit.oomKilled = exit.code != 0 && launch.sawOutOfMemory
        if let startFailure {
            exit.code = startFailure.exitCode
            exit.reason = "StartError"
            exit.message = startFailure.message
        }
        return exit
    }
}
