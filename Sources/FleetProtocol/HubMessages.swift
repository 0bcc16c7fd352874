/// `dn/ack`: cumulative acknowledgement and flow control; always the first answer to a hello.
public struct DownAck: FleetMessage {
    /// The hub's clock, Unix milliseconds.
    public var serverTime: Int64
    /// How many event batches the device may have unacknowledged.
    public var credit: Int
    /// Events up to and with this sequence are committed at the hub: the device deletes them. Zero before the first.
    public var eventsUpTo: Int64
    /// The epoch that this answers; a device ignores one of another epoch.
    public var epoch: Int64
    /// True when the hub misses reports: after the hello of a new epoch, or a gap.
    public var wantFullReport: Bool

    public init(
        serverTime: Int64, credit: Int = 16, eventsUpTo: Int64, epoch: Int64, wantFullReport: Bool = false
    ) {
        self.serverTime = serverTime
        self.credit = credit
        self.eventsUpTo = eventsUpTo
        self.epoch = epoch
        self.wantFullReport = wantFullReport
    }

    enum CodingKeys: String, CodingKey {
        case serverTime = "time"
        case credit
        case eventsUpTo = "evUpto"
        case epoch = "ackEp"
        case wantFullReport = "fullRep"
    }
}

/// `dn/cmd`: an imperative command; answered by `UpRequest.reply` on `up/req`.
public struct Command: FleetMessage {
    public enum Kind: String, Sendable, Codable {
        /// Stream a container's log: `logs`.
        case logs
        /// End the command `target`.
        case cancel
        case unknown
        public init(from decoder: any Decoder) throws {
            self = Kind(rawValue: try decoder.singleValueContainer().decode(String.self)) ?? .unknown
        }
    }

    /// Unique per hub; a device that sees it twice answers once.
    public var id: String
    public var kind: Kind
    /// Server time, Unix milliseconds: a device that gets it later does nothing.
    public var deadline: Int64
    public var logs: LogsRequest?
    public var target: String?

    public init(id: String, deadline: Int64, logs: LogsRequest) {
        self.id = id
        kind = .logs
        self.deadline = deadline
        self.logs = logs
    }

    public init(id: String, deadline: Int64, cancel target: String) {
        self.id = id
        kind = .cancel
        self.deadline = deadline
        self.target = target
    }
}

/// The fields of `kubectl logs`.
public struct LogsRequest: FleetMessage {
    public var namespace: String
    public var pod: String
    public var container: String?
    public var follow: Bool
    public var previous: Bool
    public var timestamps: Bool
    public var tailLines: Int?
    public var sinceSeconds: Int?
    public var sinceTime: String?
    public var limitBytes: Int?

    public init(
        namespace: String, pod: String, container: String? = nil, follow: Bool = false, previous: Bool = false,
        timestamps: Bool = false, tailLines: Int? = nil, sinceSeconds: Int? = nil, sinceTime: String? = nil,
        limitBytes: Int? = nil
    ) {
        self.namespace = namespace
        self.pod = pod
        self.container = container
        self.follow = follow
        self.previous = previous
        self.timestamps = timestamps
        self.tailLines = tailLines
        self.sinceSeconds = sinceSeconds
        self.sinceTime = sinceTime
        self.limitBytes = limitBytes
    }
}

/// `wh/1/hub/state`, retained: whether the hub is there, and how to come back to it. Its envelope has epoch 0.
public struct HubState: FleetMessage {
    public var online: Bool
    /// After a lost connection a device waits a random part of this before it tries again, in milliseconds.
    public var reconnectSpread: Int64
    /// Lowest protocol version that the hub speaks.
    public var minimumProtocol: Int

    public init(online: Bool, reconnectSpread: Int64 = 1000, minimumProtocol: Int = 1) {
        self.online = online
        self.reconnectSpread = reconnectSpread
        self.minimumProtocol = minimumProtocol
    }

    enum CodingKeys: String, CodingKey {
        case online
        case reconnectSpread = "spreadMs"
        case minimumProtocol = "minProto"
    }
}
