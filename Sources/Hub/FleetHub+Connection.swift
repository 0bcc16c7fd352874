internal import FleetProtocol
internal import Linux
internal import Logging
internal import MQTT
internal import ResourceStore

extension FleetHub {
    /// Keeps a connection to the broker and feeds what comes in to the sessions.
    func stayConnected() async throws {
        var pause = Duration.milliseconds(100)
        while true {
            let started = MonotonicInstant.now()
            do throws(MQTTError) {
                let connection = try await MQTTConnection.open(mqttConfiguration)
                try await connection.subscribe([Topic.upFilter()])
                try await connected(connection)
                for await message in connection.messages { await ingest(message) }
                lastConnectionError = "the connection to the broker broke"
            } catch {
                lastConnectionError = "\(error)" + remedy(error)
            }
            connection = nil
            try Task.checkCancellation()
            logger.warning(
                "not connected to the broker",
                metadata: ["why": "\(lastConnectionError ?? "")", "again in": "\(pause)"])
            if started.duration(to: .now()) > .seconds(30) { pause = .milliseconds(100) }
            try await clock.sleep(for: pause)
            pause = min(pause * 2, .seconds(broker == nil ? 30 : 2))
        }
    }

    private var mqttConfiguration: MQTTConfiguration {
        var configuration = MQTTConfiguration(
            host: brokerAddress.host, port: brokerAddress.port, clientID: HubIdentity.hubUser,
            tls: .init(
                authorityFile: foreignAuthority ?? identity.authorityPath,
                certificateFile: identity.clientCertificatePath,
                keyFile: identity.clientKeyPath),
            will: .init(topic: Topic.hubState.string, payload: hubState(online: false), retain: true))
        configuration.keepAlive = Int32(clamping: max(5, self.configuration.keepAlive.components.seconds))
        // The broker holds what devices send while the hub restarts, within its bounds.
        configuration.cleanStart = false
        configuration.sessionExpiry = 3600
        configuration.receiveMaximum = 200
        configuration.sendMaximum = 200
        configuration.inboxLimit = 2048
        return configuration
    }

    /// The authority of a foreign broker whose certificate is not of the fleet's own; nil when there is none.
    var foreignAuthority: String? {
        broker == nil && Files.exists(foreignAuthorityPath) ? foreignAuthorityPath : nil
    }

    private var foreignAuthorityPath: String { identity.directory + "/broker-ca.crt" }

    /// Our own broker's certificates are ours; those of somebody else's need its administrator.
    private func remedy(_ error: MQTTError) -> String {
        guard broker == nil, error.code == .tls else { return "" }
        return "; its certificate must name \(brokerAddress.host) and be issued by \(identity.authorityPath), or by "
            + "the authority in \(foreignAuthorityPath), and it must accept the hub's certificate "
            + identity.clientCertificatePath
    }

    private func hubState(online: Bool) -> [UInt8] {
        let state = HubState(online: online, reconnectSpread: Int64(min(120_000, max(500, sessions.count * 5))))
        let envelope = try? Envelope(
            epoch: 0, sequence: 0, timestamp: Self.milliseconds(), timeQuality: .sync, state)
        return envelope?.serialized() ?? []
    }

    private func connected(_ connection: MQTTConnection) async throws(MQTTError) {
        try await connection.publish(Topic.hubState.string, hubState(online: true), retain: true)
        self.connection = connection
        lastConnectionError = nil
        logger.info("connected to the broker", metadata: ["devices": "\(sessions.count)"])
        let now = MonotonicInstant.now()
        for device in sessions.keys {
            sessions[device]?.brokerConnected(now: now, silence: configuration.keepAlive * 3)
        }
    }

    // MARK: Ingest

    /// A device is who its topic says: the broker's access list ties it to the certificate.
    private func ingest(_ message: MQTTMessage) async {
        guard let topic = try? Topic(parsing: message.topic), case .up(let device, let leaf) = topic else { return }
        guard sessions[device] != nil else {
            logger.warning("message of an unknown device", metadata: ["device": "\(device)"])
            return
        }
        do {
            let carriesObjects = leaf == .report || leaf == .events
            let envelope = try Envelope(
                parsing: message.payload, depth: carriesObjects ? FleetLimits.objectDepth : FleetLimits.controlDepth)
            try await take(envelope, leaf, device)
        } catch is CancellationError {
            // The hub ends; the device reports again at its next start.
        } catch {
            logger.warning(
                "message of a device refused",
                metadata: ["device": "\(device)", "topic": "\(leaf.rawValue)", "error": "\(error)"])
        }
    }

    private func take(_ envelope: Envelope, _ leaf: Topic.Up, _ device: DeviceID) async throws {
        let now = MonotonicInstant.now()
        let epoch = envelope.epoch
        switch leaf {
        case .hello:
            let hello = try envelope.message(Hello.self)
            logger.info("device connected", metadata: ["device": "\(device)", "agent": "\(hello.agent)"])
            eventGaps[device] = 0
            fullReports[device] = nil
            perform(sessions[device]?.handle(hello, epoch: epoch, now: now) ?? [], device)
        case .bye:
            perform(sessions[device]?.handle(try envelope.message(Bye.self), epoch: epoch) ?? [], device)
        case .ack:
            perform(sessions[device]?.handle(try envelope.message(Ack.self), epoch: epoch, now: now) ?? [], device)
        case .report: try await take(try envelope.message(Report.self), envelope, device, now)
        case .events: try await take(try envelope.message(EventBatch.self), epoch, device, now)
        case .request:
            let request = try envelope.message(UpRequest.self)
            perform(sessions[device]?.handle(request, epoch: epoch, now: now) ?? [], device)
            if request.kind == .reply, let reply = request.reply { answer(reply, from: device) }
        }
    }

    // MARK: Reports

    private func take(
        _ report: Report, _ envelope: Envelope, _ device: DeviceID, _ now: MonotonicInstant
    ) async throws {
        guard
            let (apply, effects) = sessions[device]?.handle(
                report, sequence: envelope.sequence, epoch: envelope.epoch, now: now)
        else { return }
        perform(effects, device)
        guard apply else { return }
        let named = collect(report, device)
        let outcome = try await store.transaction { transaction in
            let mirror = ReportMirror(device: device, transaction: transaction)
            var outcome = try mirror.apply(report.entries)
            if let named { outcome.aggregates.formUnion(try mirror.dropOthers(than: named).aggregates) }
            return outcome
        }
        staleStatus.formUnion(outcome.aggregates)
        if let node = outcome.node {
            reportedNodes[device] = node
            staleNodes.insert(device)
        }
        if !outcome.aggregates.isEmpty || outcome.node != nil { wake.continuation.yield() }
    }

    /// Adds a part of a full report; gives everything it named when all parts came in order.
    private func collect(_ report: Report, _ device: DeviceID) -> Set<FleetProtocol.ObjectReference>? {
        guard report.full else { return nil }
        if report.part == 1 { fullReports[device] = (1, []) }
        guard let (next, named) = fullReports[device], next == report.part else {
            fullReports[device] = nil
            return nil
        }
        let all = named.union(report.entries.map(\.reference))
        guard report.part >= report.parts else {
            fullReports[device] = (next + 1, all)
            return nil
        }
        fullReports[device] = nil
        return all
    }
}
