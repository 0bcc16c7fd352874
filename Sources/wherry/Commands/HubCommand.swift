import Access
import ArgumentParser
import HTTPServing
import HTTPTypes
import Hub
import Hummingbird
import JSON
import KubernetesAPI
import Linux
import Logging
import NIOCore
import RegistryAPI
import ResourceStore
import Resources
import ServiceLifecycle
import Telemetry
import Workloads

/// `wherry hub`: the fleet's objects, its devices and their broker.
struct HubCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hub",
        abstract: "The fleet daemon: API, device identity, documents; runs mosquitto or uses a broker.")

    @OptionGroup var directories: DirectoryOptions
    @OptionGroup var log: LogOptions
    @Option(help: "HOST:PORT of the TLS listener; a free port of 127.0.0.1, kept over restarts, without this.")
    var listen: HTTPServing.ListenAddress?
    @Option(
        name: .customLong("mqtt-listen"),
        help: "HOST:PORT of the broker; a free port of 127.0.0.1, kept over restarts, without this.")
    var mqttListen: HTTPServing.ListenAddress?
    @Option(
        help: "mqtts://HOST[:PORT] of a broker to use instead of an own one; see docs/external-broker.md.",
        transform: { try BrokerURL(parsing: $0) })
    var broker: BrokerURL?
    @Option(help: "The host name by which devices reach this hub, where --listen does not say it.")
    var advertise: String?
    @OptionGroup var registry: RegistryOptions

    mutating func validate() throws {
        if broker != nil, mqttListen != nil {
            throw ValidationError("--broker and --mqtt-listen exclude each other")
        }
    }

    func run() async throws {
        let logger = try log.bootstrap()
        let directories = try DaemonDirectories(self.directories, role: "hub")
        let claim = try RunDirectoryClaim(path: directories.run)
        let store = try Store(
            path: "\(directories.data)/state.db", migrations: FleetHub.migrations, holdsMirrors: true)
        Daemon.report(store.recovery, logger: logger)
        let recorder = EventRecorder(store: store, component: "wherry-hub")
        let hub = try await FleetHub(
            configuration: try configuration(directories), store: store, recorder: recorder, logger: logger)

        let identity = try ListenerIdentity(
            dataDirectory: directories.data, commonName: "wherry hub", authority: hub.identity.authority)
        let address = ListenerAddress()
        let access = try AccessControl(store: store, directory: "\(directories.data)/tls")
        let audit = AuditLog(path: "\(directories.data)/audit.log", logger: logger)
        let failures = FailedAuthentications(log: audit, clock: ContinuousClock())
        let metrics = DaemonMetrics(store: store)
        let router = Router(context: ServingContext.self)
        DaemonRoutes(
            identity: identity, address: address, name: "wherry-hub", metrics: metrics.registry,
            notReady: { await hub.brokerProblem.map { ["broker: \($0)"] } ?? [] }
        ).register(on: router)
        KubernetesRoutes(
            store: store, access: access, readLogs: { try await hub.logs($0) },
            version: ServerVersion(release: Wherry.version),
            admitWrite: { try FleetHub.admitWrite(old: $0, new: $1) }, isHub: true, logger: logger
        ).register(on: router)
        let routes = HubRoutes(hub: hub, address: address, advertise: advertise)
        routes.register(on: router)
        let registry = try await HubRegistry(
            self.registry, dataDirectory: directories.data, identity: identity, hub: hub, logger: logger)
        registry.register(on: router)
        HubBundleRoutes(hub: hub, content: registry.content, addresses: routes.addresses, logger: logger)
            .register(on: router)
        let server = HTTPServer(
            unixSocket: directories.socket, claim: claim,
            tls: try identity.listener(
                listen, commonName: "wherry hub", names: advertise.map { [$0] } ?? []),
            router: router, authenticator: identity.authenticator(access.tokens, logger: logger),
            publicPaths: HTTPServer.defaultPublicPaths.union([HubRoutes.enrolmentPath]).union(RegistryRoutes.paths),
            publicPrefixes: RegistryRoutes.prefixes,
            gate: AccessGate(access.authorizer, audit: audit, failures: failures),
            onListening: { address.opened($0, remembering: identity) },
            observe: { metrics.observe($0) },
            logger: logger)
        // Before a device says that it has them, which would make them the devices'.
        try await DefaultNamespaces.ensure(in: store)
        do { try await DefaultRoles.ensure(in: store) } catch {
            // A full disk must not keep a daemon down: its administrators need no role, and the next start makes them.
            logger.error("the default roles cannot be stored", metadata: ["error": "\(error)"])
        }
        try await Daemon.run(
            [
                failures, server, hub, registry,
                Controllers(store: store, scope: .hub, recorder: recorder, logger: logger),
                AccessUpkeep(store: store, logger: logger),
            ], logger: logger)
        await store.close()
        await registry.close()
        withExtendedLifetime(directories) {}
    }

    private func configuration(_ directories: DaemonDirectories) throws -> HubConfiguration {
        let source: HubConfiguration.Broker
        if let broker {
            source = .external(broker)
        } else if let mqttListen {
            source = .own(listen: try Hub.ListenAddress(parsing: mqttListen.description))
        } else {
            source = .own(listen: .loopback)
        }
        return HubConfiguration(dataDirectory: directories.data, runDirectory: directories.run, broker: source)
    }
}

/// The hub's own routes: enrolment tokens for its administrator, enrolment for devices.
struct HubRoutes {
    static let enrolmentPath = "/wherry/v1/enrol"
    /// A signing request and a token are small.
    private static let bodyLimit = 64 << 10

    let hub: FleetHub
    let address: ListenerAddress
    let advertise: String?
    private let enrolments = EnrolmentLimiter()

    func register(on router: Router<ServingContext>) {
        router.post("wherry/v1/tokens") { [self] _, _ in
            await answer {
                guard let current = address.current else {
                    return Response.failure(
                        503, reason: "ServiceUnavailable", message: "the TLS listener is not open yet")
                }
                let line = try await hub.createToken(hubAddress: reachable(current).description)
                return Response.json(["line": .string(line)], status: .created)
            }
        }
        router.post("wherry/v1/enrol") { [self] request, context in
            await answer {
                // The local socket has no address: its user is the administrator.
                if let address = context.channel.remoteAddress?.ipAddress { try enrolments.admit(from: address) }
                let body = Array(buffer: try await request.body.collect(upTo: Self.bodyLimit))
                return Response.json(try await hub.enrol(try JSONValue(parsing: body)))
            }
        }
    }

    /// How the names of images in the hub's registry may begin.
    @Sendable func addresses() -> Set<String> {
        guard let current = address.current else { return [] }
        return [current.description, reachable(current).description]
    }

    /// The listener's address as devices write it.
    private func reachable(_ current: HTTPServing.ListenAddress) -> HTTPServing.ListenAddress {
        var result = current
        if let advertise {
            result.host = advertise
        } else if ["0.0.0.0", "::"].contains(current.host) {
            result.host = NodeName.ofHost()
        }
        return result
    }

    private func answer(_ work: () async throws -> Response) async -> Response {
        do {
            return try await work()
        } catch let error as StatusError {
            var response = Response.json(error.status, status: HTTPResponse.Status(code: error.code))
            if let seconds = error.details?.retryAfterSeconds { response.headers[.retryAfter] = "\(seconds)" }
            return response
        } catch {
            return Response.failure(400, reason: "BadRequest", message: "\(error)")
        }
    }
}
