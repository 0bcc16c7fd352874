public import JSON

/// The wrapper of every control message (protocol A4).
public struct Envelope: Hashable, Sendable {
    /// Which sequence `sequence` counts in.
    public enum Stream: String, Sendable {
        case control = "ctl"
        case report = "rep"
        case events = "ev"
    }

    /// 16 random bytes, base64url.
    public let id: String
    /// The connection's epoch: persisted and one higher at each connect.
    public let epoch: Int64
    public let sequence: Int64
    public let stream: Stream
    /// The sender's clock, Unix milliseconds: for display only.
    public let timestamp: Int64
    public let timeQuality: TrustedTime.Quality
    /// The id of the message that this one answers.
    public let correlation: String?
    public let body: JSONValue

    public init(
        id: String = Envelope.randomID(), epoch: Int64, sequence: Int64, stream: Stream = .control, timestamp: Int64,
        timeQuality: TrustedTime.Quality = .none, correlation: String? = nil, body: JSONValue
    ) {
        self.id = id
        self.epoch = epoch
        self.sequence = sequence
        self.stream = stream
        self.timestamp = timestamp
        self.timeQuality = timeQuality
        self.correlation = correlation
        self.body = body
    }

    /// An envelope around a message.
    public init(
        id: String = Envelope.randomID(), epoch: Int64, sequence: Int64, stream: Stream = .control, timestamp: Int64,
        timeQuality: TrustedTime.Quality = .none, correlation: String? = nil, _ message: some FleetMessage
    ) throws(FleetError) {
        let body: JSONValue
        do { body = try JSONValue(encoding: message) } catch {
            throw FleetError(.malformed, "cannot encode \(type(of: message))", cause: error)
        }
        self.init(
            id: id, epoch: epoch, sequence: sequence, stream: stream, timestamp: timestamp, timeQuality: timeQuality,
            correlation: correlation, body: body)
    }

    public static func randomID() -> String {
        var generator = SystemRandomNumberGenerator()
        return randomID(using: &generator)
    }

    public static func randomID(using generator: inout some RandomNumberGenerator) -> String {
        Base64.encodeURL((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    /// The bytes on the wire: sorted keys, no spaces, no line ends.
    public func serialized() -> [UInt8] {
        var fields: [String: JSONValue] = [
            "v": .integer(1), "id": .string(id), "ep": .integer(epoch), "sq": .integer(sequence),
            "st": .string(stream.rawValue), "ts": .integer(timestamp), "tq": .string(timeQuality.rawValue), "b": body,
        ]
        if let correlation { fields["cor"] = .string(correlation) }
        return JSONValue.object(fields).serialized()
    }

    /// - Parameter depth: `controlDepth`, or `objectDepth` for the topics that carry Kubernetes objects.
    public init(parsing bytes: [UInt8], depth: Int = FleetLimits.controlDepth) throws(FleetError) {
        let value = try parseControl(bytes, cap: FleetLimits.envelope, what: "envelope", depth: depth)
        guard case .integer(let version)? = value["v"] else {
            throw FleetError(.malformed, "envelope has no version")
        }
        guard version == 1 else {
            throw FleetError(.unsupportedVersion, "envelope version \(version) is not spoken here: update Wherry")
        }
        guard case .string(let id)? = value["id"], id.utf8.count <= 64, case .integer(let epoch)? = value["ep"],
            case .integer(let sequence)? = value["sq"], case .string(let streamText)? = value["st"],
            let stream = Stream(rawValue: streamText), case .integer(let timestamp)? = value["ts"],
            let body = value["b"], case .object = body
        else { throw FleetError(.malformed, "envelope lacks id, ep, sq, st, ts or b") }
        self.init(
            id: id, epoch: epoch, sequence: sequence, stream: stream, timestamp: timestamp,
            timeQuality: value["tq"]?.stringValue.flatMap(TrustedTime.Quality.init(rawValue:)) ?? .none,
            correlation: value["cor"]?.stringValue, body: body)
    }

    /// Reads the body as the message that belongs to its topic. Unknown fields are ignored.
    public func message<Message: FleetMessage>(_ type: Message.Type = Message.self) throws(FleetError) -> Message {
        do { return try body.decode(as: Message.self) } catch {
            throw FleetError(.malformed, "body is not a valid \(Message.self)", cause: error)
        }
    }
}

/// The body of an envelope.
public protocol FleetMessage: Codable, Hashable, Sendable {}
