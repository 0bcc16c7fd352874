/// What `wherry hub` was started with.
public struct HubConfiguration: Sendable {
    /// Where the broker is.
    public enum Broker: Sendable, Hashable {
        /// A `mosquitto` that the hub runs itself. Port 0: one that is free, chosen once and remembered.
        case own(listen: ListenAddress)
        /// Somebody else's broker.
        case external(BrokerURL)
    }

    /// Holds `pki/`.
    public var dataDirectory: String
    /// Holds `broker/`.
    public var runDirectory: String
    public var broker: Broker
    /// The fleet's name, for display.
    public var fleetName: String
    /// MQTT keep-alive of the hub itself, and the measure of silence: a device that is not heard of for three of these after
    /// the hub came back counts as unknown.
    public var keepAlive: Duration = .seconds(60)
    /// How many devices may be connected at once.
    public var maximumConnections = 20_000

    public init(
        dataDirectory: String, runDirectory: String, broker: Broker = .own(listen: .loopback),
        fleetName: String = "wherry"
    ) {
        self.dataDirectory = dataDirectory
        self.runDirectory = runDirectory
        self.broker = broker
        self.fleetName = fleetName
    }
}

/// HOST:PORT to listen on.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    public var host: String
    /// 0 is any free port.
    public var port: Int

    public static let loopback = ListenAddress(host: "127.0.0.1", port: 0)

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port`, `[v6]:port` or `:port` (all addresses).
    public init(parsing text: String) throws(HubError) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else {
            throw HubError(
                .invalidOption, "\(text) is not an address to listen on: write HOST:PORT, such as 0.0.0.0:8883")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        self.init(host: host.isEmpty ? "0.0.0.0" : host, port: port)
    }

    /// Whether every address of the machine is meant.
    var isWildcard: Bool { host == "0.0.0.0" || host == "::" }
    /// Where this machine itself reaches the listener.
    var localHost: String { host == "0.0.0.0" ? "127.0.0.1" : (host == "::" ? "::1" : host) }
    public var description: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// `mqtts://host[:port]`. Devices speak TLS only: the broker's access list knows them by their certificates.
public struct BrokerURL: Sendable, Hashable, CustomStringConvertible {
    public let host: String
    public let port: Int

    public init(parsing text: String) throws(HubError) {
        let remedy = "write mqtts://HOST[:PORT], an IPv6 address in brackets"
        let scheme = "mqtts://"
        guard text.hasPrefix(scheme) else {
            let why =
                text.hasPrefix("mqtt://") ? "is not over TLS, which devices need" : "is not the address of a broker"
            throw HubError(.invalidOption, "\(text) \(why): \(remedy)")
        }
        var rest = String(text.dropFirst(scheme.utf8.count))
        while rest.hasSuffix("/") { rest.removeLast() }
        let hasPort = rest.last != "]" && rest.contains(":")
        guard let address = try? ListenAddress(parsing: hasPort ? rest : "\(rest):8883"),
            !rest.isEmpty, !rest.hasPrefix(":"), address.port > 0,
            Self.isHost(address.host, isLiteral: rest.hasPrefix("["))
        else { throw HubError(.invalidOption, "\(text) names no host or no port: \(remedy)") }
        (host, port) = (address.host, address.port)
    }

    /// Whether it can be a name or an IPv4 address; in brackets, an IPv6 address, with a zone or not.
    private static func isHost(_ text: String, isLiteral: Bool) -> Bool {
        let others = isLiteral ? ":.%-_" : ".-_"
        return text.contains(":") == isLiteral && !text.isEmpty
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || others.contains($0)) }
    }

    public var description: String { "mqtts://\(ListenAddress(host: host, port: port))" }
}
