import HTTPServing
import HTTPTypes
import Hummingbird
import Resources
import Streams

/// Which framing and which version of Kubernetes' stream protocol a client and this server have in common.
///
/// - Parameter Use: what a WebSocket carries.
enum StreamNegotiation<Use: Sendable>: Sendable {
    /// A WebSocket with its opening's answer and the chosen subprotocol.
    case webSocket(accept: String, subprotocol: String, Use)
    case spdy(StreamVersion)

    /// - Parameters:
    ///   - versions: with SPDY, best first; the last is for clients that name none.
    ///   - choose: the subprotocol and its use, of those that a client offers.
    init(_ request: Request, spdy versions: [StreamVersion], _ choose: ([String]) -> (String, Use)?) throws {
        switch request.wantedUpgrade {
        case "websocket":
            let offered = Self.words(request.headers[values: .secWebSocketProtocol])
            guard request.headers[.secWebSocketVersion] == "13",
                let accept = request.headers[.secWebSocketKey].flatMap(WebSocketHandshake.accept)
            else { throw StatusError.badRequest("the request is no WebSocket opening of version 13") }
            guard let (subprotocol, use) = choose(offered) else {
                throw StatusError.badRequest(
                    "unable to upgrade: client supports [\(offered.joined(separator: " "))], none of which this server speaks"
                )
            }
            self = .webSocket(accept: accept, subprotocol: subprotocol, use)
        case "spdy/3.1":
            let offered = Self.words(request.headers[values: StreamVersion.header])
            let known = offered.lazy.compactMap(StreamVersion.init(rawValue:)).first(where: versions.contains)
            guard let version = offered.isEmpty ? versions.last : known else {
                throw StatusError(
                    code: 403, reason: .forbidden,
                    message: "unable to upgrade: unable to negotiate protocol: client supports "
                        + "[\(offered.joined(separator: " "))], server accepts "
                        + "[\(versions.map(\.rawValue).joined(separator: " "))]")
            }
            self = .spdy(version)
        default:
            throw StatusError.badRequest("Upgrade request required")
        }
    }

    /// Of headers that may come several times and hold several words each.
    private static func words(_ values: [String]) -> [String] {
        values.flatMap { $0.split(separator: ",") }.map { word in
            String(word.drop { $0 == " " }.prefix { $0 != " " })
        }.filter { !$0.isEmpty }
    }

    /// For the answer: the protocol's name, and the headers beside it.
    var answer: (upgrade: String, headers: HTTPFields) {
        switch self {
        case .webSocket(let accept, let subprotocol, _):
            ("websocket", [.secWebSocketAccept: accept, .secWebSocketProtocol: subprotocol])
        case .spdy(let version):
            ("SPDY/3.1", [StreamVersion.header: version.rawValue])
        }
    }
}

extension StreamNegotiation<ChannelProtocol> {
    /// For exec and attach.
    init(command request: Request) throws {
        try self.init(request, spdy: [.v4, .v3, .v2, .v1]) { offered in
            ChannelProtocol.chosen(from: offered).map { ($0.rawValue, $0) }
        }
    }
}

/// What a WebSocket carries for port forwarding.
enum ForwardFraming: String, Sendable {
    /// SPDY frames in binary messages.
    case tunnel = "SPDY/3.1+portforward.k8s.io"
    case channels = "v4.channel.k8s.io"
}

extension StreamNegotiation<ForwardFraming> {
    init(portForward request: Request) throws {
        try self.init(request, spdy: [.portForward]) { offered in
            offered.lazy.compactMap(ForwardFraming.init(rawValue:)).first.map { ($0.rawValue, $0) }
        }
    }
}

/// What the streams of a SPDY connection mean.
enum StreamVersion: String {
    /// An error is told as text.
    case v1 = "channel.k8s.io"
    case v2 = "v2.channel.k8s.io"
    /// A terminal's size has a stream.
    case v3 = "v3.channel.k8s.io"
    /// The end is told as a Status object.
    case v4 = "v4.channel.k8s.io"
    case portForward = "portforward.k8s.io"

    static let header: HTTPField.Name = {
        guard let name = HTTPField.Name("X-Stream-Protocol-Version") else { preconditionFailure("a valid name") }
        return name
    }()

    var hasResize: Bool { self == .v3 || self == .v4 }
    var tellsStatus: Bool { self == .v4 }
}
