public import HTTPTypes
public import Hummingbird
import NIOCore
import ServiceLifecycle

extension Response {
    /// For a session to use up what a client sent before it left; whoever it passes that on to may not take it.
    static let lastInputTime = Duration.seconds(30)

    /// Ends HTTP on a request's connection: answers 101 and gives the connection to `session`, after which it is closed. The
    /// session is cancelled when the daemon shuts down, and when it does not end in time after the client is gone.
    ///
    /// - Parameters:
    ///   - protocolName: for the header `Upgrade`.
    ///   - headers: more headers of the answer.
    public static func upgrade(
        _ context: ServingContext, to protocolName: String, headers: HTTPFields = [:],
        _ session: @escaping @Sendable (ByteStream) async -> Void
    ) async throws -> Response {
        var headers = headers
        headers[.upgrade] = protocolName
        headers[.connection] = "Upgrade"
        // Before the answer: what the client sends at once after it must not meet the HTTP parser.
        let stream = try await ByteStream.takingOver(context.channel)
        return Response(
            status: .switchingProtocols, headers: headers,
            body: ResponseBody { _ in
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await session(stream) }
                    group.addTask { try? await gracefulShutdown() }
                    group.addTask {
                        await stream.inputEnd()
                        try? await Task.sleep(for: lastInputTime)
                    }
                    await group.next()
                    group.cancelAll()
                }
                await stream.close()
            })
    }
}

extension Request {
    /// The protocol, in lower case, that the client wants to go over to; nil when it stays with HTTP.
    public var wantedUpgrade: String? {
        guard
            headers[.connection]?.lowercased().split(separator: ",").contains(where: { $0.trimmed == "upgrade" })
                == true
        else { return nil }
        return headers[.upgrade]?.lowercased()
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while text.first == " " { text = text.dropFirst() }
        while text.last == " " { text = text.dropLast() }
        return text
    }
}
