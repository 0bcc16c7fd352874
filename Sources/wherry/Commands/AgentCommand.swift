import Access
import ArgumentParser
import Bundles
import ContainerEngine
import ContainerRuntime
import DeviceLink
import DockerAPI
import HTTPServing
import Hummingbird
import Identity
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
    @Option(
        name: .customLong("service-cidr"), help: "The block of IPv4 addresses that services get theirs from.")
    var serviceAddresses = ServiceAddresses.usual
    @OptionGroup(title: "Images") var imageOptions: ImageOptions

    enum OnExit: String, ExpressibleByArgument {
        case keep, stop
    }

    func run() async throws {
        let logger = try log.bootstrap()
        let directories = try DaemonDirectories(self.directories, role: "agent")
        let claim = try RunDirectoryClaim(path: directories.run)
        let name = try nodeName ?? EnrolledName.of(directories.data) ?? NodeName.ofHost()
        let clock = ContinuousClock()

        let identity = try ListenerIdentity(dataDirectory: directories.data, commonName: "wherry device \(name)")
        let listener = try identity.listener(listen, commonName: name, names: [])
        let address = ListenerAddress()
        let store = try Store(
            path: "\(directories.data)/state.db", migrations: HubLink.migrations + BundleInstaller.migrations,
            cluster: ClusterSettings(
                rootCertificates: identity.authority.certificatePEM, serviceAddresses: serviceAddresses.range))
        Daemon.report(store.recovery, logger: logger)
        let isReadOnly = directories.readOnlyData != nil
        if isReadOnly {
            logger.critical(
                "the data directory's file system is read-only: going on in memory; changes and the hub are refused",
                metadata: ["path": "\(directories.disk)"])
        }
        let access = try AccessControl(store: store, directory: "\(directories.data)/tls")
        let recorder = EventRecorder(store: store, component: "wherry", host: name)
        let images = try ImageStore(
            root: directories.data, settings: imageOptions.settings(for: directories.data), logger: logger)
        let registries = RegistriesFile(dataDirectory: directories.data, logger: logger)
        images.useRegistries {
            HubRegistryAccess.adding(to: try registries.current(), dataDirectory: directories.data)
        }
        let runtime = Runtime(root: "\(directories.run)/containers", executable: try SelfExecutable.open())
        let engine = Engine(
            dataDirectory: directories.data, runDirectory: directories.run, runtime: runtime,
            watcher: ProcessWatcher(), logger: logger)
        let node = Agent(
            store: store, engine: engine, images: images,
            // Pods may start before the listener has opened; where it will, it nearly always knows.
            api: PodAPI(access.tokens) {
                address.current ?? (listener.address.port == 0 ? nil : listener.address)
            }, nodeName: name, dataDirectory: directories.data,
            runDirectory: directories.run, isDataReadOnly: isReadOnly, clock: clock, recorder: recorder,
            logger: logger, stopsContainersAtShutdown: onExit == .stop)
        let readLogs: @Sendable (PodLogRequest) async throws -> AsyncThrowingStream<[UInt8], any Error> = {
            try await node.logs($0)
        }
        let link = HubLink(
            store: store, spoolPath: "\(directories.data)/spool.db", dataDirectory: directories.data, nodeName: name,
            agentVersion: Wherry.version, readLogs: readLogs, clock: clock, logger: logger)
        let bundles = BundleInstaller(
            store: store, images: images, link: link, dataDirectory: directories.data, nodeName: name,
            agentVersion: Wherry.version, clock: clock, logger: logger)

        let audit = AuditLog(path: "\(directories.data)/audit.log", logger: logger)
        let failures = FailedAuthentications(log: audit, clock: clock)
        await images.setHooks(
            StoreHooks(
                store: store, recorder: recorder, node: ResourceKey(type: .node, namespace: nil, name: name),
                pins: { try await Agent.pinnedImages(store: store, engine: engine) }))

        let refusal = isReadOnly ? Self.refusal(directories.disk) : nil
        let metrics = DaemonMetrics(store: store, isDataReadOnly: isReadOnly)
        metrics.collect(from: images)
        let router = Router(context: ServingContext.self)
        DaemonRoutes(
            identity: identity, address: address, name: name, metrics: metrics.registry, notReady: { [] }
        ).register(on: router)
        let docker = DockerRoutes(
            images: images, engine: engine, dataDirectory: directories.data, version: Wherry.version)
        docker.register(on: router)
        // Both APIs are asked at the same path; their members have different names.
        var version = ServerVersion(release: Wherry.version)
        version.beside = docker.versionDocument.objectValue ?? [:]
        KubernetesRoutes(
            store: store, access: access, readLogs: readLogs, streams: PodStreams(node), usage: UsageReader(node),
            version: version, admitWrite: refusal.map(Self.refuseWrites), logger: logger
        ).register(on: router)
        BundleRoutes(installer: bundles).register(on: router)
        let gate = AccessGate(access.authorizer, audit: audit, failures: failures)
        let server = HTTPServer(
            unixSocket: directories.socket, claim: claim,
            tls: listener, router: router,
            authenticator: identity.authenticator(access.tokens, logger: logger),
            gate: refusal.map { ReadOnlyGate(next: gate, refusal: $0) as any RequestGate } ?? gate,
            onListening: { address.opened($0, remembering: identity) }, observe: { metrics.observe($0) },
            logger: logger)

        try await DefaultNamespaces.ensure(in: store)
        do { try await AccessUpkeep.furnishNamespaces(of: store) } catch {
            // As with the roles.
            logger.error("the namespaces' accounts cannot be stored", metadata: ["error": "\(error)"])
        }
        try await node.restoreLostPods()
        do { try await DefaultRoles.ensure(in: store) } catch {
            // A full disk must not keep a daemon down: its administrators need no role, and the next start makes them.
            logger.error("the default roles cannot be stored", metadata: ["error": "\(error)"])
        }
        let controllers = Controllers(store: store, recorder: recorder, clock: clock, logger: logger)
        let watch = DataDirectoryWatch(directories, clock: clock, logger: logger)
        let services: [any Service] = [
            failures, server, controllers, AccessUpkeep(store: store, logger: logger), node,
        ]
        // What the hub or a bundle wants must be kept to be acknowledged.
        let inbound: [any Service] = isReadOnly ? [] : [link, bundles, ImageUpkeep(images: images)]
        // Containers that go with their agent would not run on over a start of its own.
        try await Daemon.run(services + inbound, endedBy: onExit == .keep ? watch : nil, logger: logger)
        await store.close()
        await images.close()
        try watch.startAgainIfChanged()
        withExtendedLifetime(directories) {}
    }

    private static func refuseWrites(_ error: StatusError) -> KubernetesRoutes.WriteGate { { _, _ in throw error } }

    private static func refusal(_ data: String) -> StatusError {
        .serviceUnavailable(
            "the data directory \(data) is on a read-only file system, so no change can be kept; look at the disk "
                + "(`dmesg`), then remount it writable or replace it")
    }
}
