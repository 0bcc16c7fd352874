import Linux

/// The program's hidden faces: processes that must be small and single-threaded.
public enum RuntimeProcess {
    static let monitorVerb = "wherry-monitor"
    /// What a monitor becomes once its container's program runs.
    static let watchVerb = "wherry-watch"
    static let execVerb = "wherry-exec"
    static let sandboxVerb = "wherry-sandbox"

    /// Runs a hidden verb and returns its exit status; nil when the arguments name none.
    ///
    /// Call it first in `main`, before anything starts a thread: these processes clone themselves without exec.
    public static func runIfRequested(_ arguments: [String]) -> Int32? {
        guard arguments.count >= 2 else { return nil }
        switch arguments[0] {
        case monitorVerb: return Monitor.run(ContainerDirectory(path: arguments[1]))
        case watchVerb: return ContainerWatch.resume(arguments)
        case execVerb: return ExecProcess.run(ContainerDirectory(path: arguments[1]))
        case sandboxVerb: return SandboxProcess.run(arguments[1])
        default: return nil
        }
    }

    /// Descriptors that `Runtime.spawn` gives to these processes.
    static let reportDescriptor: Int32 = 3
    static let requestDescriptor: Int32 = 4
    /// Only for a process with a terminal.
    static let consoleDescriptor: Int32 = 5
}
