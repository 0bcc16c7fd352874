public import Access
public import HTTPServing
import HTTPTypes
public import Hummingbird
import JSON
import Linux
public import Logging
public import ResourceStore
public import Resources

/// The Kubernetes API over a store: `/version`, `/api`, `/apis` and `/openapi`.
///
/// It translates and decides nothing: admission, versions and deletion rules are the store's and the object model's.
public struct KubernetesRoutes: Sendable {
    /// Refuses a write by throwing a `StatusError`; old and new state, nil where there is none.
    public typealias WriteGate = @Sendable (_ old: Resource?, _ new: Resource?) throws -> Void
    /// Opens a container's log; each piece is sent at once.
    public typealias LogReader = @Sendable (PodLogRequest) async throws -> AsyncThrowingStream<[UInt8], any Error>

    let store: Store
    let readLogs: LogReader
    let streams: PodStreams?
    let usage: UsageReader?
    let version: ServerVersion
    let access: AccessControl
    let admitWrite: WriteGate?
    let place: Ineffective.Place
    let tables: TableCatalog
    let catalog: ServedCatalog
    let watches = WatchLimit()
    let logger: Logger
    private let openAPI: OpenAPIDocuments

    /// - Parameters:
    ///   - streams: nil where pods run out of reach.
    ///   - usage: nil where there is nothing to measure: then there is no `metrics.k8s.io`.
    ///   - isHub: the objects are a fleet's: nodes get the column LAST-CONTACT, lost ones are shown as `Unknown`, and Deployments
    ///     count the pods of every device; writers are told what stays at the hub.
    public init(
        store: Store,
        access: AccessControl,
        readLogs: @escaping LogReader,
        streams: PodStreams? = nil,
        usage: UsageReader? = nil,
        version: ServerVersion,
        admitWrite: WriteGate? = nil,
        isHub: Bool = false,
        logger: Logger
    ) {
        self.store = store
        self.access = access
        self.readLogs = readLogs
        self.streams = streams
        self.usage = usage
        catalog = usage == nil ? .withoutUsage : .whole
        self.version = version
        self.admitWrite = admitWrite
        self.logger = logger
        place = isHub ? .hub : .device
        tables = TableCatalog(isHub: isHub)
        openAPI = OpenAPIDocuments(version: version, store: store)
    }

    /// Adds the routes.
    public func register(on router: Router<ServingContext>) {
        for method in [HTTPRequest.Method.get, .head, .post, .put, .patch, .delete] {
            for path: RouterPath in ["api", "api/**", "apis", "apis/**"] {
                router.on(path, method: method) { request, context in
                    await answer(request) { try await respond(to: request, context) }
                }
            }
        }
        router.get("version") { _, _ in Response.json(version.value, pretty: true) }
        router.get(".well-known/openid-configuration") { _, _ in Response.json(access.tokens.issuerDocument) }
        router.get("openid/v1/jwks") { _, _ in Response.json(access.tokens.webKeys) }
        router.get("openapi/v2") { request, _ in await answer(request) { try await openAPI.version2(request) } }
        router.get("openapi/v3") { _, _ in Response.json(openAPI.index) }
        router.get("openapi/v3/**") { request, _ in
            await answer(request) { try await openAPI.document(request) }
        }
    }

    private func answer(_ request: Request, _ body: () async throws -> Response) async -> Response {
        do {
            return try await body()
        } catch let error as StatusError {
            return .status(error)
        } catch {
            logger.error(
                "API request failed",
                metadata: [
                    "method": "\(request.method.rawValue)", "path": "\(request.uri.path)", "error": "\(error)",
                ])
            return .status(.internalError("\(error)"))
        }
    }

    private func respond(to request: Request, _ context: ServingContext) async throws -> Response {
        let types = store.types
        guard let path = APIPath(request.uri.path, types: types) else { throw StatusError.unknownPath() }
        let user = User(context.caller)
        switch path {
        case .coreVersions, .groups, .group, .groupVersion:
            guard request.method == .get || request.method == .head else { throw StatusError.methodNotAllowed() }
            return try Discovery(catalog.adding(types), accept: request.headers[.accept]).response(to: path)
        case .collection(let type, let namespace):
            return try await respond(CollectionRequest(request, user, type: type, namespace: namespace))
                .with(warnings: type.deprecations)
        case .object(let key, let subresource) where key.type == .pod && Self.streamParts.contains(subresource):
            return try await stream(ObjectRequest(request, user, key: key, subresource: subresource), context)
        case .object(let key, let subresource):
            return try await respond(ObjectRequest(request, user, key: key, subresource: subresource))
                .with(warnings: key.type.deprecations)
        case .usage(let type, let namespace, let name):
            return try await respond(
                UsageRequest(request: request, type: type, namespace: namespace, name: name))
        case .review(let kind, let namespace):
            return try await respond(ReviewRequest(request: request, kind: kind, namespace: namespace, user: user))
        }
    }
}

extension ResourceType {
    /// What clients of a deprecated version are told, whatever they ask for.
    fileprivate var deprecations: [String] { (customVersion?.deprecation).map { [$0] } ?? [] }
}

extension Response {
    /// A failure as Kubernetes clients read it.
    static func status(_ error: StatusError) -> Response {
        var response = Response.json(error.status, status: HTTPResponse.Status(code: error.code))
        if let seconds = error.details?.retryAfterSeconds { response.headers[.retryAfter] = String(seconds) }
        return response
    }
}
