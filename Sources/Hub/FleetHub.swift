internal import FleetProtocol
internal import JSON
internal import Linux
public import Logging
internal import MQTT
public import ResourceStore
internal import Resources
public import SQLite
public import ServiceLifecycle

/// The fleet side of Wherry: devices and their identity, the desired state of each, what they report, and the broker.
///
/// Every loop is level-triggered: it looks at the store's present objects and the devices' present records, and what it sends can
/// always be found again from them. Anything that a device is told was committed before.
public actor FleetHub: Service {
    /// The hub's tables, for `Store.init`.
    public static let migrations: [Migration] = FleetSchema.migrations

    /// The fleet's keys; also issues the certificate of the hub's TLS listener.
    public nonisolated let identity: HubIdentity
    let configuration: HubConfiguration
    let store: Store
    let recorder: EventRecorder
    let clock: any Clock<Duration>
    let logger: Logger
    let broker: BrokerProcess?
    /// Where the hub itself reaches the broker.
    let brokerAddress: (host: String, port: Int)
    let lanes = OutgoingLanes()
    let feed: ChangeFeed<ResourceKey>
    /// Wakes the loop that writes status and nodes.
    let wake: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)
    /// Ids of commands whose reader went away.
    let endings: (stream: AsyncStream<String>, continuation: AsyncStream<String>.Continuation)

    var sessions: [DeviceID: DeviceSession]
    var plan = DocumentPlanner.Plan()
    var connection: MQTTConnection?
    var lastConnectionError: String?
    var commands: [String: PendingCommand] = [:]
    /// Full reports that are coming in: the next part, and what was named so far.
    var fullReports: [DeviceID: (next: Int, named: Set<FleetProtocol.ObjectReference>)] = [:]
    var eventGaps: [DeviceID: Int] = [:]
    /// The device's own Node as it was reported last.
    var reportedNodes: [DeviceID: JSONValue] = [:]
    var renumber: [DeviceID: Revision] = [:]
    var unsaved: Set<DeviceID> = []
    var staleStatus: Set<ResourceKey> = []
    var staleNodes: Set<DeviceID> = []
    /// Connected devices whose Node shall show that they still are.
    var staleHeartbeats: Set<DeviceID> = []
    var notes: [(device: DeviceID, type: String, reason: String, message: String)] = []
    var oversized: Set<DeviceID> = []

    /// Opens the identity and the records; starts nothing.
    ///
    /// - Parameters:
    ///   - store: opened with ``migrations``.
    ///   - watcher: tells when the broker ends.
    /// - Throws: ``HubError``.
    public init(
        configuration: HubConfiguration, store: Store, recorder: EventRecorder,
        clock: any Clock<Duration> = ContinuousClock(), logger: Logger
    ) async throws {
        let records = try await store.withDatabase { try DeviceRecord.all($0) }
        let identity = try HubIdentity.open(
            directory: configuration.dataDirectory + "/pki", devicesKnown: !records.isEmpty)
        self.identity = identity
        self.configuration = configuration
        self.store = store
        self.recorder = recorder
        self.clock = clock
        self.logger = logger
        sessions = Dictionary(records.map { ($0.device, DeviceSession(record: $0)) }) { first, _ in first }
        feed = store.changes(
            of: [.deployment, .pod, .configMap, .secret, .serviceAccount, .namespace, .node],
            mapping: Self.plannedChange)
        wake = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        endings = AsyncStream.makeStream()
        switch configuration.broker {
        case .external(let url):
            broker = nil
            brokerAddress = (url.host, url.port)
        case .own(let wished):
            let listen = try await Self.settlePort(wished, store)
            let names = try await Self.brokerNames(listen, store)
            broker = BrokerProcess(
                configuration: BrokerConfiguration(
                    listen: listen, directory: configuration.runDirectory + "/broker",
                    account: .unprivileged(port: listen.port), maximumConnections: configuration.maximumConnections,
                    revokedDevices: try await Self.revoked(store).devices),
                identity: identity, names: names, watcher: ProcessWatcher(), clock: clock, logger: logger)
            brokerAddress = (listen.localHost, listen.port)
        }
    }

    // MARK: State for others

    /// Whether the broker runs and the hub is connected to it.
    public var isReady: Bool { connection != nil }

    /// Why the hub is not connected to the broker; nil while it is.
    public var brokerProblem: String? { connection == nil ? lastConnectionError ?? "connecting" : nil }

    /// Devices known and connected.
    public var deviceCounts: (known: Int, connected: Int) {
        (sessions.count, sessions.values.reduce(0) { $0 + ($1.isConnected ? 1 : 0) })
    }

    /// Seconds since each device was last heard of, by device (and Node) name; a device that this process never heard of is
    /// not listed.
    public var secondsSinceContact: [String: Int] {
        let now = MonotonicInstant.now()
        var result: [String: Int] = [:]
        for (device, session) in sessions {
            result[device.text] = session.lastSeen.map { Int($0.duration(to: now).components.seconds) }
        }
        return result
    }

    // MARK: Running

    /// Runs until shutdown; then says goodbye and stops the broker that it started.
    public func run() async throws {
        if let broker { try await broker.start(revokedSerials: try await Self.revoked(store).serials) }
        do {
            try await cancelWhenGracefulShutdown { try await self.runLoops() }
        } catch is CancellationError {
            // The end that was asked for.
        } catch {
            await broker?.stop()
            throw error
        }
        await connection?.disconnect()
        try? await saveContacts()
        await broker?.stop()
    }

    private func runLoops() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.superviseBroker() }
            group.addTask { try await self.stayConnected() }
            group.addTask { try await self.keepPlanning() }
            group.addTask { await self.keepReflecting() }
            group.addTask { try await self.keepTime() }
            group.addTask { await self.endCommands() }
            group.addTask { await self.lanes.run(logger: self.logger) { await self.connection } }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func superviseBroker() async throws {
        guard let broker else { return try await clock.sleep(for: .seconds(1 << 40)) }
        var pause = Duration.milliseconds(250)
        while true {
            let started = MonotonicInstant.now()
            await broker.waitForExit()
            try Task.checkCancellation()
            if started.duration(to: .now()) > .seconds(60) { pause = .milliseconds(250) }
            repeat {
                try await clock.sleep(for: pause)
                pause = min(pause * 2, .seconds(30))
            } while await !restart(broker)
        }
    }

    private func restart(_ broker: BrokerProcess) async -> Bool {
        do {
            try await broker.start(revokedSerials: try await Self.revoked(store).serials)
            return true
        } catch {
            lastConnectionError = "\(error)"
            logger.error("broker cannot be restarted", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func keepTime() async throws {
        var seconds = 0
        while true {
            try await clock.sleep(for: .seconds(1))
            seconds += 1
            let now = MonotonicInstant.now()
            for device in sessions.keys {
                let effects = sessions[device]?.tick(now: now) ?? []
                perform(effects, device)
            }
            failLateCommands(now)
            do { try await saveContacts() } catch is CancellationError { throw CancellationError() } catch {
                logger.error("device records cannot be saved", metadata: ["error": "\(error)"])
            }
            if seconds.isMultiple(of: 60) { await broker?.trimLog() }
            // As often as a kubelet does it. Its keep-alive tells the broker, not us, that an idle device is there.
            if seconds.isMultiple(of: 300), connection != nil {
                staleHeartbeats.formUnion(sessions.filter { $0.value.isConnected }.keys)
                wake.continuation.yield()
            }
        }
    }

    /// Writes what was heard of devices; losing the last second of it is harmless.
    private func saveContacts() async throws {
        let records = unsaved.compactMap { sessions[$0]?.record }
        unsaved.removeAll()
        guard !records.isEmpty else { return }
        try await store.transaction { transaction in
            for record in records { try record.saveContact(transaction.connection) }
        }
    }

    // MARK: Effects

    /// Carries out what a session asks for.
    func perform(_ effects: [DeviceSession.Effect], _ device: DeviceID) {
        for effect in effects {
            switch effect {
            case .acknowledge(let wantFullReport): acknowledge(device, wantFullReport: wantFullReport)
            case .sendDesired: sendDesired(device)
            case .save: unsaved.insert(device)
            case .contactChanged:
                staleNodes.insert(device)
                staleStatus.formUnion(plan.assignments.filter { $0.value.contains(device) }.keys)
                if sessions[device]?.isConnected != true { failCommands(of: device) }
                wake.continuation.yield()
            case .acknowledgementChanged:
                staleStatus.formUnion(plan.assignments.filter { $0.value.contains(device) }.keys)
                wake.continuation.yield()
            case .renumber(let above):
                renumber[device] = above
                feed.mark([ResourceKey(type: .node, namespace: nil, name: device.text)])
            case .note(let type, let reason, let message):
                if notes.count < 1000 { notes.append((device, type, reason, message)) }
                wake.continuation.yield()
            }
        }
    }

    func acknowledge(_ device: DeviceID, wantFullReport: Bool = false) {
        guard let record = sessions[device]?.record else { return }
        send(
            DownAck(
                serverTime: Self.milliseconds(), eventsUpTo: record.eventsUpTo, epoch: record.epoch,
                wantFullReport: wantFullReport), .ack, device)
    }

    private func sendDesired(_ device: DeviceID) {
        guard let record = sessions[device]?.record, record.digest != nil else { return }
        lanes.add(.init(topic: .down(device, .head), payload: record.head, retain: true), for: device)
        do {
            let parts = try DocumentPart.messages(
                of: record.document, epoch: record.epoch, timestamp: Self.milliseconds())
            for part in parts { lanes.add(.init(topic: .down(device, .document), payload: part), for: device) }
        } catch {
            logger.error("document cannot be sent", metadata: ["device": "\(device)", "error": "\(error)"])
        }
    }

    func send(_ message: some FleetMessage, _ leaf: Topic.Down, _ device: DeviceID, expiry: UInt32? = nil) {
        do {
            let envelope = try Envelope(
                epoch: sessions[device]?.record.epoch ?? 0, sequence: 0, timestamp: Self.milliseconds(),
                timeQuality: .sync, message)
            lanes.add(.init(topic: .down(device, leaf), payload: envelope.serialized(), expiry: expiry), for: device)
        } catch {
            logger.error("message cannot be encoded", metadata: ["device": "\(device)", "error": "\(error)"])
        }
    }

    /// Unix milliseconds.
    static func milliseconds() -> Int64 {
        let now = WallClock.now()
        return now.seconds * 1000 + Int64(now.nanoseconds / 1_000_000)
    }

    // MARK: Settings

    /// A free port is chosen once and kept: devices have it in their configuration.
    private static func settlePort(_ wished: ListenAddress, _ store: Store) async throws -> ListenAddress {
        guard wished.port == 0 else { return wished }
        let key = "mqtt-port \(wished.host)"
        if let text = try await store.withDatabase({ try FleetSettings.value(key, $0) }), let port = Int(text) {
            return ListenAddress(host: wished.host, port: port)
        }
        let port = try ListeningPort.choose(host: wished.host)
        try await store.withDatabase { try FleetSettings.set(key, String(port), $0) }
        return ListenAddress(host: wished.host, port: port)
    }

    private static func brokerNames(_ listen: ListenAddress, _ store: Store) async throws -> [String] {
        var buffer = [CChar](repeating: 0, count: 256)
        var names = ["localhost", "127.0.0.1", "::1"]
        if gethostname(&buffer, 255) == 0 {
            names.append(String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        if !listen.isWildcard { names.append(listen.host) }
        let kept = try await store.withDatabase { try FleetSettings.value("broker-names", $0) } ?? ""
        for name in names + kept.split(separator: ",").map(String.init) where !names.contains(name) && !name.isEmpty {
            names.append(name)
        }
        return Array(Set(names.filter { !$0.isEmpty })).sorted()
    }

    static func revoked(_ store: Store) async throws -> (serials: [String], devices: [String]) {
        try await store.withDatabase { connection in
            let serials = try connection.query("SELECT serial FROM fleet_revoked", []) { $0.text(0) }
            // A name that was given again is not denied: its old certificate is on the list.
            let devices = try connection.query(
                "SELECT DISTINCT device FROM fleet_revoked WHERE device NOT IN (SELECT device FROM fleet_devices)", []
            ) { $0.text(0) }
            return (serials, devices)
        }
    }
}
