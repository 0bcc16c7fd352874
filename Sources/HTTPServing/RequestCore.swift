import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// What happens to each request of both listeners: authenticate, route, answer errors in words, write.
struct RequestCore: Sendable {
    let responder: RouterResponder<ServingContext>
    let authenticator: Authenticator
    let publicPaths: Set<String>
    let publicPrefixes: [String]
    let gate: (any RequestGate)?
    let observe: (@Sendable (RequestObservation) -> Void)?
    let logger: Logger

    @concurrent func respond(
        to request: Request, writer: consuming ResponseWriter, channel: any Channel, listener: ServingContext.Listener
    ) async throws {
        let start = ContinuousClock.now
        var context = ServingContext(source: ApplicationRequestContextSource(channel: channel, logger: logger))
        context.listener = listener
        var response = try await response(to: request, context: context)
        if request.method == .head { response = response.createHeadResponse() }
        let isStream = response.body.contentLength == nil
        // The parser stops at a request that asks for another protocol: nothing can follow it on this connection.
        let isLast = request.wantedUpgrade != nil && response.status != .switchingProtocols
        if isLast { response.headers[.connection] = "close" }
        defer {
            observe?(
                RequestObservation(
                    listener: listener, method: request.method.rawValue, code: response.status.code,
                    duration: ContinuousClock.now - start, isStream: isStream))
        }
        try await writer.write(response: response.head, body: response.body)
        if isLast { channel.close(mode: .output, promise: nil) }
    }

    func response(to request: Request, context: ServingContext) async throws -> Response {
        var context = context
        guard let caller = await caller(of: request, context) else {
            await gate?.refused(request, context: context)
            var refusal = Response.failure(401, reason: "Unauthorized", message: "Unauthorized")
            refusal.headers[.wwwAuthenticate] = "Bearer realm=\"wherry\""
            return refusal
        }
        context.caller = caller
        do {
            let response = try await route(request, context)
            return response.status.code >= 400 && response.body.contentLength == 0
                ? Self.worded(response) : response
        } catch let error as HTTPParserError {
            throw error
        } catch is NIOTooManyBytesError {
            return .failure(
                413, reason: "RequestEntityTooLarge", message: "the request body is larger than this server accepts")
        } catch {
            logger.error(
                "request failed",
                metadata: [
                    "method": "\(request.method.rawValue)", "path": "\(request.uri.path)", "error": "\(error)",
                ])
            return .failure(500, reason: "InternalError", message: "Internal error occurred: \(error)")
        }
    }

    private func route(_ request: Request, _ context: ServingContext) async throws -> Response {
        guard let gate, !isPublic(request.uri.path) else {
            return try await responder.respond(to: request, context: context)
        }
        return try await gate.respond(to: request, context: context) {
            try await responder.respond(to: $0, context: $1)
        }
    }

    private func isPublic(_ path: String) -> Bool {
        publicPaths.contains(path) || publicPrefixes.contains(where: path.hasPrefix)
    }

    private func caller(of request: Request, _ context: ServingContext) async -> Caller? {
        switch context.listener {
        case .unixSocket:
            return .localAdministrator
        case .tls:
            let caller = await authenticator.caller(of: request.headers) { await context.clientCertificateBytes() }
            return caller ?? (isPublic(request.uri.path) ? .anonymous : nil)
        }
    }

    /// Gives the router's empty error answers the body clients expect.
    private static func worded(_ response: Response) -> Response {
        var worded: Response
        switch response.status.code {
        case 404:
            worded = .failure(404, reason: "NotFound", message: "the server could not find the requested resource")
        case 405:
            worded = .failure(
                405, reason: "MethodNotAllowed",
                message: "the server does not allow this method on the requested resource")
        case 413:
            worded = .failure(
                413, reason: "RequestEntityTooLarge", message: "the request body is larger than this server accepts")
        default:
            worded = .failure(response.status.code, reason: "", message: response.status.reasonPhrase)
        }
        worded.headers.append(
            contentsOf: response.headers.filter { $0.name != .contentLength && $0.name != .contentType })
        return worded
    }
}
