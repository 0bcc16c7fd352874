public import Cgroups
import JSON
public import Linux
public import OCI

// Containers from OCI bundles, as other engines ask for them: no monitor stands between the engine and the container's process,
// so that it is the engine that sees its end.

extension Runtime {
    /// What a container from a bundle is given besides its specification.
    public struct BundleOptions: Sendable {
        /// A file to write the container's pid to.
        public var pidFile: String?
        /// A UNIX socket that gets the terminal's master.
        public var consoleSocket: String?
        /// So many descriptors from 3 on are the program's as well.
        public var preservedDescriptors: Int
        /// Of those, so many are sockets that a service manager has opened for the program (sd_listen_fds(3)).
        public var socketDescriptors = 0
        /// The session keyring stays the caller's.
        public var keepsKeyring = false
        /// The container's cgroup is a scope that systemd makes; `cgroupsPath` is `slice:prefix:name` then.
        public var usesSystemd = false
        /// Leaves the container's files and cgroup behind after a run in the foreground.
        public var isKept: Bool

        public init(
            pidFile: String? = nil, consoleSocket: String? = nil, preservedDescriptors: Int = 0, isKept: Bool = false
        ) {
            self.pidFile = pidFile
            self.consoleSocket = consoleSocket
            self.preservedDescriptors = preservedDescriptors
            self.isKept = isKept
        }

        var preserved: [Int32] { (0..<max(preservedDescriptors, socketDescriptors)).map { Int32(3 + $0) } }

        /// What the program is told about its sockets.
        var environment: [String] {
            socketDescriptors == 0 ? [] : ["LISTEN_FDS=\(socketDescriptors)", "LISTEN_PID=1"]
        }

        /// A connected descriptor, nil when the process has no terminal.
        func console(for process: RuntimeSpec.Process?) throws(RuntimeError) -> Int32? {
            guard process?.terminal == true else {
                guard consoleSocket == nil else {
                    throw RuntimeError(.invalidSpec, "a console socket is of use only with process.terminal")
                }
                return nil
            }
            guard let consoleSocket else {
                throw RuntimeError(
                    .invalidSpec,
                    "process.terminal of a detached process needs a console socket to send the terminal to")
            }
            return try stage("connect to the console socket") {
                try systemCall("connect", on: consoleSocket) { wherry_connect_unix(consoleSocket) }
            }
        }
    }

    /// Sets a container up to the point before its program starts: a child of the caller, with its descriptors 0, 1 and 2.
    /// After an error nothing is left of it. The caller must have a single thread.
    @discardableResult
    public func create(id: String, bundle: Bundle, options: BundleOptions = BundleOptions()) throws(RuntimeError)
        -> pid_t
    {
        try prepare(id, bundle, options) { directory, spec, plan, state throws(RuntimeError) in
            try stage("make the start gate") {
                try systemCall("mkfifo", on: directory.start) { mkfifo(directory.start, 0o600) }
                try systemCall("mkfifo", on: directory.started) { mkfifo(directory.started, 0o600) }
            }
            let console = try options.console(for: spec.process)
            let launch = try ContainerLaunch(
                directory, plan: plan, spec: spec, state: state,
                ContainerLaunch.Connections(
                    standard: [0, 1, 2], preserved: options.preserved, console: console,
                    keepsKeyring: options.keepsKeyring, isDetached: true),
                record: { pid throws(RuntimeError) in
                    try Self.save(Self.record(pid, .creating, bundle: bundle), to: directory)
                })
            do throws(RuntimeError) {
                try Self.save(Self.record(launch.pid, .created, bundle: bundle), to: directory)
                try Self.write(pid: launch.pid, to: options.pidFile)
                try launch.release()
            } catch {
                launch.abandon()
                throw error
            }
            return launch.pid
        }
    }

    /// Makes the container's files, and removes them after an error.
    func prepare<Value>(
        _ id: String, _ bundle: Bundle, _ options: BundleOptions,
        _ body: (ContainerDirectory, RuntimeSpec, MonitorPlan, OCIState) throws(RuntimeError) -> Value
    ) throws(RuntimeError) -> Value {
        let directory = try ContainerDirectory(root: root, id: id)
        var spec = bundle.spec(for: id, usesSystemd: options.usesSystemd)
        spec.process?.env += options.environment
        try Self.validate(spec)
        let plan = try MonitorPlan(spec: spec, log: nil, usesSystemd: options.usesSystemd)
        if let scope = plan.scope { spec.linux.cgroupsPath = scope.path }
        try makeDirectory(directory)
        for name in CapabilitySet.unknown(spec.process?.capabilities) {
            try? Files.writeAll(2, Array("warning: capability \(name) is not known and not given\n".utf8))
        }
        let state = OCIState(id: id, status: .creating, pid: 0, bundle: bundle.path, annotations: spec.annotations)
        do throws(RuntimeError) {
            try stage("write the container's files") { try Self.write(bundle.config, plan, to: directory) }
            return try body(directory, spec, plan, state)
        } catch {
            try? Files.removeTree(directory.path)
            if error.code == .hookFailed { HookRunner.runPoststop(spec.hooks?.poststop ?? [], state) }
            throw error
        }
    }

    static func record(_ pid: pid_t, _ status: ContainerState.Status, bundle: Bundle) -> MonitorRecord {
        let now = WallClock.timestamp()
        return MonitorRecord(
            status: status, pid: pid, startTime: ProcessIdentity.startTime(of: pid), monitorPid: 0, createdAt: now,
            startedAt: status == .running ? now : nil, bundle: bundle.path)
    }

    static func save(_ record: MonitorRecord, to directory: ContainerDirectory) throws(RuntimeError) {
        try stage("write \(directory.state)") {
            try Files.writeAtomically(record.json.serialized(), to: directory.state, durable: false)
        }
    }

    /// The specification that a container was made from.
    public func spec(of id: String) throws(RuntimeError) -> RuntimeSpec {
        let path = try existing(id).config
        return try stage("read \(path)") { try RuntimeSpec.decode(JSONValue(parsing: Files.read(path))) }
    }

    /// The state as the OCI runtime specification words it.
    public func ociState(_ id: String) throws(RuntimeError) -> OCIState {
        let state = try state(id)
        var status = OCIState.Status(rawValue: state.status.rawValue) ?? .stopped
        if status == .running, (try? cgroup(of: id).isFrozen()) == true { status = .paused }
        return OCIState(id: id, status: status, pid: state.pid, bundle: state.bundle, annotations: state.annotations)
    }

    /// The container's control group.
    public func cgroup(of id: String) throws(RuntimeError) -> Cgroup {
        guard let cgroup = try plan(of: existing(id)).cgroup else {
            throw RuntimeError(
                .unsupported,
                "container \(id) has no cgroup: a plain user's container has one if linux.resources is set")
        }
        return cgroup
    }

    /// Changes the limits that `resources` names; the others stay.
    public func update(_ id: String, _ resources: RuntimeSpec.Resources) throws(RuntimeError) {
        let limits = try MonitorPlan.limits(resources: resources)
        let scope = try plan(of: existing(id)).scope
        try stage("update container \(id)") {
            if let scope { try scope.update(limits) } else { try cgroup(of: id).update(limits) }
        }
    }
}
