import Cgroups
import JSON
public import Linux
public import OCI

/// Creates, starts, signals and deletes containers as the OCI runtime specification means it.
///
/// Every function blocks; call them from a thread of your own. All state is in files below `root` and in the kernel, so any
/// process with the same root sees the same containers. Each container has a monitor process that outlives the caller.
public struct Runtime: Sendable {
    /// Holds one directory per container, mode 0700; lives on tmpfs.
    public let root: String
    let executable: SelfExecutable?

    /// - Parameters:
    ///   - root: absolute; its directory is made on demand. Sandboxes live beside it in `sandboxes`.
    ///   - executable: a program whose `main` begins with `RuntimeProcess.runIfRequested`; nil where no container has a monitor.
    public init(root: String, executable: SelfExecutable?) {
        self.root = root
        self.executable = executable
    }

    /// Options of `create` that are not part of the specification.
    public struct CreateOptions: Sendable {
        /// Nil discards the output.
        public var log: LogFile?
        /// A file to write the container's pid to.
        public var pidFile: String?

        /// What the program finds as its standard input; a terminal is the specification's to ask for.
        public var input: ContainerInput

        public init(log: LogFile? = nil, input: ContainerInput = .none, pidFile: String? = nil) {
            self.log = log
            self.input = input
            self.pidFile = pidFile
        }
    }

    /// A container that waits at its start gate.
    public struct Created: Sendable {
        /// The container's first process.
        public let pid: pid_t
        /// A child of the caller: reap it once it has ended.
        public let monitorPid: pid_t
        /// Readable when the monitor, and with it the container, has ended and `exit.json` is there. The caller closes it.
        public let monitorPidfd: Int32
    }

    /// Sets a container up to the point before its program starts.
    ///
    /// After an error nothing is left of it. A program that does not exist is an error here, not at `start`.
    public func create(
        id: String, spec: RuntimeSpec, options: CreateOptions = CreateOptions()
    ) throws(RuntimeError) -> Created {
        let directory = try ContainerDirectory(root: root, id: id)
        try Self.validate(spec)
        // Their launcher would need the specification, which a monitor leaves to the container's set-up.
        if !spec.linux.netDevices.isEmpty { throw Self.unsupported("linux.netDevices under a monitor") }
        if spec.mounts.contains(where: IDMappedMounts.isMapped) {
            throw Self.unsupported("an id-mapped mount under a monitor")
        }
        if let name = CapabilitySet.unknown(spec.process?.capabilities).first {
            throw RuntimeError(.invalidSpec, "capability \"\(name)\" is not known")
        }
        let plan = try MonitorPlan(spec: spec, log: options.log, input: options.input)
        try makeDirectory(directory)
        do {
            let config = try stage("encode config.json") { try spec.encoded().serialized() }
            try stage("write the container's files") {
                try Self.write(config, plan, to: directory)
                try systemCall("mkfifo", on: directory.start) { mkfifo(directory.start, 0o600) }
                try systemCall("mkfifo", on: directory.started) { mkfifo(directory.started, 0o600) }
            }
            let created = try startMonitor(directory)
            try Self.write(pid: created.pid, to: options.pidFile)
            return created
        } catch {
            try? Files.removeTree(directory.path)
            throw error
        }
    }

    /// Opens the start gate. Returns when the program runs, or throws why it does not; the exit is recorded then.
    public func start(_ id: String) throws(RuntimeError) {
        let directory = try existing(id)
        let answer = try stage("open the start gate of \(id)") {
            try FileDescriptor.open(directory.started, O_RDONLY | O_NONBLOCK)
        }
        // Without a reader there is no process at the gate.
        guard let record = Self.json(directory.state).flatMap(MonitorRecord.init(json:)), record.status == .created,
            let gate = try? FileDescriptor.open(directory.start, O_WRONLY | O_NONBLOCK)
        else {
            throw RuntimeError(.invalidState, "container \(id) is not waiting to be started")
        }
        try stage("open the start gate of \(id)") { try gate.writeAll([SetupChannel.start]) }
        let bytes = try Self.readMessage(answer, from: "container \(id)")
        if record.monitorPid == 0 { return try started(directory, record, bytes) }
        guard let json = try? JSONValue(parsing: bytes) else {
            throw RuntimeError(.monitorFailed, "the monitor of container \(id) gave no answer")
        }
        if json["code"] != nil { throw RuntimeError(json: json) }
    }

    /// A container without a monitor: its own process has answered, by an error or by the end of the answer.
    private func started(
        _ directory: ContainerDirectory, _ old: MonitorRecord, _ answer: [UInt8]
    ) throws(RuntimeError) {
        if answer.first == SetupChannel.failed {
            throw RuntimeError(json: (try? JSONValue(parsing: answer.dropFirst())) ?? .null)
        }
        var record = old
        record.status = .running
        record.startedAt = WallClock.timestamp()
        try Self.save(record, to: directory)
        guard let hooks = try spec(of: directory.id).hooks?.poststart else { return }
        do throws(RuntimeError) {
            try HookRunner.run(hooks, named: "poststart", ociState(directory.id))
        } catch {
            try? signal(directory.id, SIGKILL, all: true)
            throw error
        }
    }

    /// Sends a signal to the container's first process, or with `all` to each of its processes.
    public func signal(_ id: String, _ signal: Int32, all: Bool = false) throws(RuntimeError) {
        let state = try state(id)
        let plan = try plan(of: existing(id))
        // Without a group the end of the first process is that of all, if it has its own pid namespace.
        if all, plan.cgroup != nil || !plan.hasOwnPidNamespace || signal != SIGKILL {
            // Those of a container that shares a pid namespace may outlive its first one.
            let cgroup = try cgroup(of: id)
            try stage("signal the processes of container \(id)") {
                if signal == SIGKILL { return try cgroup.kill() }
                for process in try cgroup.processes() { kill(process, signal) }
            }
            return
        }
        guard state.status == .running || state.status == .created else {
            throw RuntimeError(.invalidState, "container \(id) is not running")
        }
        guard let pidfd = ProcessIdentity.open(state.pid, startTime: state.startTime) else {
            throw RuntimeError(.invalidState, "container \(id) is not running")
        }
        try stage("signal container \(id)") { try ProcessIdentity.signal(pidfd: pidfd.rawValue, signal) }
        // A frozen process cannot die.
        if signal == SIGKILL, let cgroup = try? cgroup(of: id), (try? cgroup.isFrozen()) == true { try? cgroup.thaw() }
    }

    /// The identifiers of all containers, sorted.
    public func list() -> [String] {
        ((try? Files.listDirectory(root)) ?? []).filter {
            ContainerDirectory.isValid($0) && Files.isDirectory("\(root)/\($0)")
        }
    }

    func existing(_ id: String) throws(RuntimeError) -> ContainerDirectory {
        let directory = try ContainerDirectory(root: root, id: id)
        guard Files.isDirectory(directory.path) else {
            throw RuntimeError(.notFound, "container \(id) does not exist")
        }
        return directory
    }

    func plan(of directory: ContainerDirectory) throws(RuntimeError) -> MonitorPlan {
        guard let bytes = try? Files.read(directory.plan), let json = try? JSONValue(parsing: bytes),
            let plan = MonitorPlan(json: json)
        else {
            throw RuntimeError(.monitorFailed, "container \(directory.id): \(directory.plan) is missing or damaged")
        }
        return plan
    }
}

extension Runtime {
    func makeDirectory(_ directory: ContainerDirectory) throws(RuntimeError) {
        try stage("make \(root)") { try Files.makeDirectories(root, mode: 0o700) }
        if mkdir(directory.path, 0o700) == 0 { return }
        if Errno.last == .exists { throw RuntimeError(.exists, "container \(directory.id) exists already") }
        throw RuntimeError(
            stage: "make the container's directory",
            SystemError(call: "mkdir", errno: .last, subject: directory.path))
    }

    static func write(_ config: [UInt8], _ plan: MonitorPlan, to directory: ContainerDirectory) throws(SystemError) {
        for (path, bytes) in [(directory.config, config), (directory.plan, plan.json.serialized())] {
            let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try file.writeAll(bytes)
        }
        try systemCall("mkdir", on: directory.rootMount) { mkdir(directory.rootMount, 0o700) }
    }

    static func write(pid: pid_t, to path: String?) throws(RuntimeError) {
        guard let path else { return }
        try stage("write \(path)") {
            try Files.writeAtomically(Array("\(pid)".utf8), to: path, mode: 0o644, durable: false)
        }
    }

    private func startMonitor(_ directory: ContainerDirectory) throws(RuntimeError) -> Created {
        let child = try spawn(verb: RuntimeProcess.monitorVerb, directory.path)
        let bytes: [UInt8]
        do {
            bytes = try Self.readMessage(child.report, from: "the monitor of container \(directory.id)")
        } catch {
            kill(child.process.pid, SIGKILL)
            _ = ChildProcess.wait(child.process.pid)
            close(child.process.pidfd)
            throw error
        }
        guard let json = try? JSONValue(parsing: bytes), let pid = json["pid"]?.intValue else {
            _ = ChildProcess.wait(child.process.pid)
            close(child.process.pidfd)
            if let json = try? JSONValue(parsing: bytes) { throw RuntimeError(json: json) }
            throw RuntimeError(.monitorFailed, "the monitor of container \(directory.id) ended without a message")
        }
        return Created(
            pid: pid_t(clamping: pid), monitorPid: child.process.pid, monitorPidfd: child.process.pidfd)
    }

    struct Child: ~Copyable {
        let process: ChildProcess.Spawned
        /// What the child writes to its descriptor 3.
        let report: FileDescriptor
        /// What the child reads from its descriptor 4.
        let request: FileDescriptor
    }

    /// Starts one of this program's hidden verbs: descriptors 0–2 are /dev/null unless given, the environment is empty.
    func spawn(
        verb: String, _ arguments: String..., workingDirectory: String = "/", standard: [Int32?] = [nil, nil, nil],
        console: Int32? = nil
    ) throws(RuntimeError) -> Child {
        guard let executable else { throw RuntimeError(.unsupported, "this runtime starts no \(verb)") }
        return try stage("start \(verb)") {
            let null = try FileDescriptor.open("/dev/null", O_RDWR)
            let report = try FileDescriptor.pipe()
            let request = try FileDescriptor.pipe()
            var descriptors: [(parent: Int32, child: Int32)] = [
                (report.writer.rawValue, RuntimeProcess.reportDescriptor),
                (request.reader.rawValue, RuntimeProcess.requestDescriptor),
            ]
            for (number, descriptor) in standard.enumerated() {
                descriptors.append((descriptor ?? null.rawValue, Int32(number)))
            }
            if let console { descriptors.append((console, RuntimeProcess.consoleDescriptor)) }
            let process = try ChildProcess.spawn(
                .descriptor(executable.descriptor), arguments: [verb] + arguments, environment: [],
                fileDescriptors: descriptors, newSession: true, workingDirectory: workingDirectory)
            return Child(
                process: process, report: try report.reader.duplicate(), request: try request.writer.duplicate())
        }
    }

    /// Reads until the writer closes, for at most a minute.
    static func readMessage(_ descriptor: borrowing FileDescriptor, from whom: String) throws(RuntimeError) -> [UInt8] {
        let deadline = MonotonicInstant.now().advanced(by: .seconds(60))
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let left = MonotonicInstant.now().duration(to: deadline)
            guard left > .zero else { throw RuntimeError(.timedOut, "\(whom) did not answer within a minute") }
            var entry = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
            let ready = poll(&entry, 1, Int32(clamping: left.components.seconds * 1000 + 1))
            if ready <= 0 { continue }
            let number = descriptor.rawValue
            let count = chunk.withUnsafeMutableBytes { read(number, $0.baseAddress, $0.count) }
            if count < 0, Errno.last == .again || Errno.last == .interrupted { continue }
            if count <= 0 || bytes.count > 1 << 20 { return bytes }
            bytes += chunk[..<count]
        }
    }

    /// Refuses what cannot become a container, before anything is made.
    static func validate(_ spec: RuntimeSpec) throws(RuntimeError) {
        guard let process = spec.process else { throw RuntimeError(.invalidSpec, "the specification has no process") }
        try validate(process)
        if let overlay = spec.overlay {
            guard !overlay.lower.isEmpty else {
                throw RuntimeError(.invalidSpec, "the root overlay has no lower layer")
            }
            guard (overlay.upper == nil) == (overlay.work == nil) else {
                throw RuntimeError(
                    .invalidSpec, "the root overlay needs both an upper and a work directory, or neither")
            }
        } else {
            guard let path = spec.root?.path, path.utf8.first == UInt8(ascii: "/") else {
                throw RuntimeError(.invalidSpec, "root.path must be an absolute path")
            }
        }
        for mount in spec.mounts {
            guard mount.destination.utf8.first == UInt8(ascii: "/") else {
                throw RuntimeError(.invalidSpec, "mount destination \"\(mount.destination)\" is not an absolute path")
            }
            if MountOptions(mount.options ?? []).copiesUp, mount.type != "tmpfs" {
                throw RuntimeError(.invalidSpec, "mount \(mount.destination): tmpcopyup is only for tmpfs")
            }
        }
        try Sysctl.validate(spec.linux)
        try IDMappings.validate(spec.linux)
        try validate(version: spec.ociVersion)
        try validate(spec.linux, hostname: spec.hostname ?? spec.domainname)
        try HookRunner.validate(spec.hooks)
        if spec.linux.intelRdt != nil { throw unsupported("linux.intelRdt") }
        try NetworkDevices.validate(spec.linux)
        try IDMappedMounts.validate(spec)
        if let label = spec.linux.mountLabel, !label.isEmpty { throw unsupported("linux.mountLabel") }
    }

    /// Of the specification's first generation, which later ones must stay compatible with.
    private static func validate(version: String) throws(RuntimeError) {
        let parts = version.split(separator: ".", omittingEmptySubsequences: false)
        let isNumeric = parts.count >= 3 && parts[..<2].allSatisfy { Int($0) != nil }
        guard isNumeric, parts[0] == "1" else {
            throw RuntimeError(.invalidSpec, "ociVersion \"\(version)\" is not supported: 1.0.0 to 1.2.x is")
        }
    }

    private static func validate(_ linux: RuntimeSpec.Linux, hostname: String?) throws(RuntimeError) {
        var seen: Set<RuntimeSpec.Namespace.Kind> = []
        for namespace in linux.namespaces {
            guard seen.insert(namespace.type).inserted else {
                throw RuntimeError(.invalidSpec, "linux.namespaces names \(namespace.type.rawValue) twice")
            }
            if let path = namespace.path, !path.isEmpty, path.utf8.first != UInt8(ascii: "/") {
                throw RuntimeError(.invalidSpec, "namespace path \"\(path)\" is not an absolute path")
            }
        }
        if hostname?.isEmpty == false, linux.namespace(.uts) == nil {
            throw RuntimeError(
                .invalidSpec, "hostname and domainname need a uts namespace: they would change the host's")
        }
        for path in linux.maskedPaths + linux.readonlyPaths + linux.devices.map(\.path)
        where path.utf8.first != UInt8(ascii: "/") {
            throw RuntimeError(.invalidSpec, "\"\(path)\" is not an absolute path")
        }
    }

    private static func unsupported(_ member: String) -> RuntimeError {
        RuntimeError(.unsupported, "\(member) is not supported by this runtime: leave it out")
    }

    static func validate(_ process: RuntimeSpec.Process) throws(RuntimeError) {
        guard let program = process.args.first, !program.isEmpty else {
            throw RuntimeError(.invalidSpec, "the process has no program: process.args is empty")
        }
        guard process.cwd.utf8.first == UInt8(ascii: "/") else {
            throw RuntimeError(.invalidSpec, "working directory \"\(process.cwd)\" is not an absolute path")
        }
        guard Set(process.rlimits.map(\.type)).count == process.rlimits.count else {
            throw RuntimeError(.invalidSpec, "process.rlimits names a limit twice")
        }
        for text in process.args + process.env where text.utf8.contains(0) {
            throw RuntimeError(.invalidSpec, "arguments and environment must not contain a zero byte")
        }
        for (member, label) in [
            ("process.apparmorProfile", process.apparmorProfile), ("process.selinuxLabel", process.selinuxLabel),
        ] where label?.isEmpty == false && label != "unconfined" {
            throw unsupported(member)
        }
    }
}
