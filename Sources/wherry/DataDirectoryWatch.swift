import Linux
import Logging
import NIOPosix
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
        path = directories.disk
        readOnlyData = directories.readOnlyData
        self.clock = clock
        self.logger = logger
    }

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            repeat {
                try await self.clock.sleep(for: Self.period, tolerance: .seconds(10))
                // A dying disk may take its time.
            } while try await !NIOThreadPool.singleton.runIfActive { self.isOver }
            self.changed.withLock { $0 = true }
            self.logger.critical("the data directory changed between writable and read-only: starting again")
        }
    }

    private var isOver: Bool { readOnlyData?.isOver ?? ReadOnlyData.isReadOnly(path) }

    /// Starts the program again, as the same process, when the directory changed and nobody told this one to end; after everything has
    /// been closed.
    func startAgainIfChanged() throws {
        guard changed.withLock({ $0 }) else { return }
        var arguments: [UnsafeMutablePointer<CChar>?] = Program.arguments.map { strdup($0) } + [nil]
        let path = Program.path.map { $0.hasPrefix("/") && access($0, X_OK) == 0 ? $0 : "/proc/self/exe" }
        try StopSignals.process.unlessArrived {
            execv(path ?? "/proc/self/exe", &arguments)
            throw SystemError(call: "execv", errno: .last, subject: Program.path ?? "wherry")
        }
    }
}
