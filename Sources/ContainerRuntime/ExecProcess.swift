import JSON
import Linux
import OCI

/// The helper process of an `exec` whose output is collected: it waits for the process, and reports how it ended.
enum ExecProcess {
    static let outputLimit = 10 << 10

    static func run(_ directory: ContainerDirectory) -> Int32 {
        _ = wherry_block_all_signals()
        wherry_set_thread_name("wherry-exec")
        Memory.configure()
        let caller = FileDescriptor(adopting: RuntimeProcess.reportDescriptor)
        _ = wherry_fcntl_integer(caller.rawValue, F_SETFD, FD_CLOEXEC)
        do {
            let (process, timeout) = try readRequest()
            let (header, output) = try run(process, in: directory, timeout: timeout)
            try? caller.writeAll(header.serialized() + [UInt8(ascii: "\n")] + output)
            return 0
        } catch {
            try? caller.writeAll(error.json.serialized())
            return 1
        }
    }

    private static func readRequest() throws(RuntimeError) -> (RuntimeSpec.Process, timeout: Int?) {
        let file = FileDescriptor(adopting: RuntimeProcess.requestDescriptor)
        return try stage("read the request") {
            let request = try JSONValue(parsing: file.readToEnd(limit: 4 << 20))
            guard let process = request["process"] else {
                throw RuntimeError(.invalidSpec, "the request names no process")
            }
            return (try process.decode(), request["timeout"]?.intValue)
        }
    }

    private static func run(
        _ process: RuntimeSpec.Process, in directory: ContainerDirectory, timeout: Int?
    ) throws(RuntimeError) -> (JSONValue, [UInt8]) {
        try stage("exec") {
            let null = try FileDescriptor.open("/dev/null", O_RDWR)
            var output = try FileDescriptor.pipe()
            let launch = try ExecLaunch(
                process, in: directory,
                ContainerLaunch.Connections(
                    standard: [null.rawValue, output.writer.rawValue, output.writer.rawValue]))
            // Only the process holds this end now, so its end is the end of the output.
            output.writer = try FileDescriptor.open("/dev/null", O_WRONLY)
            return follow(launch, output.reader, timeout: timeout)
        }
    }

    private static func follow(
        _ launch: ExecLaunch, _ output: borrowing FileDescriptor, timeout: Int?
    ) -> (JSONValue, [UInt8]) {
        let process = launch.pid
        let number = output.rawValue
        _ = wherry_fcntl_integer(number, F_SETFL, O_NONBLOCK)
        let deadline = timeout.map { MonotonicInstant.now().advanced(by: .milliseconds($0)) }
        var collected: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        var timedOut = false
        var entries = [
            pollfd(fd: launch.pidfd, events: Int16(POLLIN), revents: 0),
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
