import ArgumentParser
import DeviceLink
import JSON
import Linux
import NIOHTTP1

/// `wherry up`: hub, broker and one device on this machine.
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Start a hub with its broker and a device on this machine, until Ctrl-C.",
        discussion: """
            The device lives in the given directories, the hub in `hub` below each. When it stops, its containers stop.
            """)

    @OptionGroup var directories: DirectoryOptions
    @OptionGroup var log: LogOptions
    @Option(name: .customLong("node-name"), help: "The device's name in the fleet; the host's name without this.")
    var nodeName: String?

    func run() async throws {
        let parts = Parts(log: log)
        let signals = StopSignals.process.heed()
        var failure: (any Error)?
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await startAndWait(parts) }
                group.addTask { for await _ in signals { return } }
                // The first to end is a signal, or the failure of a part.
                try await group.next()
                group.cancelAll()
            }
        } catch {
            failure = error
        }
        await parts.stopAll()
        if let failure, !(failure is CancellationError) { throw failure }
    }

    private func startAndWait(_ parts: Parts) async throws {
        let data = try DaemonDirectories.absolute(directories.data)
        let run = try DaemonDirectories.absolute(directories.run)
        try Files.makeDirectories(data, mode: 0o700)
        try Files.makeDirectories(run, mode: 0o700)
        try await parts.start("hub", data: "\(data)/hub", run: "\(run)/hub")
        if try EnrolledName.of(data) == nil {
            let token = try await LocalClient(runDirectory: "\(run)/hub").json(.POST, "/wherry/v1/tokens", body: [:])
            _ = try await Enrolment.join(
                line: token["line"]?.stringValue ?? "", dataDirectory: data, device: nodeName ?? NodeName.ofHost())
        }
        let name = nodeName.map { ["--node-name", $0] } ?? []
        try await parts.start("agent", data: data, run: run, more: ["--on-exit", "stop"] + name)
        Wherry.write(
            "wherry up: ready; kubeconfigs: `wherry kubeconfig --run-dir \(run)/hub` (fleet), `… --run-dir \(run)` (device)",
            to: STDOUT_FILENO)
        let ended = await parts.firstToEnd()
        try Task.checkCancellation()
        throw CommandError("the \(ended) ended by itself; its log is above")
    }
}

/// The daemons that `wherry up` runs.
private actor Parts {
    private struct Part {
        let name: String
        let process: ChildProcess.Spawned
    }

    private let log: LogOptions
    private let watcher = ProcessWatcher()
    private var parts: [Part] = []

    init(log: LogOptions) {
        self.log = log
    }

    /// Starts a daemon and returns when it is ready.
    func start(_ role: String, data: String, run: String, more: [String] = []) async throws {
        let arguments =
            [
                "wherry", role, "--data-dir", data, "--run-dir", run, "--log-level", log.level, "--log-format",
                log.format,
            ]
            + more
        // A session of its own: Ctrl-C reaches `wherry up` alone, which then ends its parts in order.
        let process = try ChildProcess.spawn(
            path: "/proc/self/exe", arguments: arguments, fileDescriptors: [(0, 0), (1, 1), (2, 2)], newSession: true)
        parts.append(Part(name: role, process: process))
        let client = LocalClient(runDirectory: run)
        let deadline = ContinuousClock.now + .seconds(30)
        while !(await client.isReady()) {
            if let status = ChildProcess.reap(process.pid) {
                parts.removeLast()
                throw CommandError("the \(role) ended at its start (\(status)); its log is above")
            }
            guard ContinuousClock.now < deadline else { throw CommandError("the \(role) is not ready after 30 s") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// The name of the part that ended by itself; returns early when cancelled.
    func firstToEnd() async -> String {
        await withTaskGroup(of: String.self) { group in
            for part in parts {
                group.addTask { [watcher] in
                    await watcher.waitForExit(ofPid: part.process.pid, pidfd: part.process.pidfd)
                    return part.name
                }
            }
            let first = await group.next()
            group.cancelAll()
            return first ?? "daemon"
        }
    }

    /// Ends the parts, the last first, and waits for each.
    func stopAll() async {
        for part in parts.reversed() {
            kill(part.process.pid, SIGTERM)
            await watcher.waitForExit(ofPid: part.process.pid, pidfd: part.process.pidfd)
            _ = ChildProcess.reap(part.process.pid)
        }
        parts = []
    }
}
