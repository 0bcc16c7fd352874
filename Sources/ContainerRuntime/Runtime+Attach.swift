public import Linux

extension Runtime {
    /// Our ends of a running container's streams: its output from now on, and what writes to its standard input when the
    /// container was given one. The container waits while nobody reads what it wrote, but for ten seconds at most.
    ///
    /// - Throws: `invalidState` when the container has ended, `unsupported` when it was started without streams.
    public func attach(_ id: String) throws(RuntimeError) -> ProcessStreams {
        let directory = try existing(id)
        let plan = try plan(of: directory)
        return try stage("attach to container \(id)") {
            let place = try FileDescriptor.open(directory.path, O_PATH | O_DIRECTORY)
            guard !Files.exists(directory.exit) else {
                throw RuntimeError(.invalidState, "container \(id) is not running")
            }
            let path = "/proc/self/fd/\(place.rawValue)/attach"
            guard Files.exists(path) else {
                throw RuntimeError(
                    .unsupported,
                    "container \(id) was started by an older version or without output: restart it to attach to it")
            }
            let socket = FileDescriptor(
                adopting: try systemCall("connect", on: directory.attach) { wherry_connect_unix(path) })
            return try Self.receiveStreams(socket, hasTerminal: plan.hasTerminal, of: id)
        }
    }

    /// The monitor sends stdout, stderr and perhaps the input, and closes the connection.
    private static func receiveStreams(
        _ socket: borrowing FileDescriptor, hasTerminal: Bool, of id: String
    ) throws -> ProcessStreams {
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        let number = socket.rawValue
        try systemCall("setsockopt") {
            setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var received: [Int32] = []
        while received.count < 3 {
            let descriptor = wherry_receive_descriptor(number)
            guard descriptor >= 0 else { break }
            received.append(descriptor)
        }
        guard received.count >= 2 else {
            for descriptor in received { close(descriptor) }
            throw RuntimeError(
                .monitorFailed,
                "the monitor of container \(id) gave no streams: too many are attached, or it just ended")
        }
        return ProcessStreams(
            input: received.count > 2 ? received[2] : nil, stdout: received[0], stderr: received[1],
            hasTerminal: hasTerminal)
    }
}
