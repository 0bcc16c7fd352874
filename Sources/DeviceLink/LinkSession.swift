internal import FleetProtocol
internal import Linux
internal import Logging
import MQTT
import ResourceStore
import Resources

/// One connection's conversation with the hub, from hello to goodbye.
struct LinkSession: Sendable {
    let link: HubLink
    let identity: DeviceIdentity
    let core: LinkCore
    let outbox: Outbox
    let wire: LinkWire
    let commands: CommandRunner
    /// Wakes the sender of events.
    let eventTrigger: Trigger
    /// The hub's wish for the wait after a lost connection.
    let spread: SpreadCell

    /// Returns when the connection is over, or after a goodbye when the task is cancelled.
    func run() async {
        do {
            try await wire.connection.subscribe([Topic.downFilter(identity.device), Topic.hubState.string])
        } catch {
            link.logger.warning("the broker refused the subscription", metadata: ["error": "\(error)"])
            return await wire.connection.disconnect()
        }
        let (outputs, sink) = AsyncStream.makeStream(of: LinkCore.Output.self, bufferingPolicy: .bufferingNewest(64))
        await core.setSink { sink.yield($0) }
        // Subscribed before the hello, so that no change falls between the full report and the first delta.
        let changes = link.store.changes(of: ReportProjection.types)
        await withDiscardingTaskGroup { group in
            group.addTask { await self.sendOutputs(outputs) }
            group.addTask { await self.sendReports(changes) }
            group.addTask { await self.sendEvents() }
            group.addTask { await self.keepInTouch() }
            for await message in wire.connection.messages {
                await handle(message, changes) { command in group.addTask { await commands.run(command) } }
            }
            await goodbye()
            sink.finish()
            group.cancelAll()
        }
        await core.setSink(nil)
    }

    private func goodbye() async {
        // Not acknowledged: a dead connection must not hold up the stop.
        try? await wire.send(.bye, qos: 0, Bye(reason: .stopping))
        await wire.connection.disconnect()
    }

    // MARK: Receiving

    private func handle(
        _ message: MQTTMessage, _ changes: ChangeFeed<ResourceKey>, _ start: (Command) -> Void
    ) async {
        do {
            switch try Topic(parsing: message.topic) {
            case .hubState:
                try await receive(Envelope(parsing: message.payload).message(HubState.self), message.retained)
            case .down(identity.device, .head): await core.receive(head: message.payload)
            case .down(identity.device, .document): await core.receive(documentMessage: message.payload)
            case .down(identity.device, .ack):
                try await receive(Envelope(parsing: message.payload).message(DownAck.self), changes)
            case .down(identity.device, .command):
                start(try Envelope(parsing: message.payload).message(Command.self))
            default: break
            }
        } catch {
            link.logger.warning(
                "ignored a message", metadata: ["topic": "\(message.topic)", "error": "\(error)"])
        }
    }

    private func receive(_ state: HubState, _ isStored: Bool) async throws {
        spread.set(.milliseconds(min(max(state.reconnectSpread, 0), 3_600_000)))
        // The stored copy comes with the subscription; a live one says that the hub came or went just now.
        guard !isStored else { return }
        await wire.detach()
        if state.online { try await sendHello() }
    }

    private func receive(_ ack: DownAck, _ changes: ChangeFeed<ResourceKey>) async throws {
        guard ack.epoch == wire.epoch else { return }
        await core.noteServerTime(ack.serverTime)
        try await outbox.acknowledge(upTo: ack.eventsUpTo)
        let first = await wire.receive(ack)
        if first {
            link.logger.info("the hub answers", metadata: ["epoch": "\(wire.epoch)"])
            if let progress = await core.currentAck { try await wire.send(.ack, progress) }
        }
        if await wire.wantsFullReport { changes.mark([nodeKey]) }
        eventTrigger.fire()
    }

    private var nodeKey: ResourceKey { ResourceKey(type: .node, namespace: nil, name: link.nodeName) }

    // MARK: Sending

    private func sendHello() async throws {
        let hello = Hello(
            boot: link.bootID, agent: link.agentVersion, node: link.nodeName, have: await core.stored?.floor,
            reports: ReportPosition(sequence: await wire.reportSequence), events: try? await outbox.range(),
            lastError: await core.lastError)
        try await wire.sendHello(hello)
    }

    private func sendOutputs(_ outputs: AsyncStream<LinkCore.Output>) async {
        for await output in outputs {
            do {
                switch output {
                case .ack(let ack): try await wire.send(.ack, ack)
                case .request(let request): try await wire.send(.request, request)
                }
            } catch {
                link.logger.debug("could not send", metadata: ["error": "\(error)"])
            }
        }
    }

    /// The device's objects as they are now: everything when the hub asks, then what changes.
    private func sendReports(_ changes: ChangeFeed<ResourceKey>) async {
        var projection = ReportProjection()
        for await keys in changes {
            // What changes before the hub answers comes with the full report.
            guard await wire.isAttached else { continue }
            do {
                let reports =
                    await wire.takeWantsFullReport()
                    ? try await projection.full(link.store, nodeName: link.nodeName)
                    : try await projection.delta(keys, link.store, nodeName: link.nodeName)
                for report in reports { try await wire.send(.report, stream: .report, report) }
            } catch {
                link.logger.warning("could not report", metadata: ["error": "\(error)"])
            }
            try? await link.clock.sleep(for: link.timing.reportInterval)
        }
    }

    private func sendEvents() async {
        for await _ in eventTrigger.signals() {
            do {
                while let after = await wire.nextBatchAfter {
                    let rows = try await outbox.batch(after: after)
                    guard let last = rows.last else { break }
                    await wire.sent(batchUpTo: last.sequence)
                    try await wire.send(.events, stream: .events, EventBatch(rows: rows))
                }
            } catch {
                link.logger.debug("could not send events", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Says hello, again while there is no answer, and now and then to compare revisions.
    private func keepInTouch() async {
        var generator = SystemRandomNumberGenerator()
        do {
            try await sendHello()
            var interval = link.timing.antiEntropy * Double.random(in: 0.5...1.5, using: &generator)
            while true {
                try await link.clock.sleep(for: await pause(interval))
                await core.checkOverdue(after: link.timing.documentTimeout)
                if await wire.rewindEvents(after: link.timing.eventTimeout) { eventTrigger.fire() }
                let since = await wire.helloAt.map { $0.duration(to: .now()) } ?? .zero
                if since >= (await helloInterval(interval)) {
                    try await sendHello()
                    interval = link.timing.antiEntropy * Double.random(in: 0.5...1.5, using: &generator)
                }
            }
        } catch {
            // The connection is over or the task cancelled: the reader of messages sees it too.
        }
    }

    private func helloInterval(_ interval: Duration) async -> Duration {
        guard await !wire.isAttached else { return interval }
        let doublings = min(max(await wire.unansweredHellos - 1, 0), 10)
        return min(interval, link.timing.helloRetry * (1 << doublings))
    }

    /// Short while something is open, else until the next hello is due.
    private func pause(_ interval: Duration) async -> Duration {
        let since = await wire.helloAt.map { $0.duration(to: .now()) } ?? .zero
        let hello = max(await helloInterval(interval) - since, .milliseconds(100))
        let hasOpen = await core.isWaitingForDocument
        let hasUnacknowledged = await wire.hasUnacknowledgedEvents
        return hasOpen || hasUnacknowledged ? min(hello, .seconds(5)) : min(hello, .seconds(60))
    }
}
