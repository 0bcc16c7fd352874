import JSON

/// What `wherry token create` prints and `wherry join` takes: `wherry1.` and base64url of a JSON object.
public struct EnrolmentLine: Hashable, Sendable, CustomStringConvertible {
    /// `host:port` of the hub's TLS listener; IPv6 hosts in brackets.
    public let hub: String
    /// `sha256:<hex>` of the DER of the hub's CA certificate.
    public let authority: String
    /// The one-time secret.
    public let secret: String

    public init(hub: String, authority: String, secret: String) {
        self.hub = hub
        self.authority = authority
        self.secret = secret
    }

    public var description: String {
        let value: JSONValue = ["hub": .string(hub), "ca": .string(authority), "secret": .string(secret)]
        return "wherry1." + Base64.encodeURL(value.serialized())
    }

    /// White space around the line is ignored, since lines are pasted.
    public init(parsing text: String) throws(FleetError) {
        let line = String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        let remedy = "copy the whole line that `wherry token create` printed at the hub"
        guard line.hasPrefix("wherry1.") else {
            throw FleetError(.invalidLine, "a join line starts with \"wherry1.\": \(remedy)")
        }
        guard line.utf8.count <= 4096, let bytes = Base64.decodeURL(String(line.dropFirst(8))),
            let value = try? parseControl(bytes, cap: 4096, what: "join line"),
            let hub = value["hub"]?.stringValue, let authority = value["ca"]?.stringValue,
            let secret = value["secret"]?.stringValue, ContentDigest(authority) != nil, !secret.isEmpty
        else { throw FleetError(.invalidLine, "the join line is damaged: \(remedy)") }
        self.init(hub: hub, authority: authority, secret: secret)
        guard hostAndPort != nil else { throw FleetError(.invalidLine, "the join line names no hub:port: \(remedy)") }
    }

    /// The hub's host without brackets, and its port.
    public var hostAndPort: (host: String, port: Int)? { EnrolmentLine.split(hub) }

    /// Splits `host:port` or `[v6]:port`.
    public static func split(_ address: String) -> (host: String, port: Int)? {
        guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]),
            (1...65535).contains(port)
        else { return nil }
        var host = String(address[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return host.isEmpty ? nil : (host, port)
    }
}

/// Body of `POST /wherry/v1/enrol`.
public struct EnrolmentRequest: FleetMessage {
    public static let path = "/wherry/v1/enrol"
    public var secret: String
    /// The wished name; nil lets the hub choose.
    public var device: String?
    /// A certificate signing request in PEM. The hub takes only its key.
    public var csr: String
    public init(secret: String, device: String?, csr: String) {
        self.secret = secret
        self.device = device
        self.csr = csr
    }
}

/// The hub's answer: all that a device needs to speak with its fleet from then on. Errors are Kubernetes Status objects.
public struct EnrolmentResponse: FleetMessage {
    public var device: String
    /// PEM: the device's leaf.
    public var certificate: String
    /// PEM: the fleet's CA.
    public var caCertificate: String
    /// `host:port` of each MQTT broker over TLS.
    public var brokers: [String]
    /// Base64 of the raw Ed25519 public key that signs heads.
    public var signingKey: String
    public var keyID: String
    /// Unix milliseconds.
    public var serverTime: Int64
    /// The fleet's name, for display.
    public var fleet: String
    /// PEM: the authority of a broker that the hub does not run, where that is not the fleet's.
    public var brokerCACertificate: String?

    public init(
        device: String, certificate: String, caCertificate: String, brokers: [String], signingKey: String,
        keyID: String, serverTime: Int64, fleet: String, brokerCACertificate: String? = nil
    ) {
        self.device = device
        self.certificate = certificate
        self.caCertificate = caCertificate
        self.brokers = brokers
        self.signingKey = signingKey
        self.keyID = keyID
        self.serverTime = serverTime
        self.fleet = fleet
        self.brokerCACertificate = brokerCACertificate
    }

    /// The trusted root, version 1.
    public func trustedRoot() throws(FleetError) -> TrustedRoot {
        guard let key = Base64.decode(signingKey) else {
            throw FleetError(.invalidKey, "the hub's signing key is not base64")
        }
        return try TrustedRoot(keys: [keyID: key])
    }
}
