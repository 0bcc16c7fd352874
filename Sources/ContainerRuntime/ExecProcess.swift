import JSON
import Linux
import OCI

/// The helper process of an `exec`: it waits for the process, and reports how it ended and, unless the process is connected to
/// descriptors of the caller's, what it wrote.
enum ExecProcess {
    static let outputLimit = 10 << 10

    static func run(_ directory: ContainerDirectory) -> Int32 {
        _ = wherry_block_all_signals()
        wherry_set_thread_name("wherry-exec")
        Memory.configure()
        let caller = FileDescriptor(adopting: RuntimeProcess.reportDescriptor)
        _ = wherry_fcntl_integer(caller.rawValue, F_SETFD, FD_CLOEXEC)
        do {
            let request = try readRequest()
            let (header, output) =
                try request.isConnected ? (runConnected(request, in: directory), []) : run(request, in: directory)
            try? caller.writeAll(header.serialized() + [UInt8(ascii: "\n")] + output)
            return 0
        } catch {
            try? caller.writeAll(error.json.serialized())
            return 1
        }
    }

    private struct Request {
        let process: RuntimeSpec.Process
        /// Whether descriptors 0, 1 and 2 are the process's.
        let isConnected: Bool
        let hasConsole: Bool
        /// Milliseconds.
        let timeout: Int?
    }

    private static func readRequest() throws(RuntimeError) -> Request {
        let file = FileDescriptor(adopting: RuntimeProcess.requestDescriptor)
        return try stage("read the request") {
            let request = try JSONValue(parsing: file.readToEnd(limit: 4 << 20))
            guard let process = request["process"] else {
                throw RuntimeError(.invalidSpec, "the request names no process")
            }
            return Request(
                process: try process.decode(), isConnected: request["connected"]?.boolValue ?? false,
                hasConsole: request["console"]?.boolValue ?? false, timeout: request["timeout"]?.intValue)
        }
    }

    /// The process outlives its caller's interest: whoever is not there any more has closed its ends, and that is all.
    private static func runConnected(
        _ request: Request, in directory: ContainerDirectory
    ) throws(RuntimeError) -> JSONValue {
        let console = request.hasConsole ? RuntimeProcess.consoleDescriptor : nil
        if let console { _ = wherry_fcntl_integer(console, F_SETFD, FD_CLOEXEC) }
        let process = try ExecLaunch(
            request.process, in: directory, ContainerLaunch.Connections(standard: [0, 1, 2], console: console)
        ).pid
        // The streams end with the process, so nobody else may hold them.
        try stage("leave the streams to the process") {
            let null = try FileDescriptor.open("/dev/null", O_RDWR)
            for number: Int32 in 0...2 { try systemCall("dup3") { wherry_dup3(null.rawValue, number, 0) } }
            if let console { close(console) }
        }
        var header: JSONValue = [:]
        record(ChildProcess.wait(process), in: &header)
        return header
    }

    private static func record(_ status: ExitStatus?, in header: inout JSONValue) {
        switch status {
        case .signaled(let signal): header["signal"] = .integer(Int64(signal))
        case .exited(let status): header["status"] = .integer(Int64(status))
        case nil: header["status"] = -1
        }
    }

    private static func run(
        _ request: Request, in directory: ContainerDirectory
    ) throws(RuntimeError) -> (JSONValue, [UInt8]) {
        try stage("exec") {
            let null = try FileDescriptor.open("/dev/null", O_RDWR)
            var output = try FileDescriptor.pipe()
            let launch = try ExecLaunch(
                request.process, in: directory,
                ContainerLaunch.Connections(
                    standard: [null.rawValue, output.writer.rawValue, output.writer.rawValue]))
            // Only the process holds this end now, so its end is the end of the output.
            output.writer = try FileDescriptor.open("/dev/null", O_WRONLY)
            return follow(launch, output.reader, timeout: request.timeout)
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
        record(ChildProcess.wait(process), in: &header)
        return (header, collected)
    }
}
