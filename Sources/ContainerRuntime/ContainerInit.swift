import JSON
import Linux
import OCI

/// The container's first process between its clone and its program: single-threaded, and already in its namespaces.
///
/// Errors are reported with the step that failed; nothing here returns to the launcher's code.
struct ContainerInit {
    /// The descriptors that the process keeps.
    struct Descriptors {
        /// What becomes 0, 1 and 2.
        var standard: [Int32]
        /// What the program finds from 3 on.
        var preserved: [Int32] = []
        var gate: Int32
        var report: Int32
        /// For a process that outlives its launcher: what takes the place of `gate` and of `report` then.
        var startGate: Int32?
        var answer: Int32?
        /// A connected socket for the terminal's master.
        var console: Int32?
        /// To the agent of a seccomp filter.
        var listener: Int32?
        /// Detached mounts that the launcher has made, by their position in the specification.
        var mounts: [Int: Int32] = [:]
        var keepsKeyring = false

        /// The line to whoever opens the start gate.
        var laterChannel: SetupChannel? {
            guard let startGate, let answer else { return nil }
            return SetupChannel(gate: startGate, report: answer)
        }
    }

    private let directory: ContainerDirectory
    private let spec: RuntimeSpec
    private let state: OCIState?
    private let console: Int32?
    private let startGate: SetupChannel?
    private let mounts: [Int: Int32]
    private var channel: SetupChannel
    private var hasGroup = false

    /// - Parameters:
    ///   - spec: nil reads it from the container's directory.
    ///   - state: what hooks are told; nil runs none.
    static func run(
        _ directory: ContainerDirectory, spec: RuntimeSpec?, state: OCIState?, joins: [NamespaceClone.Join],
        _ descriptors: Descriptors
    ) -> Never {
        var channel = SetupChannel(gate: descriptors.gate, report: descriptors.report)
        do {
            try join(joins)
            let kept = try arrange(descriptors)
            channel = SetupChannel(gate: kept.gate, report: kept.report)
            wherry_reset_signals()
            try stage("start a session") { try systemCall("setsid") { setsid() } }
            // Keys of the launcher's session are not the container's. A kernel without keyrings has none to keep.
            if !descriptors.keepsKeyring { _ = wherry_join_session_keyring("_ses.\(directory.id)") }
            let spec = if let spec { spec } else { try readSpec(directory) }
            var process = ContainerInit(
                directory: directory, spec: spec, state: state, console: kept.console, startGate: kept.laterChannel,
                mounts: kept.mounts, channel: channel)
            try process.setUp()
        } catch {
            channel.fail(error)
        }
    }

    private mutating func setUp() throws(RuntimeError) -> Never {
        var launcher = try ProgramLauncher(
            spec, runtimeRoot: directory.runtimeRoot,
            state: state
                ?? OCIState(
                    id: directory.id, status: .creating, pid: 0, bundle: directory.path, annotations: spec.annotations))
        try channel.expect(SetupChannel.goOn)
        if let network = spec.linux.namespace(.network), network.path == nil {
            try stage("bring up lo") { try systemCall("ioctl", on: "lo") { wherry_interface_up("lo") } }
        }
        let sources = try RootFilesystem.Sources(spec, directory, mapped: mounts)
        try becomeMappedRoot()
        try makeLateNamespaces()
        try setHostname()
        var terminal: Terminal?
        try RootFilesystem.enter(
            spec, sources, beforeCgroups: { () throws(RuntimeError) in try awaitGroup() },
            beforeEntering: { root throws(RuntimeError) in
                try awaitGroup()
                try launcher.resolveUser(root: root)
                if spec.process?.terminal == true {
                    terminal = try Terminal.make(root: root, spec.process?.consoleSize)
                }
                try runHooks()
            })
        if let terminal {
            guard let console else {
                throw RuntimeError(.invalidSpec, "process.terminal is set, and there is no console to send it to")
            }
            try terminal.takeOver(console: console, owner: launcher.uid)
        }
        try launcher.takeIdentity()
        _ = wherry_prctl(Kernel.Process.setDumpable, 0, 0, 0, 0)  // until the program runs (CVE-2016-9962)
        try channel.send(SetupChannel.ready)
        if let startGate { try outliveLauncher(startGate) }
        do throws(RuntimeError) {
            try channel.expect(SetupChannel.start)
            if let state, let hooks = spec.hooks?.startContainer {
                try HookRunner.run(hooks, named: "startContainer", state.with(.created, pid: getpid()))
            }
            try launcher.execute()
        } catch {
            channel.fail(error)
        }
    }

    /// The launcher makes the cgroup meanwhile.
    private mutating func awaitGroup() throws(RuntimeError) {
        guard !hasGroup else { return }
        try channel.expect(SetupChannel.grouped)
        hasGroup = true
    }

    /// Until the launcher has recorded the container its end is this process's, too: nobody else knows of it.
    private mutating func outliveLauncher(_ startGate: SetupChannel) throws(RuntimeError) {
        try channel.expect(SetupChannel.recorded)
        close(channel.gate)
        close(channel.report)
        channel = startGate
    }

    /// In a user namespace the mapped root is who may set things up.
    private func becomeMappedRoot() throws(RuntimeError) {
        guard let namespace = spec.linux.namespace(.user) else { return }
        try stage("become root in the user namespace") {
            try systemCall("setresgid") { wherry_setresgid(0) }
            try systemCall("setresuid") { wherry_setresuid(0) }
            // In one that others are in already they must not see the host through this process (CVE-2016-9962).
            guard namespace.path == nil else { return }
            // Its /proc files belong to the mapped root again.
            try systemCall("prctl") { wherry_prctl(Kernel.Process.setDumpable, 1, 0, 0, 0) }
        }
    }

    /// Those that can only be made by the process itself, once it is in its cgroup and has its rights.
    private mutating func makeLateNamespaces() throws(RuntimeError) {
        if let cgroup = spec.linux.namespace(.cgroup), cgroup.path == nil {
            try awaitGroup()
            try stage("make the cgroup namespace") {
                try systemCall("unshare") { wherry_unshare(Int32(WHERRY_CLONE_NEWCGROUP)) }
            }
        }
        guard let time = spec.linux.namespace(.time), time.path == nil else { return }
        try stage("make the time namespace") {
            try systemCall("unshare") { wherry_unshare(Int32(WHERRY_CLONE_NEWTIME)) }
            for (clock, offset) in spec.linux.timeOffsets {
                let file = try FileDescriptor.open("/proc/self/timens_offsets", O_WRONLY)
                try file.writeAll(Array("\(clock) \(offset.secs ?? 0) \(offset.nanosecs ?? 0)\n".utf8))
            }
            let own = try FileDescriptor.open("/proc/self/ns/time_for_children", O_RDONLY)
            try systemCall("setns") { wherry_setns(own.rawValue, Int32(WHERRY_CLONE_NEWTIME)) }
        }
    }

    private func setHostname() throws(RuntimeError) {
        guard let namespace = spec.linux.namespace(.uts), namespace.path == nil else { return }
        if let hostname = spec.hostname {
            try stage("set the host name") {
                try systemCall("sethostname", on: hostname) { wherry_sethostname(hostname, hostname.utf8.count) }
            }
        }
        if let domain = spec.domainname {
            try stage("set the domain name") {
                try systemCall("setdomainname", on: domain) { wherry_setdomainname(domain, domain.utf8.count) }
            }
        }
    }

    /// The launcher's hooks first, then those that run in here, with the host's files still in sight.
    private func runHooks() throws(RuntimeError) {
        guard let state, let hooks = spec.hooks else { return }
        if hooks.prestart != nil || hooks.createRuntime != nil {
            try channel.send(SetupChannel.wantsHooks)
            try channel.expect(SetupChannel.hooksRan)
        }
        try HookRunner.run(hooks.createContainer ?? [], named: "createContainer", state.with(.creating, pid: getpid()))
    }

    private static func join(_ joins: [NamespaceClone.Join]) throws(RuntimeError) {
        for join in joins where join.type != WHERRY_CLONE_NEWPID && join.type != WHERRY_CLONE_NEWUSER {
            try stage("join a namespace") {
                try systemCall("setns") { wherry_setns(join.descriptor, join.type) }
            }
        }
    }

    /// Puts the descriptors at 0, 1, 2 … and closes every other (CVE-2024-21626). Those that the program may not have close
    /// on exec.
    static func arrange(_ descriptors: Descriptors) throws(RuntimeError) -> Descriptors {
        let mounts = descriptors.mounts.sorted { $0.key < $1.key }
        let others =
            [
                descriptors.gate, descriptors.report, descriptors.startGate, descriptors.answer, descriptors.console,
                descriptors.listener,
            ].compactMap(\.self) + mounts.map(\.value)
        let given = descriptors.standard + descriptors.preserved
        try arrange(given + others, keepingOnExec: given.count)
        var next = Int32(given.count)
        func position(_ descriptor: Int32?) -> Int32? {
            guard descriptor != nil else { return nil }
            defer { next += 1 }
            return next
        }
        var kept = Descriptors(
            standard: [0, 1, 2], gate: position(descriptors.gate) ?? -1, report: position(descriptors.report) ?? -1,
            startGate: position(descriptors.startGate), answer: position(descriptors.answer),
            console: position(descriptors.console), listener: position(descriptors.listener))
        for mount in mounts { kept.mounts[mount.key] = position(mount.value) }
        return kept
    }

    private static func arrange(_ descriptors: [Int32], keepingOnExec kept: Int) throws(RuntimeError) {
        try stage("arrange the descriptors") {
            let lowest = max(64, Int32(descriptors.count))
            let moved = try descriptors.map { descriptor in
                try systemCall("fcntl") { wherry_fcntl_integer(descriptor, F_DUPFD_CLOEXEC, lowest) }
            }
            for (target, descriptor) in moved.enumerated() {
                try systemCall("dup3") { wherry_dup3(descriptor, Int32(target), target < kept ? 0 : 1) }
            }
            try systemCall("close_range") { wherry_close_range(UInt32(descriptors.count), .max, 0) }
        }
    }

    private static func readSpec(_ directory: ContainerDirectory) throws(RuntimeError) -> RuntimeSpec {
        try stage("read \(directory.config)") {
            try RuntimeSpec.decode(JSONValue(parsing: Files.read(directory.config)))
        }
    }
}
