import Linux
import OCI

/// The clone of an exec helper that enters the container.
enum ExecJoiner {
    /// Precedes the process's number, 4 bytes, low byte first.
    static let number = UInt8(ascii: "P")
    private static let target: Int32 = 5

    static func run(
        _ spec: RuntimeSpec, _ launcher: ProgramLauncher, target: Int32, standard: [Int32], gate: Int32, report: Int32
    ) -> Never {
        do {
            try ContainerInit.arrange(standard + [gate, report, target])
            wherry_reset_signals()
            try ContainerInit.expect(ContainerInit.goOn)
            try join(spec)
            let process = try stage("clone into the container") {
                try systemCall("clone3") { wherry_clone3(UInt64(WHERRY_CLONE_PARENT), nil, -1) }
            }
            if process == 0 { try become(launcher) }
            let bits = UInt32(bitPattern: process)
            let bytes = (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
            try stage("report the process") { try Files.writeAll(ContainerInit.report, [number] + bytes) }
            wherry_exit_now(0)
        } catch {
            ContainerInit.fail(error)
        }
    }

    /// All namespaces that are the container's own; the pid namespace last, since from then on the container can see us.
    private static func join(_ spec: RuntimeSpec) throws(RuntimeError) {
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
        }
    }

    private static func become(_ launcher: ProgramLauncher) throws(RuntimeError) -> Never {
        var launcher = launcher
        // The number goes first into the pipe: the joiner writes it when this process's turn may already be over.
        try stage("start a session") { try systemCall("setsid") { setsid() } }
        let root = try stage("open the container's root") { try FileDescriptor.open("/", O_PATH | O_DIRECTORY) }
        try launcher.resolveUser(root: root.rawValue)
        root.close()
        try launcher.takeIdentity()
        try launcher.execute()
    }
}
