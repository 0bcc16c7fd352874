import Linux
import Logging
import SQLite
import ServiceLifecycle
import Telemetry

/// Runs a daemon's services until SIGTERM or SIGINT, or until one of them fails.
enum Daemon {
    /// Connections, watched processes and pulls each take some; the usual soft limit is 1,024.
    private static let openFiles: rlim_t = 16_384

    /// - Parameter watch: ends the daemon, as a signal does, by returning.
    static func run(_ services: [any Service], endedBy watch: (any Service)? = nil, logger: Logger) async throws {
        allowOpenFiles()
        var all = services.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) }
        if let watch { all.append(.init(service: watch, successTerminationBehavior: .gracefullyShutdownGroup)) }
        var configuration = ServiceGroupConfiguration(services: all, logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(15)
        let group = ServiceGroup(configuration: configuration)
        let signals = StopSignals.process.heed()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { for await _ in signals { await group.triggerGracefulShutdown() } }
            try await group.run()
            tasks.cancelAll()
        }
    }

    /// As far as the hard limit allows.
    private static func allowOpenFiles() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < openFiles else {
            return
        }
        limit.rlim_cur = min(limit.rlim_max, openFiles)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Says what opening the store had to do.
    static func report(_ recovery: Recovery, logger: Logger) {
        switch recovery {
        case .clean: break
        case .verified: logger.info("\(recovery)")
        case .logLost, .restored, .startedEmpty: logger.critical("\(recovery)")
        }
    }
}
