internal import FleetProtocol
internal import Identity
internal import JSON
internal import Linux
internal import Logging

/// The hub's own `mosquitto`: started, watched, restarted, stopped.
///
/// A broker that outlived a killed hub is adopted when it runs with the same configuration, so that devices keep their
/// connections; otherwise it is ended first.
actor BrokerProcess {
    /// Who the running broker is; kept in `<run>/broker/process.json`.
    private struct Running {
        let pid: pid_t
        let startTime: UInt64?
        /// Owned: closed in `close()`.
        let pidfd: Int32
        func close() { Linux.close(pidfd) }
    }

    private var configuration: BrokerConfiguration
    private let identity: HubIdentity
    private var names: [String]
    private let watcher: ProcessWatcher
    private let clock: any Clock<Duration>
    private let logger: Logger
    private var running: Running?

    private var recordPath: String { configuration.directory + "/process.json" }

    init(
        configuration: BrokerConfiguration, identity: HubIdentity, names: [String], watcher: ProcessWatcher,
        clock: any Clock<Duration>, logger: Logger
    ) {
        self.configuration = configuration
        self.identity = identity
        self.names = names
        self.watcher = watcher
        self.clock = clock
        self.logger = logger
    }

    // MARK: Start

    /// Starts the broker, or adopts the one that runs.
    /// - Throws: `.brokerMissing`, `.portInUse`, `.brokerFailed`, `.storage`.
    func start(revokedSerials: [String]) async throws {
        let program = try Self.findProgram()
        if let old = readRecord(), old.matches(configuration, identity.authority.fingerprint),
            let pidfd = ProcessIdentity.open(old.pid, startTime: old.startTime), ownsListener()
        {
            running = Running(pid: old.pid, startTime: old.startTime, pidfd: pidfd.release())
            logger.info("broker adopted", metadata: ["pid": "\(old.pid)"])
            try writeFiles(revokedSerials: revokedSerials, keepServerCertificate: true)
            reload()
            return
        }
        await endStale()
        try writeFiles(revokedSerials: revokedSerials, keepServerCertificate: false)
        try checkPort()
        try await launch(program)
    }

    /// Looks in PATH and where Debian puts daemons.
    private static func findProgram() throws(HubError) -> String {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        for directory in path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin", "/usr/bin"] {
            let candidate = directory + "/mosquitto"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        throw HubError(
            .brokerMissing,
            "no mosquitto broker was found in PATH or /usr/sbin: install it (`apt-get install mosquitto`), "
                + "or name another broker with --broker URL")
    }

    private func launch(_ program: String) async throws {
        do {
            let output = try FileDescriptor.open(
                configuration.logPath, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
            let input = try FileDescriptor.open("/dev/null", O_RDONLY)
            let spawned = try ChildProcess.spawn(
                path: program, arguments: ["mosquitto", "-c", BrokerConfiguration.fileName],
                fileDescriptors: [
                    (parent: input.rawValue, child: 0), (parent: output.rawValue, child: 1),
                    (parent: output.rawValue, child: 2),
                ], newSession: true, workingDirectory: configuration.directory)
            running = Running(
                pid: spawned.pid, startTime: ProcessIdentity.startTime(of: spawned.pid), pidfd: spawned.pidfd)
        } catch {
            throw HubError(.brokerMissing, "cannot start \(program)", cause: error)
        }
        do {
            try writeRecord()
            try await waitUntilListening()
        } catch {
            // Also when the hub ends while it waits, because its own listener cannot open.
            await stop()
            throw error
        }
        logger.info("broker started", metadata: ["listen": "\(configuration.listen)", "pid": "\(running?.pid ?? 0)"])
    }

    private func waitUntilListening() async throws {
        for _ in 0..<500 {
            if ownsListener() { return }
            guard let running, !ProcessIdentity.hasEnded(pidfd: running.pidfd) else { break }
            try await clock.sleep(for: .milliseconds(10))
        }
        throw HubError(
            .brokerFailed,
            "the broker mosquitto did not come up on \(configuration.listen): \(lastLogLine()) "
                + "(log: \(configuration.logPath))")
    }

    private func lastLogLine() -> String {
        let bytes = (try? Files.read(configuration.logPath, limit: 4 << 20)) ?? []
        return bytes.split(separator: UInt8(ascii: "\n")).last.map { String(decoding: $0, as: UTF8.self) }
            ?? "it wrote nothing"
    }

    // MARK: Watching

    /// Returns when the broker ends, or the task is cancelled.
    func waitForExit() async {
        guard let running else { return }
        await watcher.waitForExit(ofPid: running.pid, pidfd: running.pidfd)
        guard !Task.isCancelled, self.running?.pid == running.pid else { return }
        let status = ChildProcess.reap(running.pid)
        logger.warning("broker ended", metadata: ["status": "\(status.map { "\($0.code)" } ?? "unknown")"])
        running.close()
        self.running = nil
    }

    /// Keeps the log bounded: mosquitto appends, so the file may be cut under it.
    func trimLog(limit: Int = 1 << 20) {
        var facts = stat()
        if stat(configuration.logPath, &facts) == 0, facts.st_size > limit { truncate(configuration.logPath, 0) }
    }

    /// Ends the broker: SIGTERM, after five seconds SIGKILL.
    func stop() async {
        guard let process = running else { return }
        running = nil
        await end(process)
        _ = try? Files.remove(recordPath)
    }

    private func end(_ process: Running) async {
        try? ProcessIdentity.signal(pidfd: process.pidfd, SIGTERM)
        for round in 0..<1000 {
            if ProcessIdentity.hasEnded(pidfd: process.pidfd) { break }
            if round == 500 { try? ProcessIdentity.signal(pidfd: process.pidfd, SIGKILL) }
            // Not cancelled with the service: the broker must be gone when the hub is.
            try? await clock.sleep(for: .milliseconds(10))
            if Task.isCancelled { usleep(10_000) }
        }
        _ = ChildProcess.reap(process.pid)
        process.close()
    }

    /// A broker of ours that was left by a killed hub and cannot be adopted.
    private func endStale() async {
        guard let old = readRecord(), let pidfd = ProcessIdentity.open(old.pid, startTime: old.startTime) else {
            return
        }
        logger.info("stale broker is ended", metadata: ["pid": "\(old.pid)"])
        await end(Running(pid: old.pid, startTime: old.startTime, pidfd: pidfd.release()))
        _ = try? Files.remove(recordPath)
    }

    // MARK: Files

    /// Names that the server certificate must hold; a new one is issued and taken up when one is missing.
    func ensureName(_ name: String, revokedSerials: [String]) throws {
        guard !names.contains(name) else { return }
        names.append(name)
        try writeFiles(revokedSerials: revokedSerials, keepServerCertificate: false)
        reload()
    }

    /// Takes up a changed revocation list and denies everything to the devices on it. Their sessions stand until they end.
    func revoke(serials: [String], devices: [String]) throws {
        configuration.revokedDevices = devices
        try writeFiles(revokedSerials: serials, keepServerCertificate: true)
        reload()
    }

    private func reload() {
        if let running { try? ProcessIdentity.signal(pidfd: running.pidfd, SIGHUP) }
    }

    private func writeFiles(revokedSerials: [String], keepServerCertificate: Bool) throws(HubError) {
        do {
            try makeDirectory()
            try write(identity.authority.certificatePEM, configuration.authorityPath)
            if !keepServerCertificate || !Files.exists(configuration.certificatePath) {
                let pair = try identity.issueServer(names: names)
                try write(pair.keyPEM, configuration.keyPath)
                try write(pair.certificatePEM, configuration.certificatePath)
            }
            try write(
                try identity.authority.revocationList(serialNumbers: revokedSerials), configuration.revocationPath)
            try write(configuration.accessText, configuration.accessPath)
            try write(configuration.text, configuration.configurationPath)
        } catch {
            throw HubError(.storage, "cannot write the broker's files in \(configuration.directory)", cause: error)
        }
    }

    /// The broker's group may read in it and nothing more: what the hub writes there, it also trusts. New files get the group
    /// from the directory.
    private func makeDirectory() throws(SystemError) {
        let path = configuration.directory
        try Files.makeDirectories(path, mode: 0o700)
        try systemCall("chown", on: path) { chown(path, geteuid(), configuration.account?.group ?? getegid()) }
        try systemCall("chmod", on: path) { chmod(path, 0o2750) }
    }

    /// They are made anew at each start: no need to sync them.
    private func write(_ text: String, _ path: String) throws(SystemError) {
        try Files.writeAtomically(Array(text.utf8), to: path, mode: 0o640, durable: false)
    }

    private struct Record {
        let pid: pid_t
        let startTime: UInt64
        let digest: String

        func matches(_ configuration: BrokerConfiguration, _ fingerprint: String) -> Bool {
            digest == Self.digest(configuration, fingerprint)
        }

        static func digest(_ configuration: BrokerConfiguration, _ fingerprint: String) -> String {
            ContentDigest(of: Array((configuration.text + fingerprint).utf8)).text
        }
    }

    private func readRecord() -> Record? {
        guard let bytes = try? Files.read(recordPath, limit: 4096), let value = try? JSONValue(parsing: bytes),
            let pid = value["pid"]?.intValue, let start = value["start"]?.stringValue.flatMap({ UInt64($0) })
        else { return nil }
        return Record(pid: pid_t(pid), startTime: start, digest: value["digest"]?.stringValue ?? "")
    }

    private func writeRecord() throws(HubError) {
        guard let running, let start = running.startTime else { return }
        let value: JSONValue = [
            "pid": .integer(Int64(running.pid)), "start": .string(String(start)),
            "digest": .string(Record.digest(configuration, identity.authority.fingerprint)),
        ]
        do { try Files.writeAtomically(value.serialized(), to: recordPath, durable: false) } catch {
            throw HubError(.storage, "cannot note the broker's process", cause: error)
        }
    }

    // MARK: Ports

    private func checkPort() throws(HubError) {
        let error = ListeningPort.tryBinding(configuration.listen)
        guard error != 0 else { return }
        let address = configuration.listen
        if error == EADDRINUSE {
            throw HubError(
                .portInUse,
                "port \(address.port) on \(address.host) is in use by another program: stop that program, or give the "
                    + "broker another address with --mqtt-listen HOST:PORT")
        }
        throw HubError(
            .portInUse,
            "cannot listen on \(address): \(Errno(rawValue: error)); choose an address of this machine with "
                + "--mqtt-listen HOST:PORT")
    }

    private func ownsListener() -> Bool { ListeningPort.answers(configuration.listen) }
}
