public import HTTPServing
internal import HTTPTypes
public import Hummingbird
public import Images
internal import JSON
public import Logging
internal import NIOCore
internal import OCI

/// The OCI distribution specification v1.1 over HTTP.
///
/// Translates only: what exists and what happens ``RegistryStore`` and ``PullThroughCache`` decide, who may do it
/// ``RegistryAccess``.
public struct RegistryRoutes: Sendable {
    /// The beginning of the paths whose requests authenticate here and not at the listener.
    public static let prefixes = ["/v2/"]
    /// Paths of the same kind without anything behind.
    public static let paths: Set<String> = ["/v2"]

    let store: RegistryStore
    let content: PullThroughCache
    let access: RegistryAccess
    let logger: Logger

    public init(store: RegistryStore, content: PullThroughCache, access: RegistryAccess, logger: Logger) {
        self.store = store
        self.content = content
        self.access = access
        self.logger = logger
    }

    /// Adds the routes.
    public func register(on router: Router<ServingContext>) {
        for method in [HTTPRequest.Method.get, .head, .post, .put, .patch, .delete] {
            for path in ["v2", "v2/**"] {
                router.on(RouterPath(path), method: method) { request, context in await respond(to: request, context) }
            }
        }
    }

    private func respond(to request: Request, _ context: ServingContext) async -> Response {
        var scopes: [AccessScope] = []
        var response: Response
        let known = RegistryRequest(request, context)
        do {
            guard let path = try RegistryPath(parsing: request.uri.path) else {
                throw DistributionFailure("UNSUPPORTED", 404, "this registry has no \(request.uri.path.prefix(200))")
            }
            scopes = path.scopes(method: request.method.rawValue)
            response = try await answer(known, path, scopes)
        } catch let error as ImageError {
            response = failure(error, request, scopes)
        } catch let error as DistributionFailure {
            response = error.response
        } catch {
            logger.error("registry request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            response = DistributionFailure("UNKNOWN", 500, "\(error)").response
        }
        response.headers[.distributionVersion] = "registry/2.0"
        // These are said before anything of the body is read.
        return [401, 403, 404, 405].contains(response.status.code) ? response.refusing(known) : response
    }

    private func answer(
        _ request: RegistryRequest, _ path: RegistryPath, _ scopes: [AccessScope]
    ) async throws -> Response {
        if path == .token { return try await token(request) }
        let caller = try await caller(of: request)
        if path == .base, caller.subject == .anonymous, !caller.hasToken {
            // Clients learn here how to log in, even those that may pull without.
            throw ImageError(.unauthorized, "a login is needed")
        }
        for scope in scopes { try await access.authorize(caller, scope) }
        return switch path {
        case .base: Response.json([:])
        case .token: throw DistributionFailure("UNSUPPORTED", 405, "tokens are asked for with GET or POST")
        case .catalog: try await catalog(request, caller)
        case .blob(let name, let digest): try await blob(request, name, digest)
        case .uploads(let name): try await uploads(request, name, caller)
        case .upload(let name, let id): try await upload(request, name, id)
        case .manifest(let name, let locator): try await manifest(request, name, locator)
        case .tags(let name): try await tags(request, name)
        case .referrers(let name, let digest): try await referrers(request, name, digest)
        }
    }

    private func failure(_ error: ImageError, _ request: Request, _ scopes: [AccessScope]) -> Response {
        var response = DistributionFailure(error).response
        if error.code == .unauthorized {
            let hadToken = request.headers[.authorization]?.lowercased().hasPrefix("bearer") ?? false
            response.headers[.wwwAuthenticate] =
                Challenge(host: request.head.authority, scopes: scopes, hadToken: hadToken).header
        } else if response.status.code >= 500 {
            logger.warning(
                "registry request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
        }
        return response
    }

    static func unsupported(_ request: RegistryRequest, allow: String) -> Response {
        var response = DistributionFailure(
            "UNSUPPORTED", 405, "\(request.method) is not for \(request.path); use \(allow)"
        ).response
        response.headers[.allow] = allow
        return response
    }
}

/// A request with its query read.
struct RegistryRequest {
    let request: Request
    let context: ServingContext
    let query: QueryItems

    init(_ request: Request, _ context: ServingContext) {
        self.request = request
        self.context = context
        query = QueryItems(request.uri.query)
    }

    var method: String { request.method.rawValue }
    var path: String { String(request.uri.path.prefix(300)) }
    var address: String? { context.listener == .tls ? context.channel.remoteAddress?.ipAddress : nil }
    var length: Int64? { request.headers[.contentLength].flatMap { ByteRange.number($0) } }

    /// The whole body, when it is small.
    func body(upTo limit: Int) async throws -> [UInt8] {
        guard (length ?? 0) <= Int64(limit) else { throw NIOTooManyBytesError(maxBytes: limit) }
        return Array(buffer: try await request.body.collect(upTo: limit))
    }
}
