import Logging
import ServiceLifecycle
import Telemetry
import UnixSignals

/// Runs a daemon's services until SIGTERM or SIGINT, or until one of them fails.
enum Daemon {
    static func run(_ services: [any Service], logger: Logger) async throws {
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(15)
        try await ServiceGroup(configuration: configuration).run()
    }
}
