internal import FleetProtocol
import Linux
public import Logging
import MQTT
public import ResourceStore
public import Resources
public import ServiceLifecycle

/// The device's side of the fleet: takes the hub's signed desired state, reports what is, keeps events until the hub has them.
///
/// Without an identity it waits for one. Nothing is ever deleted because hub, clock or identity is in doubt: only a newer,
/// verified document removes hub-owned objects.
public struct HubLink: Service {
    public typealias LogReader = @Sendable (PodLogRequest) async throws -> AsyncThrowingStream<[UInt8], any Error>

    let store: Store
    let spoolPath: String
    let dataDirectory: String
    let nodeName: String
    let agentVersion: String
    let timing: LinkTiming
    let readLogs: LogReader
    let clock: any Clock<Duration>
    let logger: Logger
    let bootID: String
    let running = RunningCore()

    /// - Parameters:
    ///   - store: Opened with `HubLink.migrations`.
    ///   - spoolPath: The outbox's database, `<data>/spool.db`; made when the device has an identity.
    ///   - dataDirectory: Holds `identity/`.
    ///   - nodeName: The name of the device's own Node object.
    ///   - readLogs: Answers the hub's log commands.
    public init(
        store: Store, spoolPath: String, dataDirectory: String, nodeName: String, agentVersion: String,
        readLogs: @escaping LogReader, timing: LinkTiming = LinkTiming(),
        clock: any Clock<Duration> = ContinuousClock(), logger: Logger
    ) {
        self.store = store
        self.spoolPath = spoolPath
        self.dataDirectory = dataDirectory
        self.nodeName = nodeName
        self.agentVersion = agentVersion
        self.timing = timing
        self.readLogs = readLogs
        self.clock = clock
        self.logger = logger
        let boot = try? Files.read("/proc/sys/kernel/random/boot_id", limit: 128)
        bootID = boot.map { String(decoding: $0.filter { $0 > 32 }, as: UTF8.self) } ?? "unknown"
    }

    /// Runs until the service group shuts down or the task is cancelled; says goodbye to the hub.
    public func run() async throws {
        await cancelWhenGracefulShutdown { await self.runUntilCancelled() }
    }

    private func runUntilCancelled() async {
        while !Task.isCancelled {
            do {
                guard DeviceIdentity.isPresent(in: dataDirectory) else {
                    try await clock.sleep(for: timing.identityPoll)
                    continue
                }
                try await link(DeviceIdentity.load(from: dataDirectory))
            } catch is CancellationError {
                return
            } catch {
                logger.error("the fleet link cannot start; the device goes on alone", metadata: ["error": "\(error)"])
                try? await clock.sleep(for: .seconds(30))
            }
        }
    }

    private func link(_ identity: DeviceIdentity) async throws {
        let outbox = try Outbox(path: spoolPath)
        let core = LinkCore(
            identity: identity, store: store, nodeName: nodeName, healthDeadline: timing.healthDeadline, logger: logger)
        try await core.load()
        await core.reconcile()
        running.set(core)
        defer { running.set(nil) }
        let trigger = Trigger()
        let spooler = EventSpooler(store: store, outbox: outbox, clock: clock, logger: logger) { trigger.fire() }
        await withDiscardingTaskGroup { group in
            group.addTask { await spooler.run() }
            group.addTask { await self.watchObjects(core) }
            group.addTask { await self.watchDeadline(core) }
            await stayConnected(identity, core, outbox, trigger)
            group.cancelAll()
        }
        await outbox.close()
    }

    // MARK: Objects

    private enum Change: Hashable, Sendable {
        case content
        case status
    }

    /// Looks again at the document's objects when the store changes: what had to wait, what was changed here, what is ready.
    private func watchObjects(_ core: LinkCore) async {
        let changes = store.changes(of: [.namespace, .node, .configMap, .secret, .deployment, .pod]) { event in
            let isContent =
                event.kind != .modified || event.previous?.generation != event.resource.generation
                || event.previous?.labels != event.resource.labels
                || event.resource.type == .configMap || event.resource.type == .secret
            return [isContent ? Change.content : .status]
        }
        for await kinds in changes {
            let isUnsettled = await core.isUnsettled
            if kinds.contains(.content) || isUnsettled {
                await core.reconcile()
            } else if await core.awaitsHealth {
                await core.judgeHealth()
            }
            try? await clock.sleep(for: .milliseconds(500))
        }
    }

    /// A revision that never becomes ready changes nothing in the store, so its deadline needs a clock of its own.
    private func watchDeadline(_ core: LinkCore) async {
        while !Task.isCancelled {
            try? await clock.sleep(for: timing.healthDeadline / 4)
            if await core.awaitsHealth { await core.judgeHealth() }
        }
    }

    // MARK: Connection

    private func stayConnected(
        _ identity: DeviceIdentity, _ core: LinkCore, _ outbox: Outbox, _ trigger: Trigger
    ) async {
        var backoff = ReconnectBackoff(base: timing.reconnectBase, cap: timing.reconnectCap)
        var generator = SystemRandomNumberGenerator()
        let spread = SpreadCell(timing.reconnectSpread)
        var attempt = 0
        while !Task.isCancelled {
            let broker = identity.brokers[attempt % identity.brokers.count]
            let wait: Duration
            do {
                let wire = try await connect(identity, core, broker)
                let start = MonotonicInstant.now()
                logger.info("connected to the broker", metadata: ["broker": "\(broker)", "epoch": "\(wire.epoch)"])
                await LinkSession(
                    link: self, identity: identity, core: core, outbox: outbox, wire: wire,
                    commands: CommandRunner(wire: wire, core: core, readLogs: readLogs, logger: logger),
                    eventTrigger: trigger, spread: spread
                ).run()
                wait = backoff.afterLoss(
                    connectedFor: start.duration(to: .now()), spread: spread.current, using: &generator)
                let reason = wire.connection.closeReason.map { "\($0)" } ?? "subscription refused"
                logger.info(
                    "the connection to the broker ended", metadata: ["broker": "\(broker)", "error": "\(reason)"])
            } catch {
                attempt += 1
                wait = backoff.afterFailure(using: &generator)
                logger.info(
                    "no connection to the broker", metadata: ["broker": "\(broker)", "error": "\(error)"])
            }
            try? await clock.sleep(for: wait)
        }
    }

    private func connect(_ identity: DeviceIdentity, _ core: LinkCore, _ broker: String) async throws -> LinkWire {
        guard let (host, port) = EnrolmentLine.split(broker) else {
            throw LinkError(.malformed, "the broker \(broker) is no host:port")
        }
        let epoch = try await core.epochForConnect()
        var configuration = MQTTConfiguration(
            host: host, port: port, clientID: identity.device.text,
            tls: .init(
                authorityFile: identity.brokerAuthority, certificateFile: identity.paths.certificate,
                keyFile: identity.paths.key))
        configuration.keepAlive = timing.keepAlive
        let will = try Envelope(epoch: epoch, sequence: 0, timestamp: 0, Bye(reason: .lost))
        configuration.will = .init(topic: Topic.up(identity.device, .bye).string, payload: will.serialized())
        let connection = try await MQTTConnection.open(configuration)
        await core.markEpochUsed()
        return LinkWire(connection: connection, device: identity.device, epoch: epoch, core: core)
    }
}
