import HTTPTypes
public import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Linux
public import Logging
public import NIOCore
public import NIOPosix
public import ServiceLifecycle

/// One router served on the run directory's unix socket and, when wanted, on a TLS listener.
///
/// The unix socket is for administrators: its mode is 0600 and its directory's 0700, so the kernel decides who gets in.
/// The TLS listener asks for a bearer token except on ``publicPaths``. The TLS listener opens first: once the socket
/// answers, both do.
///
/// A graceful shutdown stops accepting, ends streams made with ``Hummingbird/ResponseBody/stream(for:_:)`` and lets
/// other requests finish.
public struct HTTPServer: Service {
    /// Paths on the TLS listener that need no credentials.
    public static let defaultPublicPaths: Set<String> = ["/livez", "/healthz", "/readyz", "/version"]
    /// Open connections per listener; more wait in the kernel's queue. Streams have a lower bound of their own, so that
    /// watchers leave room for requests.
    public static let maximumConnections = 1_024
    /// Idle keep-alive connections are closed after this time.
    public static let idleTimeout = TimeAmount.minutes(3)

    private static var connections: HTTP1Channel.Configuration {
        .init(additionalChannelHandlers: [ConnectionUpkeep()], idleTimeout: idleTimeout)
    }

    private let unixSocket: String
    private let tls: TLSListenerConfiguration?
    private let claim: RunDirectoryClaim?
    private let core: RequestCore
    private let eventLoopGroup: any EventLoopGroup
    private let onListening: (@Sendable (ListeningAddresses) async -> Void)?
    private let logger: Logger

    /// - Parameters:
    ///   - unixSocket: path of the socket; its directory is the run directory.
    ///   - claim: the run directory's lock when the caller holds it already; taken by ``run()`` otherwise.
    ///   - publicPaths: exact paths without authentication on TLS.
    ///   - publicPrefixes: beginnings of paths whose routes authenticate by themselves.
    ///   - gate: decides about everything that is not public; nil lets every known caller do everything.
    ///   - onListening: called once when all listeners are open.
    ///   - observe: called after each answered request.
    public init(
        unixSocket: String,
        claim: RunDirectoryClaim? = nil,
        tls: TLSListenerConfiguration? = nil,
        router: Router<ServingContext>,
        authenticator: Authenticator = .refusing,
        publicPaths: Set<String> = HTTPServer.defaultPublicPaths,
        publicPrefixes: [String] = [],
        gate: (any RequestGate)? = nil,
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        onListening: (@Sendable (ListeningAddresses) async -> Void)? = nil,
        observe: (@Sendable (RequestObservation) -> Void)? = nil,
        logger: Logger
    ) {
        self.unixSocket = unixSocket
        self.tls = tls
        self.claim = claim
        self.eventLoopGroup = eventLoopGroup
        self.onListening = onListening
        self.logger = logger
        core = RequestCore(
            responder: router.buildResponder(), authenticator: authenticator, publicPaths: publicPaths,
            publicPrefixes: publicPrefixes, gate: gate, observe: observe, logger: logger)
    }

    /// Serves until the service group shuts down.
    ///
    /// - Throws: ``HTTPServingError`` when a listener cannot be opened.
    public func run() async throws {
        let claim = try prepareSocketPath()
        defer {
            unlink(unixSocket)
            withExtendedLifetime(claim) {}
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            var addresses = ListeningAddresses(unixSocket: unixSocket, tls: nil)
            if let tls {
                let (opened, service) = try makeTLSService(tls)
                group.addTask { try await service() }
                guard let port = try await opened.first(where: { _ in true }) else { return }
                addresses.tls = ListenAddress(host: tls.address.host, port: port)
            }
            let (opened, service) = try makeUnixService()
            group.addTask { try await service() }
            guard try await opened.first(where: { _ in true }) != nil else { return }
            logger.info(
                "listening",
                metadata: [
                    "socket": "\(unixSocket)", "tls": "\(addresses.tls?.description ?? "none")",
                ])
            await onListening?(addresses)
            try await group.waitForAll()
        }
    }

    private func prepareSocketPath() throws(HTTPServingError) -> RunDirectoryClaim {
        guard unixSocket.utf8.count <= UnixSocketProbe.maximumPathLength else {
            throw HTTPServingError(
                .runDirectoryUnusable,
                "the socket path \(unixSocket) has \(unixSocket.utf8.count) bytes, the kernel allows "
                    + "\(UnixSocketProbe.maximumPathLength); choose a shorter --run-dir")
        }
        let slash = unixSocket.lastIndex(of: "/")
        let directory = slash.map { $0 == unixSocket.startIndex ? "/" : String(unixSocket[..<$0]) } ?? "."
        let claim: RunDirectoryClaim
        if let held = self.claim {
            claim = held
        } else {
            claim = try RunDirectoryClaim(path: directory)
        }
        try claim.removeStaleSocket(unixSocket)
        return claim
    }

    private typealias Opened = AsyncThrowingStream<Int, any Error>
    private typealias Run = @Sendable () async throws -> Void

    private func makeUnixService() throws -> (Opened, Run) {
        let path = unixSocket
        return try makeService(
            .http1(configuration: Self.connections), at: .unixDomainSocket(path: path),
            listener: .unixSocket
        ) { error in
            HTTPServingError(
                .runDirectoryUnusable,
                "cannot listen on \(path): \(error); make its directory writable or choose another --run-dir",
                cause: error)
        } opened: { _ in
            chmod(path, 0o600)
            return 0
        }
    }

    private func makeTLSService(_ tls: TLSListenerConfiguration) throws -> (Opened, Run) {
        let address = tls.address
        let server = try HTTPServerBuilder.tls(
            .http1(configuration: Self.connections), tlsConfiguration: tls.makeTLSConfiguration())
        return try makeService(
            server, at: .hostname(address.host, port: address.port), listener: .tls
        ) { error in
            Self.bindFailure(error, address)
        } opened: { channel in
            channel.localAddress?.port ?? address.port
        }
    }

    private func makeService(
        _ builder: HTTPServerBuilder, at address: BindAddress, listener: ServingContext.Listener,
        failure: @escaping @Sendable (any Error) -> HTTPServingError,
        opened report: @escaping @Sendable (any Channel) -> Int
    ) throws -> (Opened, Run) {
        let (opened, signal) = Opened.makeStream()
        // The library announces each listener itself; ours says it once, with both addresses.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let core = core
        let server = try builder.buildServer(
            configuration: ServerConfiguration(
                address: address, availableConnectionsDelegate: MaximumAvailableConnections(Self.maximumConnections)),
            eventLoopGroup: eventLoopGroup, logger: quiet,
            responder: { request, writer, channel in
                try await core.respond(to: request, writer: writer, channel: channel, listener: listener)
            },
            onServerRunning: { channel in
                signal.yield(report(channel))
                signal.finish()
            })
        return (
            opened,
            {
                do {
                    try await server.run()
                    signal.finish()
                } catch let error as CancellationError {
                    signal.finish()
                    throw error
                } catch {
                    let failure = failure(error)
                    signal.finish(throwing: failure)
                    throw failure
                }
            }
        )
    }

    static func bindFailure(_ error: any Error, _ address: ListenAddress) -> HTTPServingError {
        let errno = (error as? IOError)?.errnoCode
        switch errno {
        case EADDRINUSE:
            return HTTPServingError(
                .addressInUse,
                "cannot listen on \(address): another program uses this address; stop it or choose another with "
                    + "--listen HOST:PORT (port 0 takes a free one)", cause: error)
        case EACCES:
            return HTTPServingError(
                .addressUnusable,
                "cannot listen on \(address): not permitted; choose a port above 1023 with --listen HOST:PORT",
                cause: error)
        case EADDRNOTAVAIL, EAFNOSUPPORT:
            return HTTPServingError(
                .addressUnusable,
                "cannot listen on \(address): this machine does not have that address; choose another with "
                    + "--listen HOST:PORT", cause: error)
        default:
            return HTTPServingError(
                .addressUnusable,
                "cannot listen on \(address): \(error); choose another address with --listen HOST:PORT", cause: error)
        }
    }
}
