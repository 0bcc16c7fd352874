internal import FleetProtocol
internal import Linux

/// One device as the hub sees it: pure, driven by messages and time, answering with effects.
///
/// It implements the hub's side of the sync algorithm (protocol A5): newest revision only, resent at 10, 20, 40, 80 and 160
/// seconds, then again at the next hello.
struct DeviceSession: Sendable {
    /// Whether and why (not) the device is there, for the Node's Ready condition.
    enum Contact: Sendable, Hashable {
        case connected
        case lost(reason: String, message: String)
    }

    enum Effect: Sendable, Hashable {
        /// Send `dn/ack`.
        case acknowledge(wantFullReport: Bool)
        /// Send the signed head and the whole document.
        case sendDesired
        /// The record's contact part changed; write it when convenient.
        case save
        /// `contact` changed.
        case contactChanged
        /// Acknowledgement of a revision changed: status and conditions of its objects follow.
        case acknowledgementChanged
        /// The device has a newer revision than the hub: the hub was set back; number the next one above it.
        case renumber(above: Revision)
        /// Worth an event on the Node.
        case note(type: String, reason: String, message: String)
    }

    var record: DeviceRecord
    private(set) var contact: Contact
    /// When anything was last heard.
    private(set) var lastSeen: MonotonicInstant?
    private var resendAt: MonotonicInstant?
    private var attempt = 0
    /// Without a word until then the device counts as lost.
    private var confirmBy: MonotonicInstant?
    /// The newest report's sequence within the epoch; nil when the stream's start was missed.
    private var reportSequence: Int64?
    private var askedForFull = false

    init(record: DeviceRecord) {
        self.record = record
        contact = .lost(reason: "NeverConnected", message: "The device has not connected yet")
    }

    var isConnected: Bool { contact == .connected }

    // MARK: Messages

    mutating func handle(_ hello: Hello, epoch: Int64, now: MonotonicInstant) -> [Effect] {
        var effects: [Effect] = []
        if epoch < record.epoch {
            effects.append(
                .note(
                    type: "Warning", reason: "EpochRegression",
                    message: "connection epoch fell from \(record.epoch) to \(epoch): the device was restored or cloned"
                ))
        }
        // A hello within a connection only compares: reports that are in step need not be repeated.
        let isInStep =
            isConnected && epoch == record.epoch && reportSequence != nil && hello.reports?.sequence == reportSequence
        record.epoch = epoch
        if !isInStep {
            reportSequence = nil
            askedForFull = true
        }
        if let range = hello.events, range.last < record.eventsUpTo { record.eventsUpTo = max(0, range.first - 1) }
        effects += [.save] + connect(now) + [.acknowledge(wantFullReport: !isInStep)]
        return effects + compare(hello.have, now)
    }

    private mutating func compare(_ have: RevisionFloor?, _ now: MonotonicInstant) -> [Effect] {
        guard let wanted = record.floor else { return have.map { [.renumber(above: $0.revision)] } ?? [] }
        switch have.map({ RevisionFloor.standing(of: wanted.revision, digest: wanted.digest, over: $0) }) ?? .newer {
        case .current:
            resendAt = nil
            return []
        case .newer: return offer(now)
        case .older, .equivocation:
            guard let have else { return [] }
            return [
                .renumber(above: have.revision),
                .note(
                    type: "Warning", reason: "HubSetBack",
                    message: "the device has revision \(have.revision), the hub \(wanted.revision): "
                        + "the hub was set back, its present state gets a higher number"),
            ]
        }
    }

    mutating func handle(_ ack: Ack, epoch: Int64, now: MonotonicInstant) -> [Effect] {
        guard let effects = hear(epoch, now) else { return [] }
        return effects + acknowledge(ack)
    }

    /// How far the device got, by a receipt that it signed: no sign that it is connected.
    mutating func handle(receipt: BundleReceipt, on date: String) -> [Effect] {
        let about =
            "bundle \(receipt.bundle) \(receipt.sequence)" + (receipt.revision.map { " with revision \($0)" } ?? "")
        let isGood = receipt.result == .healthy
        var effects: [Effect] = [
            .note(
                type: isGood ? "Normal" : "Warning", reason: "BundleReceipt",
                message: "\(about): \(receipt.result.rawValue) on \(date)" + (receipt.message.map { ": \($0)" } ?? ""))
        ]
        // A refused bundle says nothing of a revision; what was heard of a newer one counts more than an old receipt.
        if let revision = receipt.revision, receipt.result == .healthy || receipt.result == .unhealthy,
            record.acked < revision || record.ackedLevel != .healthy
        {
            effects += acknowledge(
                Ack(
                    revision: revision, level: isGood ? .healthy : .failed, code: receipt.code,
                    message: receipt.message))
        }
        return effects
    }

    private mutating func acknowledge(_ ack: Ack) -> [Effect] {
        guard ack.revision == record.revision else { return [] }
        resendAt = nil
        let changed =
            record.acked != ack.revision || record.ackedLevel != ack.level || record.ackCode != ack.code
            || record.ackMessage != ack.message
        guard changed else { return [] }
        record.acked = ack.revision
        record.ackedLevel = ack.level
        record.ackCode = ack.code
        let subject = ack.object.map { "\($0): " } ?? ""
        record.ackMessage = ack.message.map { subject + $0 } ?? (ack.level == .failed ? subject + "failed" : nil)
        var result: [Effect] = [.save, .acknowledgementChanged]
        if ack.level == .failed {
            result.append(
                .note(
                    type: "Warning", reason: "RevisionFailed",
                    message: "revision \(ack.revision): \(record.ackMessage ?? "") (\(ack.code ?? "unknown"))"))
        }
        return result
    }

    mutating func handle(_ bye: Bye, epoch: Int64) -> [Effect] {
        // The will of an earlier connection may come after the next hello.
        guard epoch == record.epoch, isConnected else { return [] }
        resendAt = nil
        contact =
            bye.reason == .stopping
            ? .lost(reason: "DeviceStopped", message: "The device said goodbye")
            : .lost(reason: "ContactLost", message: "The device's connection broke")
        return [.contactChanged]
    }

    /// - Returns: whether the report is to be applied (nil: it is a late duplicate), and the effects.
    mutating func handle(
        _ report: Report, sequence: Int64, epoch: Int64, now: MonotonicInstant
    ) -> (apply: Bool, effects: [Effect]) {
        guard var effects = hear(epoch, now) else { return (false, []) }
        if let known = reportSequence, sequence <= known { return (false, effects) }
        let startsFull = report.full && report.part == 1
        let isNext = reportSequence.map { sequence == $0 + 1 } ?? (sequence == 1)
        reportSequence = sequence
        if startsFull { askedForFull = false }
        if !isNext, !startsFull, !askedForFull {
            askedForFull = true
            effects.append(.acknowledge(wantFullReport: true))
        }
        return (true, effects)
    }

    /// Events are counted in by the caller, in one transaction with their storing.
    mutating func heardEvents(epoch: Int64, now: MonotonicInstant) -> [Effect]? { hear(epoch, now) }

    mutating func committed(eventsUpTo sequence: Int64) { record.eventsUpTo = max(record.eventsUpTo, sequence) }

    mutating func handle(_ request: UpRequest, epoch: Int64, now: MonotonicInstant) -> [Effect] {
        guard let effects = hear(epoch, now) else { return [] }
        return request.kind == .getFull ? effects + offer(now) : effects
    }

    // MARK: Time and the hub's own changes

    /// The desired state changed (and was committed).
    mutating func desiredChanged(now: MonotonicInstant) -> [Effect] { isConnected ? offer(now) : [] }

    /// The hub is (again) connected to the broker: what it knew of who is there may be stale. Devices that are there say hello
    /// when they see the hub's state change.
    mutating func brokerConnected(now: MonotonicInstant, silence: Duration) {
        guard record.epoch > 0 else { return }
        confirmBy = now.advanced(by: silence)
        reportSequence = nil
        askedForFull = true
    }

    mutating func tick(now: MonotonicInstant) -> [Effect] {
        var effects: [Effect] = []
        if let deadline = confirmBy, now >= deadline {
            confirmBy = nil
            resendAt = nil
            contact = .lost(reason: "ContactLost", message: "The device has not been heard of since the hub came back")
            effects.append(.contactChanged)
        }
        if let due = resendAt, now >= due {
            attempt += 1
            resendAt = attempt < Self.pauses.count ? now.advanced(by: .seconds(Self.pauses[attempt])) : nil
            effects.append(.sendDesired)
        }
        return effects
    }

    private static let pauses = [10, 20, 40, 80, 160]

    private mutating func offer(_ now: MonotonicInstant) -> [Effect] {
        guard record.floor != nil else { return [] }
        attempt = 0
        resendAt = now.advanced(by: .seconds(Self.pauses[0]))
        return [.sendDesired]
    }

    /// A message of this epoch arrived. Nil when it is of an older connection. Of a newer one whose hello was missed, it stands
    /// for the hello.
    private mutating func hear(_ epoch: Int64, _ now: MonotonicInstant) -> [Effect]? {
        guard epoch >= record.epoch else { return nil }
        guard epoch > record.epoch else { return connect(now) }
        record.epoch = epoch
        reportSequence = nil
        askedForFull = true
        return [.save] + connect(now) + [.acknowledge(wantFullReport: true)] + offer(now)
    }

    private mutating func connect(_ now: MonotonicInstant) -> [Effect] {
        lastSeen = now
        confirmBy = nil
        guard !isConnected else { return [] }
        contact = .connected
        return [.contactChanged]
    }
}
