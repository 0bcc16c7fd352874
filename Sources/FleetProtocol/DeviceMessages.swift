public import JSON

/// `up/hello`: the first message of each connection.
public struct Hello: FleetMessage {
    /// Changes at each boot of the machine.
    public var boot: String
    /// Lowest and highest protocol version that the device speaks.
    public var proto: [Int]
    /// Version of the agent.
    public var agent: String
    /// The name of the device's own Node object.
    public var node: String
    /// What is committed; nil on a new device.
    public var have: RevisionFloor?
    /// The report stream so far.
    public var reports: ReportPosition?
    /// The outbox's stored range; nil when it is empty.
    public var events: EventRange?
    /// Why the last revision or connection failed.
    public var lastError: String?

    public init(
        boot: String, proto: [Int] = [1, 1], agent: String, node: String, have: RevisionFloor?,
        reports: ReportPosition? = nil, events: EventRange? = nil, lastError: String? = nil
    ) {
        self.boot = boot
        self.proto = proto
        self.agent = agent
        self.node = node
        self.have = have
        self.reports = reports
        self.events = events
        self.lastError = lastError
    }

    enum CodingKeys: String, CodingKey {
        case boot, proto, agent, node, have
        case reports = "rep"
        case events = "ev"
        case lastError
    }
}

/// How far reports went: last sequence, digest over what was reported.
public struct ReportPosition: FleetMessage {
    public var sequence: Int64
    public var digest: ContentDigest?
    public init(sequence: Int64, digest: ContentDigest? = nil) {
        self.sequence = sequence
        self.digest = digest
    }
    enum CodingKeys: String, CodingKey {
        case sequence = "sq"
        case digest = "dig"
    }
}

/// First and last event sequence, both included.
public struct EventRange: FleetMessage {
    public var first: Int64
    public var last: Int64
    public init(first: Int64, last: Int64) {
        self.first = first
        self.last = last
    }
}

/// `up/bye`: the Last Will, and the graceful end. A bye of an epoch that is not the newest is ignored.
public struct Bye: FleetMessage {
    public enum Reason: String, Codable, Sendable {
        /// The broker sent the will.
        case lost
        /// The agent stops.
        case stopping
    }
    public var reason: Reason
    public init(reason: Reason) { self.reason = reason }
}

/// `up/ack`: how far a device got with a revision. Sent again after each hello.
public struct Ack: FleetMessage {
    /// Each level includes the ones before it; `failed` stands alone. An unknown level decodes to `unknown`.
    public enum Level: String, Sendable, Codable {
        /// Document, head and floor are committed.
        case stored
        /// The objects are in the device's store.
        case applied
        /// The workloads of the document are ready.
        case healthy
        /// See `code`; also sent for a head that was refused.
        case failed
        case unknown

        public init(from decoder: any Decoder) throws {
            self = Level(rawValue: try decoder.singleValueContainer().decode(String.self)) ?? .unknown
        }
    }

    public var generation: Int64
    public var number: Int64
    public var level: Level
    /// A `FleetError.Code` for refused heads; else `conflict`, `invalid`, `unavailable`, `storage`.
    public var code: String?
    /// The object that failed, as `Kind namespace/name`.
    public var object: String?
    public var message: String?
    /// Hub-owned objects whose local version differs from what the hub sent.
    public var locallyModified: [String]?

    public init(
        revision: Revision, level: Level, code: String? = nil, object: String? = nil, message: String? = nil,
        locallyModified: [String]? = nil
    ) {
        generation = revision.generation
        number = revision.number
        self.level = level
        self.code = code
        self.object = object
        self.message = message
        self.locallyModified = locallyModified
    }

    public var revision: Revision { Revision(generation: generation, number: number) }

    enum CodingKeys: String, CodingKey {
        case generation = "gen"
        case number = "rev"
        case level, code, object, message
        case locallyModified = "modified"
    }
}

/// `up/rep`: the state of the device's objects; the newest report of an object wins.
///
/// `Envelope.sequence` counts reports of one epoch from 1; a gap lets the hub ask for a full report.
public struct Report: FleetMessage {
    public struct Entry: FleetMessage {
        public var reference: ObjectReference
        /// The whole object as the device has it; nil when it is gone.
        public var object: JSONValue?
        public init(reference: ObjectReference, object: JSONValue?) {
            self.reference = reference
            self.object = object
        }
        enum CodingKeys: String, CodingKey {
            case reference = "key"
            case object
        }
    }

    /// True when all parts together name every object: the hub drops what it has of this device besides.
    public var full: Bool
    /// From 1 to `parts`, for full reports.
    public var part: Int
    public var parts: Int
    public var entries: [Entry]

    public init(full: Bool, part: Int = 1, parts: Int = 1, entries: [Entry]) {
        self.full = full
        self.part = part
        self.parts = parts
        self.entries = entries
    }
}

/// `up/ev`: rows of the outbox in order. Kept by the device until `DownAck.eventsUpTo` covers them.
public struct EventBatch: FleetMessage {
    public struct Row: FleetMessage {
        public enum Kind: String, Sendable, Codable {
            /// `body` is a Kubernetes Event.
            case event
            /// `body` is `{"from":…,"to":…,"count":…}`: rows that were dropped because the outbox was full.
            case gap
            case unknown
            public init(from decoder: any Decoder) throws {
                self = Kind(rawValue: try decoder.singleValueContainer().decode(String.self)) ?? .unknown
            }
        }
        public var sequence: Int64
        public var kind: Kind
        public var body: JSONValue
        public init(sequence: Int64, kind: Kind, body: JSONValue) {
            self.sequence = sequence
            self.kind = kind
            self.body = body
        }
        enum CodingKeys: String, CodingKey {
            case sequence = "sq"
            case kind, body
        }
    }
    public var rows: [Row]
    public init(rows: [Row]) { self.rows = rows }
}

/// `up/req`: what a device asks of the hub, and its answers to commands. `Envelope.correlation` names the command.
public struct UpRequest: FleetMessage {
    public enum Kind: String, Sendable, Codable {
        /// Send head and whole document again; `why` is a `FleetError.Code`.
        case getFull
        /// `reply` holds a piece of an answer.
        case reply
        case unknown
        public init(from decoder: any Decoder) throws {
            self = Kind(rawValue: try decoder.singleValueContainer().decode(String.self)) ?? .unknown
        }
    }
    public var kind: Kind
    public var why: String?
    public var reply: CommandReply?

    public static func getFull(why: String) -> UpRequest { UpRequest(kind: .getFull, why: why) }
    public static func reply(_ reply: CommandReply) -> UpRequest { UpRequest(kind: .reply, reply: reply) }
}

/// A piece of a command's answer; pieces count from 0 and the last has `eof` or `error`.
public struct CommandReply: FleetMessage {
    public struct Failure: FleetMessage {
        /// HTTP status, as the Kubernetes API would answer.
        public var status: Int
        public var reason: String
        public var message: String
        public init(status: Int, reason: String, message: String) {
            self.status = status
            self.reason = reason
            self.message = message
        }
    }
    public var command: String
    public var index: Int64
    /// Base64; at most `FleetLimits.replyChunk` bytes.
    public var data: String?
    public var eof: Bool
    public var error: Failure?

    public init(command: String, index: Int64, bytes: [UInt8] = [], eof: Bool = false, error: Failure? = nil) {
        self.command = command
        self.index = index
        data = bytes.isEmpty ? nil : Base64.encode(bytes)
        self.eof = eof
        self.error = error
    }

    /// Nil when the base64 is damaged.
    public var bytes: [UInt8]? { data.map { Base64.decode($0) } ?? [] }

    enum CodingKeys: String, CodingKey {
        case command = "id"
        case index = "i"
        case data, eof, error
    }
}
