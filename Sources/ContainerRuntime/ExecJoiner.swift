import Linux
import OCI

/// The clone of an exec's launcher that enters the container.
enum ExecJoiner {
    /// Precedes the process's number, 4 bytes, low byte first.
    static let number = UInt8(ascii: "P")

    /// - Parameter container: its identifier.
    static func run(
        _ spec: RuntimeSpec, _ launcher: ProgramLauncher, in container: String, target: Int32,
        _ descriptors: ContainerInit.Descriptors
    ) -> Never {
        var channel = SetupChannel(gate: descriptors.gate, report: descriptors.report)
        do {
            // The container's process takes the place of the descriptor that nobody reads.
            var descriptors = descriptors
            descriptors.answer = target
            let kept = try ContainerInit.arrange(descriptors)
            channel = SetupChannel(gate: kept.gate, report: kept.report)
            wherry_reset_signals()
            try channel.expect(SetupChannel.goOn)
            if let target = kept.answer { try join(spec, target) }
            let ownNumber = try stage("clone into the container") { try FileDescriptor.pipe() }
            let process = try stage("clone into the container") {
                try systemCall("clone3") { wherry_clone3(UInt64(WHERRY_CLONE_PARENT), nil, -1) }
            }
            if process == 0 {
                var launcher = launcher
                if let listener = kept.listener {
                    launcher.seccompListener?.socket = listener
                    var bytes = [UInt8](repeating: 0, count: 4)
                    try stage("learn the own number") {
                        try systemCall("read") { read(ownNumber.reader.rawValue, &bytes, bytes.count) }
                    }
                    launcher.seccompListener?.pid = NamespaceClone.number(bytes)
                }
                try become(launcher, in: container, console: kept.console)
            }
            let bytes = NamespaceClone.bytes(process)
            try stage("report the process") { try Files.writeAll(channel.report, [number] + bytes) }
            try stage("tell the process its number") { try ownNumber.writer.writeAll(bytes) }
            wherry_exit_now(0)
        } catch {
            channel.fail(error)
        }
    }

    /// All namespaces that are the container's own; the pid namespace last, since from then on the container can see us.
    private static func join(_ spec: RuntimeSpec, _ target: Int32) throws(RuntimeError) {
        var types = 0
        for namespace in spec.linux.namespaces where namespace.type != .pid {
            types |= MonitorPlan.flag(namespace.type)
        }
        try stage("join the container's namespaces") {
            try systemCall("setns") { wherry_setns(target, Int32(types)) }
            if spec.linux.namespace(.pid) != nil {
                try systemCall("setns") { wherry_setns(target, Int32(WHERRY_CLONE_NEWPID)) }
            }
            try systemCall("close") { close(target) }
            guard spec.linux.namespace(.user) != nil else { return }
            try systemCall("setresgid") { wherry_setresgid(0) }
            try systemCall("setresuid") { wherry_setresuid(0) }
        }
    }

    private static func become(
        _ launcher: ProgramLauncher, in container: String, console: Int32?
    ) throws(RuntimeError) -> Never {
        var launcher = launcher
        // The number goes first into the pipe: the joiner writes it when this process's turn may already be over.
        try stage("start a session") { try systemCall("setsid") { setsid() } }
        _ = wherry_join_session_keyring("_ses.\(container)")  // the caller's keys are not the container's
        let root = try stage("open the container's root") { try FileDescriptor.open("/", O_PATH | O_DIRECTORY) }
        try launcher.resolveUser(root: root.rawValue)
        if let console {
            try Terminal.make(root: root.rawValue, launcher.process.consoleSize, mountsConsole: false)
                .takeOver(console: console, owner: launcher.uid)
        }
        root.close()
        try launcher.takeIdentity()
        try launcher.execute()
    }
}
