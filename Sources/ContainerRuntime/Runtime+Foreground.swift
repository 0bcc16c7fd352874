import Cgroups
import JSON
import Linux
public import OCI

extension Runtime {
    /// Runs a container until it ends: a child of this process, with this process's descriptors 0, 1 and 2. Unless it is kept,
    /// nothing is left of it then.
    ///
    /// Signals that ask a program for something are passed on to the container. Only for a program with one thread that does
    /// nothing else meanwhile.
    public func run(
        id: String, bundle: Bundle, options: BundleOptions = BundleOptions()
    ) throws(RuntimeError) -> ContainerExit {
        let directory = try ContainerDirectory(root: root, id: id)
        let (launch, record) = try prepare(id, bundle, options) { directory, spec, plan, state throws(RuntimeError) in
            try attend(directory, plan, spec, state, bundle, options)
        }
        return try Cgroup.batch { () throws(RuntimeError) in
            let exit = conclude(launch, record, directory)
            do throws(RuntimeError) {
                if !options.isKept { try delete(id) }
            } catch {
                guard error.code == .notFound else { throw error }
            }
            return exit
        }
    }

    /// Launches a container and stays with it until its process has ended.
    private func attend(
        _ directory: ContainerDirectory, _ plan: MonitorPlan, _ spec: RuntimeSpec, _ state: OCIState, _ bundle: Bundle,
        _ options: BundleOptions
    ) throws(RuntimeError) -> (ContainerLaunch, MonitorRecord) {
        var attendant = try Attendant(spec.process, options)
        var launch = try ContainerLaunch(
            directory, plan: plan, spec: spec, state: state,
            ContainerLaunch.Connections(
                standard: [0, 1, 2], preserved: options.preserved, console: attendant.console,
                keepsKeyring: options.keepsKeyring))
        let record = Self.record(launch.pid, .running, bundle: bundle)
        do throws(RuntimeError) {
            try Self.save(record, to: directory)
            try Self.write(pid: launch.pid, to: options.pidFile)
            try attendant.begin()
            try launch.openGate()
            try HookRunner.run(
                spec.hooks?.poststart ?? [], named: "poststart", state.with(.running, pid: launch.pid))
        } catch {
            attendant.end()
            launch.abandon()
            throw error
        }
        attendant.attend(launch.pidfd)
        attendant.end()
        return (launch, record)
    }

    private func conclude(
        _ launch: ContainerLaunch, _ record: MonitorRecord, _ directory: ContainerDirectory
    ) -> ContainerExit {
        let status = launch.collect()
        var exit = ContainerExit(
            code: status?.code ?? 255, startedAt: record.startedAt, finishedAt: WallClock.timestamp())
        if case .signaled(let signal) = status { exit.signal = signal }
        exit.oomKilled = exit.code != 0 && launch.sawOutOfMemory
        // Whoever deleted it by force was faster.
        try? Files.writeAtomically(exit.json.serialized(), to: directory.exit, durable: false)
        return exit
    }

    /// Runs a process in a running container until it ends, and returns its exit status; detached, until its program runs.
    ///
    /// It has this process's descriptors 0, 1 and 2. The caller must have a single thread.
    public func exec(
        id: String, process: RuntimeSpec.Process, options: BundleOptions, detached: Bool
    ) throws(RuntimeError) -> Int32 {
        let directory = try existing(id)
        try Self.validate(process)
        if detached {
            let console = try options.console(for: process)
            let launch = try ExecLaunch(
                process, in: directory,
                ContainerLaunch.Connections(
                    standard: [0, 1, 2], preserved: options.preserved, console: console))
            try Self.write(pid: launch.pid, to: options.pidFile)
            return 0
        }
        var attendant = try Attendant(process, options)
        let launch = try ExecLaunch(
            process, in: directory,
            ContainerLaunch.Connections(standard: [0, 1, 2], preserved: options.preserved, console: attendant.console))
        try attendant.begin()
        defer { attendant.end() }
        try Self.write(pid: launch.pid, to: options.pidFile)
        attendant.attend(launch.pidfd)
        return ChildProcess.wait(launch.pid)?.code ?? 255
    }
}
