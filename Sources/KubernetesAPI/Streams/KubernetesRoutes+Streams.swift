import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import ResourceStore
import Resources
import Streams

extension KubernetesRoutes {
    /// The parts of a pod that are streams both ways.
    static let streamParts: Set<String> = ["exec", "attach", "portforward"]

    /// `pods/NAME/exec`, `attach` and `portforward`: refuses in HTTP what can be refused, then goes over to the client's framing.
    func stream(_ request: ObjectRequest, _ context: ServingContext) async throws -> Response {
        guard request.request.method == .get || request.request.method == .post else {
            throw StatusError.methodNotAllowed()
        }
        guard let streams else { throw Self.outOfReach(request.subresource) }
        let pod = try await store.get(request.key)
        guard pod.value[path: "spec", "nodeName"]?.stringValue?.isEmpty == false else {
            throw StatusError.badRequest("pod \(pod.name) does not have a host assigned")
        }
        do {
            switch request.subresource {
            case "portforward": return try await portForward(request, streams, context)
            default: return try await command(request, pod, streams, context)
            }
        } catch let refusal as StreamRefusal {
            // The kubelet's answer is bare text, to which clients put their own words.
            return .text(refusal.description, status: .internalServerError)
        }
    }

    /// The refusal of a hub.
    static func outOfReach(_ part: String) -> StatusError {
        StatusError(
            code: 501, reason: StatusError.Reason(rawValue: "NotImplemented"),
            message: "pods/\(part) of a device's pod can't be reached through the hub: "
                + "use the device's own API (wherry kubeconfig, on the device)")
    }

    private func command(
        _ request: ObjectRequest, _ pod: Resource, _ streams: PodStreams, _ context: ServingContext
    ) async throws -> Response {
        let container = try Self.container(
            of: pod, named: request.query.text("container"), annotation: "kubectl.kubernetes.io/default-container")
        let options = try Self.options(request.query)
        let session = try session(request, streams, container, options)
        let negotiation = try StreamNegotiation(command: request.request)
        try await streams.check(request.key, container)
        let (upgrade, headers) = negotiation.answer
        return try await .upgrade(context, to: upgrade, headers: headers) { stream in
            switch negotiation {
            case .webSocket(_, _, let version):
                await session.run(ChannelCommandReader(stream, version, options), stream)
            case .spdy(let version):
                await session.run(SPDYCommandReader(stream, version, options), stream)
            }
        }
    }

    private func session(
        _ request: ObjectRequest, _ streams: PodStreams, _ container: String, _ options: PodStreamOptions
    ) throws -> CommandSession {
        let (key, namespace) = (request.key, request.key.namespace ?? "")
        guard request.subresource == "exec" else {
            let attach = PodAttachRequest(namespace: namespace, pod: key.name, container: container, streams: options)
            return CommandSession(options: options, command: "", logger: logger) { try await streams.attach(attach) }
        }
        let command = QueryParameters.values(of: "command", in: request.request.uri.query)
        guard !command.isEmpty else {
            throw StatusError.badRequest("you must specify at least one command for the container")
        }
        let exec = PodExecRequest(
            namespace: namespace, pod: key.name, container: container, command: command, streams: options)
        return CommandSession(options: options, command: "[\(command.joined(separator: " "))]", logger: logger) {
            try await streams.exec(exec)
        }
    }

    private static func options(_ query: QueryParameters) throws -> PodStreamOptions {
        var options = PodStreamOptions(
            stdin: try query.flag("stdin"), stdout: try query.flag("stdout"), stderr: try query.flag("stderr"),
            tty: try query.flag("tty"))
        // A terminal has one output.
        if options.tty { options.stderr = false }
        guard options.stdin || options.stdout || options.stderr else {
            throw StatusError.badRequest("you must specify at least one of stdin, stdout, stderr")
        }
        return options
    }

    private func portForward(
        _ request: ObjectRequest, _ streams: PodStreams, _ context: ServingContext
    ) async throws -> Response {
        let negotiation = try StreamNegotiation(portForward: request.request)
        let key = request.key
        let connect: @Sendable (UInt16) async throws -> Int32 = { try await streams.connect(key, $0) }
        var ports: [UInt16] = []
        if case .webSocket(_, _, .channels) = negotiation { ports = try Self.ports(request) }
        let (upgrade, headers) = negotiation.answer
        return try await .upgrade(context, to: upgrade, headers: headers) { [ports] stream in
            switch negotiation {
            case .webSocket(_, _, .channels):
                await ChannelPortForward(stream, ports: ports, connect: connect).run()
            case .webSocket(_, _, .tunnel):
                await SPDYPortForward(SPDYLink(stream, isTunnelled: true), connect: connect).run()
            case .spdy:
                await SPDYPortForward(SPDYLink(stream, isTunnelled: false), connect: connect).run()
            }
        }
    }

    /// The query of a client that opens no streams by itself.
    private static func ports(_ request: ObjectRequest) throws -> [UInt16] {
        let words = QueryParameters.values(of: "ports", in: request.request.uri.query)
            .flatMap { $0.split(separator: ",") }
        guard !words.isEmpty, words.count <= ChannelPortForward.mostPorts else {
            throw StatusError.badRequest(
                "query parameter \"ports\" is required: 1 to \(ChannelPortForward.mostPorts) ports, separated by commas"
            )
        }
        return try words.map { word in
            guard let port = UInt16(word), port > 0 else {
                throw StatusError.badRequest("unable to parse \"\(word)\" as a port: use 1 to 65535")
            }
            return port
        }
    }
}

extension QueryParameters {
    /// Every value of a name, in order.
    static func values(of name: String, in query: String?) -> [String] {
        (query ?? "").split(separator: "&").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard PercentCoding.decode(parts[0], plusIsSpace: true) == name else { return nil }
            return parts.count > 1 ? PercentCoding.decode(parts[1], plusIsSpace: true) : ""
        }
    }
}
