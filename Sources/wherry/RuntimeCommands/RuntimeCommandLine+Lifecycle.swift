import Cgroups
import ContainerRuntime
import JSON
import Linux
import OCI

extension RuntimeCommandLine {
    private static let bundleGrammar = RuntimeArguments.Grammar(
        flags: [["detach", "d"], ["keep"], ["no-pivot"], ["no-new-keyring"], ["no-subreaper"]],
        values: [["bundle", "b"], ["console-socket"], ["pidfd-socket"], ["pid-file"], ["preserve-fds"]])

    private func bundle(_ arguments: RuntimeArguments) throws -> Bundle {
        try Bundle(path: Self.clean(DaemonDirectories.absolute(arguments["bundle"] ?? ".")))
    }

    /// Without `.`, `..` and doubled slashes.
    private static func clean(_ path: String) -> String {
        var parts: [Substring.UTF8View] = []
        for part in path.utf8.split(separator: UInt8(ascii: "/")) where !part.elementsEqual(".".utf8) {
            if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.isEmpty ? "/" : parts.reduce(into: "") { $0 += "/" + String(Substring($1)) }
    }

    private func options(_ arguments: RuntimeArguments) throws -> Runtime.BundleOptions {
        var options = Runtime.BundleOptions(
            pidFile: arguments["pid-file"], consoleSocket: arguments["console-socket"],
            preservedDescriptors: try arguments.number("preserve-fds") ?? 0, isKept: arguments.has("keep"))
        options.keepsKeyring = arguments.has("no-new-keyring")
        options.usesSystemd = usesSystemd
        guard (0...1024).contains(options.preservedDescriptors) else {
            throw RuntimeArguments.UsageError(description: "--preserve-fds is a number from 0 to 1024")
        }
        // Socket activation: systemd hands descriptors from 3 on, to the process that it names.
        if number("LISTEN_PID") == Int(getpid()), let count = number("LISTEN_FDS"), (1...256).contains(count) {
            options.socketDescriptors = count
        }
        return options
    }

    private func number(_ variable: String) -> Int? {
        getenv(variable).flatMap { Int(String(cString: $0)) }
    }

    func create(_ rest: inout ArraySlice<String>) throws -> Int32 {
        let arguments = try RuntimeArguments(&rest, Self.bundleGrammar)
        let id = try identifier(arguments)
        try requireProtectedExecutable()
        try runtime.create(id: id, bundle: bundle(arguments), options: options(arguments))
        return 0
    }

    func runContainer(_ rest: inout ArraySlice<String>) throws -> Int32 {
        let arguments = try RuntimeArguments(&rest, Self.bundleGrammar)
        let id = try identifier(arguments)
        try requireProtectedExecutable()
        let (bundle, options) = (try bundle(arguments), try options(arguments))
        guard arguments.has("detach") else { return try runtime.run(id: id, bundle: bundle, options: options).code }
        try runtime.create(id: id, bundle: bundle, options: options)
        do {
            try runtime.start(id)
        } catch {
            try? runtime.delete(id, force: true)
            throw error
        }
        return 0
    }

    func start(_ rest: inout ArraySlice<String>) throws -> Int32 {
        try runtime.start(identifier(RuntimeArguments(&rest, RuntimeArguments.Grammar())))
        return 0
    }

    func kill(_ rest: inout ArraySlice<String>) throws -> Int32 {
        let arguments = try RuntimeArguments(&rest, RuntimeArguments.Grammar(flags: [["all", "a"]]))
        guard (1...2).contains(arguments.words.count) else {
            throw RuntimeArguments.UsageError(description: "give a container's ID and perhaps a signal")
        }
        let text = arguments.words.count == 2 ? arguments.words[1] : "SIGTERM"
        guard let signal = Signal.number(text) else {
            throw RuntimeArguments.UsageError(description: "unknown signal \"\(text)\"")
        }
        try runtime.signal(arguments.words[0], signal, all: arguments.has("all"))
        return 0
    }

    func delete(_ rest: inout ArraySlice<String>) throws -> Int32 {
        let arguments = try RuntimeArguments(&rest, RuntimeArguments.Grammar(flags: [["force", "f"]]))
        let id = try identifier(arguments)
        do throws(RuntimeError) {
            try runtime.delete(id, force: arguments.has("force"))
        } catch {
            // Gone is what was asked for.
            guard error.code == .notFound, arguments.has("force") else { throw error }
        }
        return 0
    }

    func freeze(_ rest: inout ArraySlice<String>, _ frozen: Bool) throws -> Int32 {
        let id = try identifier(RuntimeArguments(&rest, RuntimeArguments.Grammar()))
        let status = try runtime.ociState(id).status
        guard status == (frozen ? .running : .paused) else {
            throw RuntimeError(
                .invalidState, "container \(id) is \(status.rawValue), not \(frozen ? "running" : "paused")")
        }
        let cgroup = try runtime.cgroup(of: id)
        try frozen ? cgroup.freeze() : cgroup.thaw()
        return 0
    }

    func exec(_ rest: inout ArraySlice<String>) throws -> Int32 {
        let grammar = RuntimeArguments.Grammar(
            flags: [["tty", "t"], ["detach", "d"], ["no-new-privs"], ["ignore-paused"], ["no-subreaper"]],
            values: [
                ["console-socket"], ["pidfd-socket"], ["cwd"], ["env", "e"], ["user", "u"], ["additional-gids", "g"],
                ["process", "p"], ["pid-file"], ["process-label"], ["apparmor"], ["cap", "c"], ["preserve-fds"],
                ["cgroup"],
            ], endsAtFirstWord: true)
        let arguments = try RuntimeArguments(&rest, grammar)
        let id = try identifier(arguments)
        try requireProtectedExecutable()
        do {
            let state = try runtime.ociState(id)
            if state.status == .paused, !arguments.has("ignore-paused") {
                throw RuntimeError(.invalidState, "container \(id) is paused: resume it, or use --ignore-paused")
            }
            let process = try process(id, arguments, command: Array(rest.first == "--" ? rest.dropFirst() : rest))
            let options = try options(arguments)
            return try runtime.exec(id: id, process: process, options: options, detached: arguments.has("detach"))
        } catch let error as RuntimeArguments.UsageError {
            throw error
        } catch {
            throw ExecFailure(cause: error)
        }
    }

    /// From a file, or the container's own process with other words.
    private func process(
        _ id: String, _ arguments: RuntimeArguments, command: [String]
    ) throws -> RuntimeSpec.Process {
        if let path = arguments["process"] {
            var process: RuntimeSpec.Process = try JSONValue(parsing: Files.read(path, limit: 4 << 20)).decode()
            if arguments.has("tty") { process.terminal = true }
            return process
        }
        guard !command.isEmpty else {
            throw RuntimeArguments.UsageError(description: "give a command to run, or --process")
        }
        guard var process = try runtime.spec(of: id).process else {
            throw RuntimeError(.invalidSpec, "container \(id) has no process to take the settings from: use --process")
        }
        process.args = command
        process.terminal = arguments.has("tty")
        process.consoleSize = nil
        if let cwd = arguments["cwd"] { process.cwd = cwd }
        process.env += arguments.all("env")
        if arguments.has("no-new-privs") { process.noNewPrivileges = true }
        if let user = arguments["user"] { process.user = try Self.user(user, process.user) }
        let groups = try arguments.all("additional-gids").map { text in
            guard let group = Self.identifierNumber(text) else {
                throw RuntimeArguments.UsageError(description: "\"\(text)\" is not a group number")
            }
            return group
        }
        if !groups.isEmpty { process.user.additionalGids = (process.user.additionalGids ?? []) + groups }
        let added = arguments.all("cap")
        if !added.isEmpty {
            var capabilities = process.capabilities ?? RuntimeSpec.Capabilities()
            capabilities.bounding = (capabilities.bounding ?? []) + added
            capabilities.effective = (capabilities.effective ?? []) + added
            capabilities.permitted = (capabilities.permitted ?? []) + added
            process.capabilities = capabilities
        }
        return process
    }

    /// `UID[:GID]`, digits only (CVE-2026-30892).
    /// Digits only: no sign, no space.
    private static func identifierNumber(_ text: some StringProtocol) -> UInt32? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt32(text) : nil
    }

    static func user(_ text: String, _ old: RuntimeSpec.User) throws -> RuntimeSpec.User {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        func number(_ part: Substring) throws -> UInt32 {
            guard let number = identifierNumber(part) else {
                throw RuntimeArguments.UsageError(description: "--user: \"\(text)\" is not UID or UID:GID")
            }
            return number
        }
        guard (1...2).contains(parts.count) else {
            throw RuntimeArguments.UsageError(description: "--user: \"\(text)\" is not UID or UID:GID")
        }
        var user = old
        user.username = nil
        user.uid = try number(parts[0])
        if parts.count == 2 { user.gid = try number(parts[1]) }
        return user
    }
}

/// Signals by name or number.
enum Signal {
    static func number(_ text: String) -> Int32? {
        if let number = Int32(text) { return (1...64).contains(number) ? number : nil }
        var name = text.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        if let index = names.firstIndex(of: name) { return Int32(index + 1) }
        if name == "RTMIN" { return 34 }
        if name.hasPrefix("RTMIN+"), let offset = Int32(name.dropFirst(6)), (0...30).contains(offset) {
            return 34 + offset
        }
        return nil
    }

    /// In the order of their numbers on Linux.
    private static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM",
        "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH",
        "IO",
        "PWR", "SYS",
    ]
}
