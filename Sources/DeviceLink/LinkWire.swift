internal import FleetProtocol
internal import Linux
import MQTT

/// The sending side of one connection: numbers, wraps and publishes; knows whether the hub answers.
actor LinkWire {
    let connection: MQTTConnection
    let device: DeviceID
    let epoch: Int64
    private let core: LinkCore
    private var sequences: [Envelope.Stream: Int64] = [:]

    /// True after the hub's answer to the hello of this connection.
    private(set) var isAttached = false
    private(set) var wantsFullReport = false
    private(set) var helloAt: MonotonicInstant?
    private(set) var unansweredHellos = 0
    private var credit = 0
    private var sentUpTo: Int64 = 0
    private var unacknowledged: [Int64] = []
    private var lastBatchAt = MonotonicInstant.now()

    init(connection: MQTTConnection, device: DeviceID, epoch: Int64, core: LinkCore) {
        self.connection = connection
        self.device = device
        self.epoch = epoch
        self.core = core
    }

    func send(
        _ leaf: Topic.Up, stream: Envelope.Stream = .control, correlation: String? = nil, qos: Int32 = 1,
        _ message: some FleetMessage
    ) async throws {
        let quality = await core.time.quality
        let sequence = (sequences[stream] ?? 0) + 1
        sequences[stream] = sequence
        let now = WallClock.now()
        let envelope = try Envelope(
            epoch: epoch, sequence: sequence, stream: stream,
            timestamp: now.seconds * 1000 + Int64(now.nanoseconds / 1_000_000), timeQuality: quality,
            correlation: correlation, message)
        try await connection.publish(Topic.up(device, leaf).string, envelope.serialized(), qos: qos)
    }

    func sendHello(_ hello: Hello) async throws {
        helloAt = .now()
        unansweredHellos += 1
        try await send(.hello, hello)
    }

    var reportSequence: Int64 { sequences[.report] ?? 0 }

    /// - Returns: whether this made the connection attached.
    func receive(_ ack: DownAck) -> Bool {
        guard ack.epoch == epoch else { return false }
        let first = !isAttached
        isAttached = true
        unansweredHellos = 0
        credit = min(max(ack.credit, 0), 16)
        if ack.wantFullReport { wantsFullReport = true }
        unacknowledged.removeAll { $0 <= ack.eventsUpTo }
        if first {
            sentUpTo = ack.eventsUpTo
            unacknowledged = []
        }
        return first
    }

    /// The hub went away: nothing is sent that it would have to queue at the broker.
    func detach() {
        isAttached = false
        unansweredHellos = 0
    }

    func takeWantsFullReport() -> Bool {
        defer { wantsFullReport = false }
        return wantsFullReport
    }

    // MARK: The events' window

    /// Where the next batch starts; nil while the window is closed.
    var nextBatchAfter: Int64? { isAttached && unacknowledged.count < credit ? sentUpTo : nil }

    func sent(batchUpTo sequence: Int64) {
        sentUpTo = sequence
        unacknowledged.append(sequence)
        lastBatchAt = .now()
    }

    /// Goes back to what the hub has when it has been silent too long. True when there is something to send again.
    func rewindEvents(after limit: Duration) -> Bool {
        guard let first = unacknowledged.first, lastBatchAt.duration(to: .now()) > limit else { return false }
        _ = first
        sentUpTo = 0
        unacknowledged = []
        return true
    }

    var hasUnacknowledgedEvents: Bool { !unacknowledged.isEmpty }
}
