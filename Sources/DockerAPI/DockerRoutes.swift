public import ContainerEngine
internal import HTTPServing
internal import HTTPTypes
public import Hummingbird
public import Images
internal import JSON
internal import NIOCore
internal import OCI

/// The part of the Docker Engine API that is about images, in shapes that the `docker` command understands.
///
/// Translates only: what is allowed and what happens the ``ImageStore`` decides. Every path works with and without the
/// `/v1.NN` prefix, except `/version`, whose bare form belongs to the Kubernetes API on the same socket.
public struct DockerRoutes: Sendable {
    /// The newest API version spoken; clients lower theirs to it.
    public static let apiVersion = "1.47"
    /// The oldest API version spoken.
    public static let minimumAPIVersion = "1.24"

    let images: ImageStore
    let engine: Engine
    let dataDirectory: String
    let version: String

    /// - Parameters:
    ///   - engine: Its containers are exported and committed, and their images are not removed.
    ///   - dataDirectory: Shown by `docker info`.
    ///   - version: Of this program.
    public init(
        images: ImageStore, engine: Engine, dataDirectory: String, version: String
    ) {
        self.images = images
        self.engine = engine
        self.dataDirectory = dataDirectory
        self.version = version
    }

    /// Adds the routes.
    public func register<Context: RequestContext>(on router: Router<Context>) {
        for prefix in ["", "/v1.{minor}"] {
            router.head("\(prefix)/_ping") { _, _ in pong(body: false) }
            router.get("\(prefix)/_ping") { _, _ in pong(body: true) }
            router.get("\(prefix)/info") { _, _ in try await answer { try await info() } }
            router.post("\(prefix)/commit") { request, _ in try await answer { try await commit(request) } }
            router.get("\(prefix)/containers/{id}/export") { _, context in
                try await answer { try await exportContainer(context.parameters.get("id") ?? "") }
            }
            for method in [HTTPRequest.Method.get, .post, .delete] {
                router.on("\(prefix)/images/**", method: method) { request, _ in
                    try await answer { try await image(request) }
                }
            }
        }
        router.post("/wherry/v1/images/check") { request, _ in
            try await answer { try await checkStore(Query(request.uri.query)) }
        }
        router.get("/v1.{minor}/version") { _, _ in Response.json(versionDocument) }
    }

    // MARK: Routing

    /// Names hold slashes and colons, so the action is recognised by the end of the path.
    private func image(_ request: Request) async throws -> Response {
        let path = PathRest(request.uri.path, after: "/images/")
        let query = Query(request.uri.query)
        switch (request.method, path.text) {
        case (.get, "json"): return try await listImages(query)
        case (.post, "create"): return try await createImage(request, query)
        case (.post, "load"): return try await loadImages(request)
        case (.post, "prune"): return try await pruneImages(query)
        case (.get, "get"): return try await saveImages(query.all("names"))
        default: break
        }
        if request.method == .get, let name = path.name(before: "json") { return try await inspectImage(name) }
        if request.method == .get, let name = path.name(before: "history") { return try await history(of: name) }
        if request.method == .get, let name = path.name(before: "get") { return try await saveImages([name]) }
        if request.method == .post, let name = path.name(before: "tag") { return try await tagImage(name, query) }
        if request.method == .post, let name = path.name(before: "push") {
            return try await pushImage(request, name, query)
        }
        if request.method == .delete, !path.text.isEmpty { return try await removeImage(path.text, query) }
        return DockerFailure(.notFound, "page not found").response
    }

    /// Turns errors into Docker's `{"message": …}`.
    private func answer(_ body: () async throws -> Response) async throws -> Response {
        do {
            return try await body()
        } catch let error as ImageError {
            return DockerFailure(error).response
        } catch let error as EngineError {
            return DockerFailure(error).response
        } catch let error as OCIError {
            return DockerFailure(.badRequest, error.description).response
        } catch let error as DockerFailure {
            return error.response
        }
    }
}
