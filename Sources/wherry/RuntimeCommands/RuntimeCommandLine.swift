import ContainerRuntime
import JSON
import Linux

/// `wherry runtime …`, and the whole program when it is called `wherry-oci`: an OCI runtime for other engines, with runc's words.
///
/// It is taken before the argument parser and anything concurrent.
struct RuntimeCommandLine {
    let runtime: Runtime
    let log: RuntimeLog
    let usesSystemd: Bool

    /// The exit status, nil when the arguments ask for another face of the program.
    static func runIfRequested(_ arguments: [String]) -> Int32? {
        let isAlone = arguments.first?.split(separator: "/").last == "wherry-oci"
        guard isAlone || arguments.count >= 2 && arguments[1] == "runtime" else { return nil }
        var rest = arguments.dropFirst(isAlone ? 1 : 2)
        var log = RuntimeLog()
        do {
            let global = try RuntimeArguments(&rest, globalGrammar)
            log = try RuntimeLog(path: global["log"], format: global["log-format"] ?? "text")
            if global.has("version") { return printVersion() }
            guard !global.has("help"), let verb = global.words.first else {
                print(usage)
                return global.has("help") ? 0 : 2
            }
            let manager = global["cgroup-manager"] ?? (global.has("systemd-cgroup") ? "systemd" : "cgroupfs")
            guard ["cgroupfs", "systemd"].contains(manager) else {
                throw RuntimeArguments.UsageError(description: "--cgroup-manager is cgroupfs or systemd")
            }
            let line = RuntimeCommandLine(
                runtime: Runtime(
                    root: try DaemonDirectories.absolute(global["root"] ?? defaultRoot), executable: nil),
                log: log, usesSystemd: manager == "systemd")
            return try line.run(verb, &rest)
        } catch let error as RuntimeArguments.UsageError {
            log.error("\(error)")
            return 2
        } catch let error as ExecFailure {
            log.error("exec failed: \(error.cause)")
            return 255
        } catch {
            log.error("\(error)")
            return 1
        }
    }

    /// An exec that did not come to run its program; told apart from the program's own status.
    struct ExecFailure: Error {
        let cause: any Error
    }

    private static var defaultRoot: String {
        if geteuid() != 0, let directory = getenv("XDG_RUNTIME_DIR") {
            return String(cString: directory) + "/wherry-runtime"
        }
        return "/run/wherry/runtime"
    }

    private static let globalGrammar = RuntimeArguments.Grammar(
        flags: [["debug"], ["systemd-cgroup"], ["help", "h"], ["version", "v"]],
        values: [["root"], ["log"], ["log-format"], ["cgroup-manager"], ["rootless"], ["criu"]], endsAtFirstWord: true)

    private static let usage = """
        Usage: wherry runtime [--root DIR] [--log FILE] [--log-format text|json] [--debug] COMMAND

        Commands: create run start state kill delete exec list ps pause resume update events spec features
        """

    private static func printVersion() -> Int32 {
        print("wherry-oci version \(Wherry.version)\nspec: 1.2.0")
        return 0
    }

    private func run(_ verb: String, _ rest: inout ArraySlice<String>) throws -> Int32 {
        switch verb {
        case "create": try create(&rest)
        case "run": try runContainer(&rest)
        case "start": try start(&rest)
        case "state": try state(&rest)
        case "kill": try kill(&rest)
        case "delete": try delete(&rest)
        case "exec": try exec(&rest)
        case "list": try list(&rest)
        case "ps": try processes(&rest)
        case "pause": try freeze(&rest, true)
        case "resume": try freeze(&rest, false)
        case "update": try update(&rest)
        case "events": try events(&rest)
        case "spec": try spec(&rest)
        case "features": try features(&rest)
        case "checkpoint", "restore":
            throw RuntimeError(.unsupported, "\(verb) is not supported: there is no CRIU in this runtime")
        default: throw RuntimeArguments.UsageError(description: "unknown command \(verb)")
        }
    }

    /// For a verb whose own clone is inside a container for a moment.
    func requireProtectedExecutable() throws {
        guard SelfExecutable.isProtected else {
            throw RuntimeError(
                .unsupported,
                "the program could not start over from a copy of itself that containers cannot write (CVE-2019-5736): "
                    + "/proc must be mounted, and a copy in memory possible")
        }
    }

    func identifier(_ arguments: RuntimeArguments) throws -> String {
        guard arguments.words.count == 1 else {
            throw RuntimeArguments.UsageError(description: "give exactly one container's ID")
        }
        return arguments.words[0]
    }
}

/// Where a runtime tells what went wrong: engines read the last line of the log.
struct RuntimeLog {
    private var path: String?
    private var isJSON = false

    init() {}

    init(path: String?, format: String) throws {
        guard ["text", "json"].contains(format) else {
            throw RuntimeArguments.UsageError(description: "--log-format is text or json")
        }
        self.path = path == "" ? nil : path
        isJSON = format == "json"
    }

    func error(_ message: String) {
        let line = line(message)
        if let path {
            if let file = try? FileDescriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644) {
                try? file.writeAll(Array(line.utf8))
            }
            try? Files.writeAll(2, Array("\(message)\n".utf8))
        } else {
            try? Files.writeAll(2, Array(line.utf8))
        }
    }

    private func line(_ message: String) -> String {
        let time = WallClock.timestamp()
        if isJSON {
            let entry: JSONValue = ["level": "error", "msg": .string(message), "time": .string(time)]
            return String(decoding: entry.serialized(), as: UTF8.self) + "\n"
        }
        let quoted = String(decoding: JSONValue.string(message).serialized(), as: UTF8.self)
        return "time=\"\(time)\" level=error msg=\(quoted)\n"
    }
}
