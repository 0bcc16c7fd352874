import JSON
import Linux

/// Watches a container from its start to its end: reads its output into the log, reaps it and records its exit.
///
/// It may stay for months, beside many others, and so knows little: until the end it reads no file.
struct ContainerWatch {
    private let directory: ContainerDirectory
    private let pid: pid_t
    private let pidfd: Int32
    private var streams: MonitorStreams
    private var audience: Audience
    private let logFile: LogFile?
    private var log: ContainerLog?

    /// - Parameter pid: a child of this process.
    init(_ directory: ContainerDirectory, pid: pid_t, pidfd: Int32, streams: MonitorStreams, log: LogFile?) {
        self.directory = directory
        self.pid = pid
        self.pidfd = pidfd
        self.streams = streams
        audience = Audience(keepsBacklog: streams.input >= 0)
        logFile = log
    }

    /// Returns when the container's exit is recorded.
    /// - Parameter failure: why its program could not be run.
    mutating func run(failure: RuntimeError? = nil) {
        let own = 4
        Memory.releaseMainStack()
        withUnsafeTemporaryAllocation(of: pollfd.self, capacity: own + Audience.limit) { entries in
            repeat {
                let watched = [
                    pidfd, audience.isWaiting(.stdout) ? -1 : streams.stdout,
                    audience.isWaiting(.stderr) ? -1 : streams.stderr, streams.listener,
                ]
                for (index, descriptor) in watched.enumerated() {
                    entries[index] = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                }
                let count = own + audience.fill(entries, from: own)
                guard poll(entries.baseAddress, nfds_t(count), audience.pollTimeout) >= 0 else { continue }
                audience.proceed(entries, from: own)
                if entries[1].revents != 0 { read(.stdout) }
                if entries[2].revents != 0 { read(.stderr) }
                if entries[3].revents != 0 { admit() }
            } while entries[0].revents == 0
        }
        end(failure)
    }

    private mutating func admit() {
        guard audience.admit(streams.listener, streams), streams.isInputOnce, streams.input >= 0, !streams.hasTerminal
        else { return }
        // The client holds the only writing end now: when it leaves, the program reads the end.
        close(streams.input)
        streams.input = -1
    }

    /// Reads once; false when nothing is left for now.
    @discardableResult
    private mutating func read(_ stream: ContainerLog.Stream) -> Bool {
        let descriptor = stream == .stdout ? streams.stdout : streams.stderr
        guard descriptor >= 0 else { return false }
        return withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 16) { buffer in
            let count = Linux.read(descriptor, buffer.baseAddress, buffer.count)
            if count > 0 {
                let bytes = Array(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                append(bytes, to: stream)
                audience.give(bytes, stream)
            } else if count == 0 || Errno.last != .again && Errno.last != .interrupted {
                // A terminal that nobody has open any more is an error, EIO.
                close(descriptor)
                if streams.hasTerminal { streams.input = -1 }
                if stream == .stdout { streams.stdout = -1 } else { streams.stderr = -1 }
                log?.finish(stream)
                audience.finish(stream)
            }
            return count > 0
        }
    }

    private mutating func append(_ bytes: [UInt8], to stream: ContainerLog.Stream) {
        guard let logFile else { return }
        if log == nil { log = try? ContainerLog(logFile) }
        log?.append(bytes[...], to: stream)
    }

    private mutating func end(_ failure: RuntimeError?) {
        let record = Runtime.json(directory.state).flatMap(MonitorRecord.init(json:))
        // The directory may have been lost, and be another container's now.
        let isOurs = record?.monitorPid == getpid()
        let plan = isOurs ? Runtime.json(directory.plan).flatMap(MonitorPlan.init(json:)) : nil
        let launch = plan.map { ContainerLaunch(running: pid, pidfd: pidfd, $0) }
        let status = launch.map { $0.collect() } ?? ChildProcess.wait(pid)
        let finishedAt = WallClock.timestamp()
        while read(.stdout) {}
        while read(.stderr) {}
        for stream in [ContainerLog.Stream.stdout, .stderr] {
            log?.finish(stream)
            audience.finish(stream)
        }
        guard isOurs else { return }
        var exit = ContainerExit(code: status?.code ?? 255, startedAt: record?.startedAt, finishedAt: finishedAt)
        if case .signaled(let signal) = status { exit.signal = signal }
        exit.oomKilled = exit.code != 0 && launch?.sawOutOfMemory == true
        if let failure {
            exit.code = failure.exitCode
            exit.reason = "StartError"
            exit.message = failure.message
        }
        // Not synced: the run directory says what is true in this boot, and a power cut ends the container, too.
        try? Files.writeAtomically(exit.json.serialized(), to: directory.exit, durable: false)
        // The cgroup goes with the container's files: whoever waits for this end need not wait for that.
        audience.drain(patience: .seconds(2))
    }
}

// A launch leaves a heap and pages of data behind that nobody needs any more. So once the program runs the monitor starts its
// file over: it stays the same process, and the container's parent.
extension ContainerWatch {
    /// Starts this program's file over to go on watching. Returns where that cannot be done, which costs memory only.
    func startOver() {
        guard let program = try? FileDescriptor.open("/proc/self/exe", O_PATH) else { return }
        let kept = [pidfd, streams.stdout, streams.stderr, streams.input, streams.listener]
        let numbers = ([pid] + kept + [streams.isInputOnce ? 1 : 0]).map(String.init)
        let log = logFile.map { [String($0.maxBytes), String($0.maxFiles), $0.path] } ?? []
        let arguments = CStringArray([RuntimeProcess.watchVerb, directory.path] + numbers + log)
        let environment = CStringArray([])
        for descriptor in kept where descriptor >= 0 { _ = wherry_fcntl_integer(descriptor, F_SETFD, 0) }
        _ = wherry_exec(nil, program.rawValue, arguments.pointer, environment.pointer)
        for descriptor in kept where descriptor >= 0 { _ = wherry_fcntl_integer(descriptor, F_SETFD, FD_CLOEXEC) }
    }

    /// Goes on after `startOver`, whose arguments these are.
    static func resume(_ arguments: [String]) -> Int32 {
        let numbers = arguments.dropFirst(2).prefix(7).compactMap { Int32($0) }
        guard numbers.count == 7 else { return 2 }
        Monitor.prepare()
        for descriptor in numbers[1...5] where descriptor >= 0 {
            _ = wherry_fcntl_integer(descriptor, F_SETFD, FD_CLOEXEC)
        }
        var log: LogFile?
        if arguments.count == 12, let maxBytes = Int64(arguments[9]), let maxFiles = Int(arguments[10]) {
            log = LogFile(path: arguments[11], maxBytes: maxBytes, maxFiles: maxFiles)
        }
        let streams = MonitorStreams(
            stdout: numbers[2], stderr: numbers[3], input: numbers[4], listener: numbers[5],
            isInputOnce: numbers[6] == 1)
        var watch = ContainerWatch(
            ContainerDirectory(path: arguments[1]), pid: numbers[0], pidfd: numbers[1], streams: streams, log: log)
        watch.run()
        return 0
    }
}
