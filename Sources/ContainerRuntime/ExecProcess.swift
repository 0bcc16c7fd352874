import Cgroups
import JSON
import Linux
import OCI

/// Adds a process to a running container, collects its output and reports how it ended.
///
/// Three processes: this one stays outside; a joiner enters the container's namespaces, the pid namespace last; the joiner's
/// clone is the process itself, a child of this one. None of them can be traced by the container (CVE-2016-9962), and the
/// joiner holds nothing of the host but pipes when the container can see it.
enum ExecProcess {
    static let outputLimit = 10 << 10

    private struct Request {
        let spec: RuntimeSpec
        let process: RuntimeSpec.Process
        let timeout: Int?
        let record: MonitorRecord
        let cgroup: String
    }

    static func run(_ directory: ContainerDirectory) -> Int32 {
        _ = wherry_block_all_signals()
        _ = wherry_prctl(Kernel.Process.setDumpable, 0, 0, 0, 0)
        wherry_set_thread_name("wherry-exec")
        Memory.configure()
        let caller = FileDescriptor(adopting: RuntimeProcess.reportDescriptor)
        _ = wherry_fcntl_integer(caller.rawValue, F_SETFD, FD_CLOEXEC)
        do {
            let request = try readRequest(directory)
            let launcher = try ProgramLauncher(
                request.spec, process: request.process, runtimeRoot: directory.runtimeRoot)
            let (header, output) = try run(request, launcher)
            try? caller.writeAll(header.serialized() + [UInt8(ascii: "\n")] + output)
            return 0
        } catch {
            try? caller.writeAll(error.json.serialized())
            return 1
        }
    }

    private static func readRequest(_ directory: ContainerDirectory) throws(RuntimeError) -> Request {
        let file = FileDescriptor(adopting: RuntimeProcess.requestDescriptor)
        return try stage("read the request") {
            let request = try JSONValue(parsing: file.readToEnd(limit: 4 << 20))
            guard let process = request["process"],
                let record = MonitorRecord(json: try JSONValue(parsing: Files.read(directory.state))),
                let plan = MonitorPlan(json: try JSONValue(parsing: Files.read(directory.plan)))
            else { throw RuntimeError(.monitorFailed, "the state of container \(directory.id) is damaged") }
            guard record.status == .running, !Files.exists(directory.exit) else {
                throw RuntimeError(.invalidState, "container \(directory.id) is not running")
            }
            return Request(
                spec: try RuntimeSpec.decode(JSONValue(parsing: Files.read(directory.config))),
                process: try process.decode(), timeout: request["timeout"]?.intValue, record: record,
                cgroup: plan.cgroup)
        }
    }

    private static func run(
        _ request: Request, _ launcher: ProgramLauncher
    ) throws(RuntimeError) -> (JSONValue, [UInt8]) {
        guard let target = ProcessIdentity.open(request.record.pid, startTime: request.record.startTime) else {
            throw RuntimeError(.invalidState, "the container is not running")
        }
        return try stage("exec") {
            let null = try FileDescriptor.open("/dev/null", O_RDWR)
            var output = try FileDescriptor.pipe()
            let gate = try FileDescriptor.pipe()
            var report = try FileDescriptor.pipe()
            let joiner = try systemCall("clone3") { wherry_clone3(0, nil, -1) }
            if joiner == 0 {
                ExecJoiner.run(
                    request.spec, launcher, target: target.rawValue,
                    standard: [null.rawValue, output.writer.rawValue, output.writer.rawValue],
                    gate: gate.reader.rawValue, report: report.writer.rawValue)
            }
            // Only the process holds these ends now, so their end is its end.
            output.writer = try FileDescriptor.open("/dev/null", O_WRONLY)
            report.writer = try FileDescriptor.open("/dev/null", O_WRONLY)
            do {
                try Cgroup(existing: request.cgroup).attach(joiner)
                try gate.writer.writeAll([ContainerInit.goOn])
            } catch {
                kill(joiner, SIGKILL)
                _ = ChildProcess.wait(joiner)
                throw error
            }
            let process = try awaitProgram(report.reader, joiner)
            return follow(process, output.reader, timeout: request.timeout)
        }
    }

    /// Reads the process's number, then the end of the report, which says that the program runs.
    private static func awaitProgram(_ report: borrowing FileDescriptor, _ joiner: pid_t) throws -> pid_t {
        let bytes = try report.readToEnd(limit: 1 << 20)
        _ = ChildProcess.wait(joiner)
        var process: pid_t = 0
        var rest = bytes[...]
        if rest.first == ExecJoiner.number, rest.count >= 5 {
            for byte in rest[1..<5].reversed() { process = process << 8 | pid_t(byte) }
            rest = rest.dropFirst(5)
        }
        if rest.first == ContainerInit.failed {
            if process > 0 { _ = ChildProcess.wait(process) }
            throw RuntimeError(json: (try? JSONValue(parsing: rest.dropFirst())) ?? .null)
        }
        guard process > 0 else { throw RuntimeError(.setupFailed, "the process could not join the container") }
        return process
    }

    private static func follow(
        _ process: pid_t, _ output: borrowing FileDescriptor, timeout: Int?
    ) -> (JSONValue, [UInt8]) {
        let pidfd = FileDescriptor(adopting: wherry_pidfd_open(process, 0))
        let number = output.rawValue
        _ = wherry_fcntl_integer(number, F_SETFL, O_NONBLOCK)
        let deadline = timeout.map { MonotonicInstant.now().advanced(by: .milliseconds($0)) }
        var collected: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        var timedOut = false
        var entries = [
            pollfd(fd: pidfd.rawValue, events: Int16(POLLIN), revents: 0),
            pollfd(fd: number, events: Int16(POLLIN), revents: 0),
        ]
        /// False at the end of the output or when there is none for now.
        func readOutput() -> Bool {
            let count = chunk.withUnsafeMutableBytes { read(number, $0.baseAddress, $0.count) }
            if count > 0 { collected += chunk[..<min(count, outputLimit - collected.count)] }
            if count == 0 { entries[1].fd = -1 }
            return count > 0
        }
        while entries[0].revents == 0 {
            var wait: Int32 = -1
            if let deadline, !timedOut {
                let left = MonotonicInstant.now().duration(to: deadline)
                wait = max(
                    0,
                    Int32(
                        clamping: left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
                            + 1))
                if left <= .zero {
                    timedOut = true
                    kill(-process, SIGKILL)  // it leads its own session and group
                    kill(process, SIGKILL)
                    continue
                }
            }
            _ = poll(&entries, 2, wait)
            if entries[1].revents != 0 { _ = readOutput() }
        }
        while readOutput() {}
        var header: JSONValue = ["timedOut": .bool(timedOut)]
        switch ChildProcess.wait(process) {
        case .signaled(let signal): header["signal"] = .integer(Int64(signal))
        case .exited(let status): header["status"] = .integer(Int64(status))
        case nil: header["status"] = -1
        }
        return (header, collected)
    }
}
