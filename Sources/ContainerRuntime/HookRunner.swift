import JSON
import Linux
import OCI

/// Runs hooks one after the other with the container's state on their standard input.
enum HookRunner {
    /// - Throws: at the first hook that fails, with the end of what it printed.
    static func run(_ hooks: [RuntimeSpec.Hook], named kind: String, _ state: OCIState) throws(RuntimeError) {
        guard !hooks.isEmpty else { return }
        let text = state.json.serialized()
        for (index, hook) in hooks.enumerated() {
            do {
                try run(hook, text)
            } catch {
                throw RuntimeError(.hookFailed, "\(kind) hook #\(index), \(hook.path): \(error)", cause: error)
            }
        }
    }

    /// Runs them all; a failure changes nothing any more, and only the person at the terminal is told.
    static func runPoststop(_ hooks: [RuntimeSpec.Hook], _ state: OCIState) {
        for hook in hooks {
            do throws(RuntimeError) {
                try run([hook], named: "poststop", state.with(.stopped, pid: 0))
            } catch {
                try? Files.writeAll(2, Array("warning: \(error)\n".utf8))
            }
        }
    }

    static func validate(_ hooks: RuntimeSpec.Hooks?) throws(RuntimeError) {
        guard let hooks else { return }
        let kinds = [
            hooks.prestart, hooks.createRuntime, hooks.createContainer, hooks.startContainer, hooks.poststart,
            hooks.poststop,
        ]
        for hook in kinds.flatMap({ $0 ?? [] }) {
            guard hook.path.utf8.first == UInt8(ascii: "/") else {
                throw RuntimeError(.invalidSpec, "hook path \"\(hook.path)\" is not an absolute path")
            }
            if let timeout = hook.timeout, timeout <= 0 {
                throw RuntimeError(.invalidSpec, "hook \(hook.path): the timeout must be more than 0 seconds")
            }
        }
    }

    private static func run(_ hook: RuntimeSpec.Hook, _ state: [UInt8]) throws {
        let input = try memory("hook-state")
        try input.writeAll(state)
        try systemCall("lseek") { lseek(input.rawValue, 0, SEEK_SET) }
        let output = try memory("hook-output")
        let arguments = hook.args ?? []
        let process = try ChildProcess.spawn(
            path: hook.path, arguments: arguments.isEmpty ? [hook.path] : arguments, environment: hook.env ?? [],
            fileDescriptors: [(input.rawValue, 0), (output.rawValue, 1), (output.rawValue, 2)])
        defer { close(process.pidfd) }
        let isOver = hasEnded(process.pidfd, within: hook.timeout)
        if !isOver { kill(process.pid, SIGKILL) }
        let status = ChildProcess.wait(process.pid)
        guard isOver else {
            throw RuntimeError(.timedOut, "it did not end within \(hook.timeout ?? 0) s")
        }
        guard status == .exited(0) else {
            let printed = String(decoding: tail(of: output.rawValue), as: UTF8.self)
            let reason =
                switch status {
                case .signaled(let signal): "was killed by signal \(signal)"
                default: "ended with status \(status?.code ?? -1)"
                }
            throw RuntimeError(.hookFailed, "it \(reason): \(printed)")
        }
    }

    private static func memory(_ name: String) throws(SystemError) -> FileDescriptor {
        FileDescriptor(adopting: try systemCall("memfd_create") { wherry_memfd_create(name, 1) })
    }

    private static func hasEnded(_ pidfd: Int32, within seconds: Int?) -> Bool {
        let deadline = seconds.map { MonotonicInstant.now().advanced(by: .seconds($0)) }
        var entry = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
        while true {
            var wait: Int32 = -1
            if let deadline {
                let left = MonotonicInstant.now().duration(to: deadline)
                if left <= .zero { return false }
                wait = Int32(
                    clamping: left.components.seconds * 1000 + 1 + left.components.attoseconds / 1_000_000_000_000_000)
            }
            if poll(&entry, 1, wait) > 0 { return true }
        }
    }

    private static func tail(of descriptor: Int32) -> [UInt8] {
        let size = lseek(descriptor, 0, SEEK_END)
        lseek(descriptor, max(0, size - 1024), SEEK_SET)
        var bytes = (try? Files.readToEnd(descriptor, limit: 1024)) ?? []
        while let last = bytes.last, last == 10 || last == 13 || last == 32 { bytes.removeLast() }
        return bytes
    }
}
