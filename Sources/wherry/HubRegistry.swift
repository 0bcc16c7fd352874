import ArgumentParser
import HTTPServing
import HTTPTypes
import Hub
import Hummingbird
import Images
import JSON
import Logging
import NIOCore
import RegistryAPI
import ServiceLifecycle

/// How the hub's registry is set up.
struct RegistryOptions: ParsableArguments {
    @Option(
        name: .customLong("registry-mirror"),
        help: ArgumentHelp(
            "PREFIX=URL: keep copies of an upstream registry's images below a prefix, such as"
                + " docker.io=https://registry-1.docker.io. Can be repeated."),
        transform: { try RegistryUpstream(parsing: $0) })
    var mirrors: [RegistryUpstream] = []
    @Flag(name: .customLong("registry-anonymous-pull"), help: "Anybody may pull from the hub's registry.")
    var allowsAnonymousPull = false
    @Option(
        name: .customLong("registry-grace"),
        help: "Seconds that a blob of a push stays without a manifest.")
    var grace = 3600
    @Option(name: .customLong("registry-gc-interval"), help: "Seconds between two garbage collections.")
    var interval = 600

    mutating func validate() throws {
        guard grace >= 0, interval > 0 else {
            throw ValidationError("--registry-grace and --registry-gc-interval are seconds, the latter at least 1")
        }
    }
}

/// The hub's registry, put together: store, copies of upstreams, access, routes and upkeep.
struct HubRegistry: Service {
    private let store: RegistryStore
    let content: PullThroughCache
    private let access: RegistryAccess
    private let interval: Duration
    private let logger: Logger

    init(
        _ options: RegistryOptions, dataDirectory: String, identity: ListenerIdentity, hub: FleetHub, logger: Logger
    ) async throws {
        var limits = RegistryStore.Limits()
        limits.grace = .seconds(options.grace)
        let store = try RegistryStore(root: dataDirectory, limits: limits, logger: logger)
        self.store = store
        content = PullThroughCache(store: store, upstreams: options.mirrors, logger: logger)
        access = try await RegistryAccess(
            store: store, allowsAnonymousPull: options.allowsAnonymousPull,
            isAdministrator: { ConstantTime.equal($0, identity.token) },
            device: { serial in
                do { return try await hub.device(certificateSerial: serial) } catch {
                    logger.error("cannot look up a device's certificate", metadata: ["error": "\(error)"])
                    return nil
                }
            })
        interval = .seconds(options.interval)
        self.logger = logger
    }

    func register(on router: Router<ServingContext>) {
        RegistryRoutes(store: store, content: content, access: access, logger: logger).register(on: router)
        RegistryAdministration(store: store).register(on: router)
    }

    /// Fetches from upstreams and collects garbage until shutdown.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await content.run() }
                group.addTask { await store.keepUp(every: interval) }
            }
        }
    }

    func close() async { await store.close() }
}

/// What `wherry registry` asks the hub for.
private struct RegistryAdministration {
    private static let bodyLimit = 64 << 10

    let store: RegistryStore

    func register(on router: Router<ServingContext>) {
        router.get("wherry/v1/registry/users") { _, _ in
            try await answer {
                Response.json(["users": .array(try await store.accounts().map(Self.json))])
            }
        }
        router.post("wherry/v1/registry/users") { request, _ in
            try await answer {
                let body = Array(buffer: try await request.body.collect(upTo: Self.bodyLimit))
                let account = try Self.account(JSONValue(parsing: body))
                return Response.json(["password": .string(try await store.addAccount(account))], status: .created)
            }
        }
        router.delete("wherry/v1/registry/users/{name}") { _, context in
            try await answer {
                let name = context.parameters.get("name") ?? ""
                guard try await store.removeAccount(name) else {
                    return Response.failure(404, reason: "NotFound", message: "the registry has no user \"\(name)\"")
                }
                return Response.json([:])
            }
        }
        router.post("wherry/v1/registry/gc") { request, _ in
            try await answer {
                let collected = try await store.collect(strangers: request.uri.queryParameters["orphans"] == "true")
                return Response.json([
                    "blobs": .integer(Int64(collected.blobs)), "bytes": .integer(collected.bytes),
                    "uploads": .integer(Int64(collected.uploads)), "kept": .integer(Int64(collected.kept)),
                ])
            }
        }
    }

    private static func json(_ account: RegistryAccount) -> JSONValue {
        [
            "name": .string(account.name), "repositories": .array(account.repositories.map { .string($0) }),
            "push": .bool(account.mayPush),
        ]
    }

    private static func account(_ value: JSONValue) -> RegistryAccount {
        RegistryAccount(
            name: value["name"]?.stringValue ?? "",
            repositories: (value["repositories"]?.arrayValue ?? []).compactMap(\.stringValue),
            mayPush: value["push"]?.boolValue ?? false)
    }

    private func answer(_ work: () async throws -> Response) async throws -> Response {
        do { return try await work() } catch let error as ImageError {
            let status = error.code == .invalidName ? 400 : 500
            return Response.failure(
                status, reason: status == 400 ? "BadRequest" : "InternalError", message: error.message)
        } catch let error as JSONError {
            return Response.failure(400, reason: "BadRequest", message: "\(error)")
        }
    }
}
