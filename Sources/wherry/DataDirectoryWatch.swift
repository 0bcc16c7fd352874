import Linux
import Logging
import ServiceLifecycle
import Synchronization

/// Ends the agent when its data directory becomes read-only, or writable again, so that it starts again in the other way.
final class DataDirectoryWatch: Service {
    private static let period = Duration.seconds(30)

    private let path: String
    private let readOnlyData: ReadOnlyData?
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let changed = Mutex(false)

    init(_ directories: DaemonDirectories, clock: any Clock<Duration>, logger: Logger) {
        path = directories.data
        readOnlyData = directories.readOnlyData
        self.clock = clock
        self.logger = logger
    }

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !self.isOver { try await self.clock.sleep(for: Self.period, tolerance: .seconds(10)) }
            self.changed.withLock { $0 = true }
            self.logger.critical("the data directory changed between writable and read-only: starting again")
        }
    }

    private var isOver: Bool { readOnlyData?.isOver ?? ReadOnlyData.isReadOnly(path) }

    /// Starts the program again when the directory changed; after everything has been closed.
    func startAgainIfChanged() throws {
        guard changed.withLock({ $0 }) else { return }
        if let readOnlyData { try readOnlyData.uncover() }
        try ReadOnlyData.startAgain()
    }
}
