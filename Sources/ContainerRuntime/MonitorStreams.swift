import Linux

/// The monitor's ends of a container's standard streams; -1 where there is none.
struct MonitorStreams {
    /// The terminal's master when the container has one: its only output then. Non-blocking, as is `stderr`.
    var stdout: Int32 = -1
    var stderr: Int32 = -1
    /// What an attached client writes to: a pipe, or the terminal's master.
    var input: Int32 = -1
    /// Accepts clients that want to attach.
    var listener: Int32 = -1
    /// Whether the first client takes `input` away with it.
    var isInputOnce = false

    var hasTerminal: Bool { input >= 0 && input == stdout }

    /// Starts a container, connected to new streams.
    static func launch(
        _ directory: ContainerDirectory, _ plan: MonitorPlan
    ) throws(RuntimeError) -> (ContainerLaunch, MonitorStreams) {
        var streams = MonitorStreams(isInputOnce: plan.input == .once)
        var (launch, theirs) = (nil as ContainerLaunch?, [] as [Int32])
        try stage("launch") {
            let null = try FileDescriptor.open("/dev/null", O_RDWR)
            var connections = ContainerLaunch.Connections(standard: [null.rawValue, null.rawValue, null.rawValue])
            if plan.hasTerminal {
                var ends: [Int32] = [-1, -1]
                try systemCall("socketpair") { wherry_socket_pair(&ends) }
                theirs = ends
                connections.console = ends[1]
            } else {
                if plan.input != .none { (connections.standard[0], streams.input) = try pipe() }
                if plan.log != nil {
                    (streams.stdout, connections.standard[1]) = try pipe()
                    (streams.stderr, connections.standard[2]) = try pipe()
                }
                theirs = connections.standard.filter { $0 != null.rawValue }
            }
            launch = try ContainerLaunch(directory, plan: plan, connections)
        }
        guard let launch else { throw RuntimeError(.monitorFailed, "the container was not launched") }
        do throws(RuntimeError) {
            if plan.hasTerminal { try streams.takeTerminal(from: theirs[0]) }
            try streams.listen(at: directory, plan)
        } catch {
            launch.abandon()
            throw error
        }
        for descriptor in theirs { close(descriptor) }
        for descriptor in [streams.stdout, streams.stderr] where descriptor >= 0 {
            _ = wherry_fcntl_integer(descriptor, F_SETFL, O_NONBLOCK)
        }
        return (launch, streams)
    }

    private static func pipe() throws(SystemError) -> (reader: Int32, writer: Int32) {
        let ends = try FileDescriptor.pipe()
        return (try ends.reader.duplicate().release(), try ends.writer.duplicate().release())
    }

    private mutating func takeTerminal(from socket: Int32) throws(RuntimeError) {
        stdout = try stage("receive the terminal") { try systemCall("recvmsg") { wherry_receive_descriptor(socket) } }
        input = stdout
    }

    /// A container without a log has no output that anybody could see.
    private mutating func listen(at directory: ContainerDirectory, _ plan: MonitorPlan) throws(RuntimeError) {
        guard stdout >= 0 || input >= 0 else { return }
        listener = try stage("make \(directory.attach)") {
            // Through the directory's descriptor: a socket's path has 107 bytes at most.
            let place = try FileDescriptor.open(directory.path, O_PATH | O_DIRECTORY)
            let path = "/proc/self/fd/\(place.rawValue)/attach"
            return try systemCall("bind", on: directory.attach) { wherry_listen_unix(path) }
        }
    }
}
