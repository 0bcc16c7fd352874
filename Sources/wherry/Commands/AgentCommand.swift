import ArgumentParser
import ContainerEngine
import ContainerRuntime
import DeviceLink
import DockerAPI
import HTTPServing
import Hummingbird
import Images
import JSON
import KubernetesAPI
import Linux
import Logging
import NodeAgent
import OCI
import ResourceStore
import Resources
import ServiceLifecycle
import Telemetry
import Workloads

/// `wherry agent`: everything a device needs, in one process.
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "The device daemon: API, controllers, supervisor, device link.")

    @OptionGroup var directories: DirectoryOptions
    @OptionGroup var log: LogOptions
    @Option(name: .customLong("node-name"), help: "This node's name; the enrolled name or the host's without this.")
    var nodeName: String?
    @Option(help: "HOST:PORT of the TLS listener; a free port of 127.0.0.1, kept over restarts, without this.")
    var listen: ListenAddress?
    @Option(
        name: .customLong("on-exit"), help: "What becomes of the containers when the agent is stopped: keep or stop.")
    var onExit = OnExit.keep

    enum OnExit: String, ExpressibleByArgument {
        case keep, stop
    }

    func run() async throws {
        let logger = try log.bootstrap()
        let directories = try DaemonDirectories(self.directories, role: "agent")
        let claim = try RunDirectoryClaim(path: directories.run)
        let name = try nodeName ?? EnrolledName.of(directories.data) ?? NodeName.ofHost()
        let clock = ContinuousClock()

        let store = try Store(
            path: "\(directories.data)/state.db", migrations: HubLink.migrations)
        let recorder = EventRecorder(store: store, component: "wherry", host: name)
        let images = try ImageStore(root: directories.data, logger: logger)
        let runtime = Runtime(root: "\(directories.run)/containers", executable: try SelfExecutable.open())
        let engine = Engine(
            dataDirectory: directories.data, runDirectory: directories.run, runtime: runtime,
            watcher: ProcessWatcher(), logger: logger)
        let node = Agent(
            store: store, engine: engine, images: images, nodeName: name, dataDirectory: directories.data,
            runDirectory: directories.run, clock: clock, recorder: recorder, logger: logger,
            stopsContainersAtShutdown: onExit == .stop)
        let readLogs: @Sendable (PodLogRequest) async throws -> AsyncThrowingStream<[UInt8], any Error> = {
            try await node.logs($0)
        }
        let link = HubLink(
            store: store, spoolPath: "\(directories.data)/spool.db", dataDirectory: directories.data, nodeName: name,
            agentVersion: Wherry.version, readLogs: readLogs, clock: clock, logger: logger)

        let identity = try ListenerIdentity(dataDirectory: directories.data, commonName: "wherry device \(name)")
        let address = ListenerAddress()
        let metrics = DaemonMetrics(store: store)
        let router = Router(context: ServingContext.self)
        DaemonRoutes(
            identity: identity, address: address, name: name, metrics: metrics.registry, notReady: { [] }
        ).register(on: router)
        KubernetesRoutes(
            store: store, readLogs: readLogs, version: ServerVersion(release: Wherry.version), logger: logger
        ).register(on: router)
        DockerRoutes(
            images: images,
            imagesInUse: { Set(await Agent.imagesInUse(by: engine).compactMap { try? Digest(parsing: $0) }) },
            dataDirectory: directories.data,
            version: Wherry.version
        ).register(on: router)
        let server = HTTPServer(
            unixSocket: directories.socket, claim: claim,
            tls: try identity.listener(listen, commonName: name, names: []), router: router,
            authenticator: identity.authenticator,
            onListening: { address.opened($0, remembering: identity) }, observe: { metrics.observe($0) },
            logger: logger)

        try await DefaultNamespaces.ensure(in: store)
        let controllers = Controllers(store: store, recorder: recorder, clock: clock, logger: logger)
        try await Daemon.run([server, controllers, node, link], logger: logger)
        await store.close()
        await images.close()
        withExtendedLifetime(directories) {}
    }
}
