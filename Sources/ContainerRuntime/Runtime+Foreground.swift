import Cgroups
import JSON
import Linux
import OCI

extension Runtime {
    /// Runs a container until it ends: a child of this process, with this process's descriptors 0, 1 and 2. Nothing is left
    /// of it then.
    ///
    /// Signals that ask a program for something are passed on to the container. Only for a program with one thread that does
    /// nothing else meanwhile.
    public func run(id: String, bundle: Bundle, pidFile: String? = nil) throws(RuntimeError) -> ContainerExit {
        let directory = try ContainerDirectory(root: root, id: id)
        let spec = bundle.spec(for: id)
        try Self.validate(spec)
        let plan = try MonitorPlan(spec: spec, log: nil)
        try makeDirectory(directory)
        do throws(RuntimeError) {
            try stage("write the container's files") { try Self.write(bundle.config, plan, to: directory) }
            let signals = try stage("watch signals") {
                FileDescriptor(
                    adopting: try systemCall("signalfd") {
                        wherry_signalfd(Self.forwardedSignals, Self.forwardedSignals.count)
                    })
            }
            let exit = try Cgroup.batch { () throws(RuntimeError) in
                try run(directory, plan, spec, signals, pidFile)
            }
            try stage("remove container \(id)") { try Files.removeTree(directory.path) }
            return exit
        } catch {
            try? Files.removeTree(directory.path)
            throw error
        }
    }

    private static let forwardedSignals = [
        SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCONT, SIGWINCH,
    ]

    private func run(
        _ directory: ContainerDirectory, _ plan: MonitorPlan, _ spec: RuntimeSpec, _ signals: borrowing FileDescriptor,
        _ pidFile: String?
    ) throws(RuntimeError) -> ContainerExit {
        var launch = try ContainerLaunch(directory, plan: plan, spec: spec, standard: [0, 1, 2])
        let pid = getpid()
        let startedAt = WallClock.timestamp()
        do throws(RuntimeError) {
            let record = MonitorRecord(
                status: .running, pid: launch.pid, startTime: ProcessIdentity.startTime(of: launch.pid),
                monitorPid: pid, monitorStartTime: ProcessIdentity.startTime(of: pid), createdAt: startedAt,
                startedAt: startedAt)
            try stage("write \(directory.state)") {
                try Files.writeAtomically(record.json.serialized(), to: directory.state, durable: false)
            }
            try Self.write(pid: launch.pid, to: pidFile)
            try launch.openGate()
        } catch {
            launch.abandon()
            throw error
        }
        Self.forward(signals, to: launch.pidfd)
        let status = launch.collect()
        var exit = ContainerExit(code: status?.code ?? 255, startedAt: startedAt, finishedAt: WallClock.timestamp())
        if case .signaled(let signal) = status { exit.signal = signal }
        exit.oomKilled = exit.code != 0 && ((try? launch.cgroup.oomKillCount()) ?? 0) > 0
        try? launch.cgroup.remove()
        return exit
    }

    /// Passes signals on until the process has ended.
    private static func forward(_ signals: borrowing FileDescriptor, to pidfd: Int32) {
        var entries = [
            pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0),
            pollfd(fd: signals.rawValue, events: Int16(POLLIN), revents: 0),
        ]
        var information = [UInt32](repeating: 0, count: 32)  // struct signalfd_siginfo; the number comes first
        while entries[0].revents == 0 {
            guard poll(&entries, 2, -1) > 0, entries[1].revents != 0 else { continue }
            let number = signals.rawValue
            while information.withUnsafeMutableBytes({ read(number, $0.baseAddress, $0.count) }) == 128 {
                _ = wherry_pidfd_send_signal(pidfd, Int32(bitPattern: information[0]))
            }
        }
    }
}
