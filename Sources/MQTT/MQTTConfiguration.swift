/// How to reach a broker, and as whom.
public struct MQTTConfiguration: Sendable {
    /// Files in PEM. The broker's certificate must name the host.
    public struct TLS: Sendable {
        public var authorityFile: String
        public var certificateFile: String?
        public var keyFile: String?
        public init(authorityFile: String, certificateFile: String? = nil, keyFile: String? = nil) {
            self.authorityFile = authorityFile
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    /// What the broker publishes when this client goes without a DISCONNECT.
    public struct Will: Sendable {
        public var topic: String
        public var payload: [UInt8]
        public var qos: Int32
        public var retain: Bool
        public init(topic: String, payload: [UInt8], qos: Int32 = 1, retain: Bool = false) {
            self.topic = topic
            self.payload = payload
            self.qos = qos
            self.retain = retain
        }
    }

    public enum Version: Sendable, Hashable {
        case v5
        case v311
    }

    public var host: String
    public var port: Int
    public var clientID: String
    public var tls: TLS?
    /// Seconds, at least 5. The only traffic of an idle connection.
    public var keepAlive: Int32 = 60
    /// False resumes the session that the broker kept for this client id.
    public var cleanStart = true
    /// Seconds that the broker keeps the session after the connection; MQTT 5 only.
    public var sessionExpiry: UInt32 = 0
    /// Bytes, both ways.
    public var maximumPacketSize: UInt32 = 160 << 10
    /// Unacknowledged messages the broker may have on the way to this client; MQTT 5 only.
    public var receiveMaximum: Int32 = 16
    /// Unacknowledged messages this client may have on the way to the broker.
    public var sendMaximum: Int32 = 32
    /// Received messages that wait for the reader. When full, the socket is not read until half is taken.
    public var inboxLimit = 256
    /// From the first packet to CONNACK, name look-up and TLS included.
    public var connectTimeout: Duration = .seconds(30)
    /// Tried in this order while the broker answers "unsupported version".
    public var versions: [Version] = [.v5, .v311]
    public var will: Will?

    public init(host: String, port: Int, clientID: String, tls: TLS? = nil, will: Will? = nil) {
        self.host = host
        self.port = port
        self.clientID = clientID
        self.tls = tls
        self.will = will
    }
}

public struct MQTTMessage: Sendable, Hashable {
    public let topic: String
    public let payload: [UInt8]
    public let qos: Int32
    /// True for the broker's stored copy, sent because of a new subscription.
    public let retained: Bool

    public init(topic: String, payload: [UInt8], qos: Int32 = 1, retained: Bool = false) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retained = retained
    }
}
