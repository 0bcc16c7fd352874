import JSON
public import Linux
public import OCI

extension Runtime {
    /// A process that was added to a container. Its owner calls `execResult` exactly once.
    public struct ExecHandle: Sendable {
        /// The helper process outside the container, a child of the caller; `execResult` reaps it.
        public let pid: pid_t
        /// Readable when the result is there.
        public let pidfd: Int32
        let result: Int32
    }

    /// What a process in a container did.
    public struct ExecResult: Sendable, Hashable {
        public var status: ExitStatus
        /// The first 10 KiB of stdout and stderr, in the order of arrival.
        public var output: [UInt8]
        /// It was killed because its time was over.
        public var timedOut: Bool

        public init(status: ExitStatus, output: [UInt8], timedOut: Bool = false) {
            self.status = status
            self.output = output
            self.timedOut = timedOut
        }
    }

    /// What a process in a container is connected to; the descriptors stay the caller's.
    public struct ExecConnections: Sendable {
        /// The process's descriptors 0, 1 and 2; nil is /dev/null.
        public var standard: [Int32?]
        /// A connected socket that is sent the terminal's master, for a process with a terminal.
        public var console: Int32?

        public init(standard: [Int32?] = [nil, nil, nil], console: Int32? = nil) {
            self.standard = standard
            self.console = console
        }
    }

    /// Starts a process in a running container, with the container's namespaces, cgroup and filter. Returns at once; whether
    /// it could be started is part of the result.
    ///
    /// - Parameters:
    ///   - process: nil capabilities mean none; usually they are those of the container's own process.
    ///   - connections: nil collects the output for the result.
    public func exec(
        id: String, process: RuntimeSpec.Process, connections: ExecConnections? = nil, timeout: Duration? = nil
    ) throws(RuntimeError) -> ExecHandle {
        let directory = try existing(id)
        try Self.validate(process)
        let request = try stage("encode the process") {
            var request: JSONValue = ["process": try JSONValue(encoding: process)]
            if let connections {
                request["connected"] = true
                if connections.console != nil { request["console"] = true }
            }
            if let timeout {
                let (seconds, attoseconds) = timeout.components
                request["timeout"] = .integer(seconds * 1000 + attoseconds / 1_000_000_000_000_000)
            }
            return request.serialized()
        }
        let child = try spawn(
            verb: RuntimeProcess.execVerb, directory.path, standard: connections?.standard ?? [nil, nil, nil],
            console: connections?.console)
        try stage("tell the helper what to run") {
            try child.request.writeAll(request)
        }
        let result = try stage("start the helper") { try child.report.duplicate().release() }
        return ExecHandle(pid: child.process.pid, pidfd: child.process.pidfd, result: result)
    }

    /// Waits for a process of `exec`, and releases its handle.
    public func execResult(_ handle: ExecHandle) throws(RuntimeError) -> ExecResult {
        defer {
            close(handle.pidfd)
            _ = ChildProcess.wait(handle.pid)
        }
        let file = FileDescriptor(adopting: handle.result)
        let bytes = try stage("read the result of exec") { try file.readToEnd(limit: 1 << 20) }
        let end = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
        guard let header = try? JSONValue(parsing: bytes[..<end]) else {
            throw RuntimeError(.monitorFailed, "exec ended without a result")
        }
        if header["code"] != nil { throw RuntimeError(json: header) }
        let status: ExitStatus
        if let signal = header["signal"]?.intValue {
            status = .signaled(Int32(clamping: signal))
        } else {
            status = .exited(Int32(clamping: header["status"]?.intValue ?? -1))
        }
        return ExecResult(
            status: status, output: end < bytes.endIndex ? Array(bytes[(end + 1)...]) : [],
            timedOut: header["timedOut"]?.boolValue ?? false)
    }
}
