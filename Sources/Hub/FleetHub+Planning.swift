internal import FleetProtocol
internal import JSON
internal import Linux
internal import Logging
internal import ResourceStore
internal import Resources

/// From the hub's objects to the devices' documents.
extension FleetHub {
    /// Whether a change can change a document: status and mirrors cannot. Runs on the store's thread.
    static func plannedChange(_ event: WatchEvent) -> Set<ResourceKey> {
        let resource = event.resource
        if resource.isMirror { return [] }
        if event.kind == .modified, let previous = event.previous {
            switch resource.type {
            case .node where previous.labels == resource.labels: return []
            case .deployment, .pod, .namespace:
                let isSame =
                    previous.value["spec"] == resource.value["spec"] && previous.labels == resource.labels
                    && previous.annotations == resource.annotations && previous.isTerminating == resource.isTerminating
                if isSame { return [] }
            default: break
            }
        }
        return [resource.key]
    }

    func keepPlanning() async throws {
        await planSafely()
        for await _ in feed { await planSafely() }
    }

    private func planSafely() async {
        do { try await replan() } catch is CancellationError {} catch {
            logger.error("documents cannot be made", metadata: ["error": "\(error)"])
            // Level-triggered: the next change, or this mark after a pause, tries again.
            try? await clock.sleep(for: .seconds(1))
            feed.mark([ResourceKey(type: .node, namespace: nil, name: "")])
        }
    }

    private func replan() async throws {
        let known = Array(sessions.keys)
        var nodes: [DeviceID: Resource] = [:]
        let present = try await store.list(.node).items
        for node in present { if let device = try? DeviceID(node.name) { nodes[device] = node } }
        for device in known where nodes[device] == nil { try await forget(device) }
        var objects: [Resource] = []
        for type in [ResourceType.namespace, .configMap, .secret, .serviceAccount, .deployment, .pod] {
            objects += try await store.list(type).items
        }
        let devices = Set(known)
        let new = DocumentPlanner(objects: objects).plan(nodes: nodes.filter { devices.contains($0.key) })
        let changed = try next(new)
        if !changed.isEmpty {
            try await store.transaction { transaction in
                for record in changed { try record.saveDesired(transaction.connection) }
            }
        }
        staleStatus.formUnion(plan.assignments.keys)
        staleStatus.formUnion(new.assignments.keys)
        plan = new
        let now = MonotonicInstant.now()
        for record in changed {
            sessions[record.device]?.adopt(desiredOf: record)
            perform(sessions[record.device]?.desiredChanged(now: now) ?? [], record.device)
        }
        wake.continuation.yield()
    }

    /// The records of the devices whose document changed, with the next revision, signed.
    private func next(_ plan: DocumentPlanner.Plan) throws -> [DeviceRecord] {
        var changed: [DeviceRecord] = []
        for (device, document) in plan.documents {
            guard var record = sessions[device]?.record else { continue }
            let bytes = document.serialized()
            let digest = ContentDigest(of: bytes)
            let above = renumber.removeValue(forKey: device)
            guard digest != record.digest || above != nil else { continue }
            guard bytes.count <= FleetLimits.document else {
                if oversized.insert(device).inserted {
                    perform(
                        [
                            .note(
                                type: "Warning", reason: "DocumentTooLarge",
                                message:
                                    "the device's objects take \(bytes.count) bytes, more than \(FleetLimits.document): "
                                    + "the device keeps its last revision; give it fewer or smaller objects")
                        ], device)
                }
                continue
            }
            oversized.remove(device)
            let base = max(record.revision, above ?? record.revision)
            record.revision = Revision(generation: base.generation, number: base.number + 1)
            record.digest = digest
            record.document = bytes
            record.head = try identity.signer.sign(
                Head(
                    device: device, revision: record.revision, issuedAt: WallClock.now().seconds, expiresAt: nil,
                    digest: digest, length: bytes.count))
            changed.append(record)
        }
        return changed
    }

    /// The device's Node was deleted: its record and mirrors go, its certificate is revoked, its connection ends.
    private func forget(_ device: DeviceID) async throws {
        guard let record = sessions[device]?.record else { return }
        let now = WallClock.now().seconds
        try await store.transaction { transaction in
            try record.remove(at: now, transaction.connection)
            try ReportMirror(device: device, transaction: transaction).dropAll()
        }
        sessions[device] = nil
        reportedNodes[device] = nil
        fullReports[device] = nil
        failCommands(of: device)
        // An empty retained message removes the head from the broker.
        lanes.add(.init(topic: .down(device, .head), payload: [], retain: true), for: device)
        let revoked = try await Self.revoked(store)
        if let broker {
            try await broker.revoke(serials: revoked.serials, devices: revoked.devices)
            await endSession(of: device)
        }
        logger.notice("device forgotten and revoked", metadata: ["device": "\(device)"])
    }
}

extension DeviceSession {
    /// Takes up a committed desired state; what was heard meanwhile stays.
    mutating func adopt(desiredOf committed: DeviceRecord) {
        record.revision = committed.revision
        record.digest = committed.digest
        record.document = committed.document
        record.head = committed.head
    }
}
