public import ArgumentParser
public import HTTPServing
import Logging
import Telemetry

/// Where a daemon keeps its state and its socket. Several daemons share a machine when these differ.
struct DirectoryOptions: ParsableArguments {
    @Option(name: .customLong("data-dir"), help: "State that survives a reboot.")
    var data = "/var/lib/wherry"

    @Option(name: .customLong("run-dir"), help: "Socket and run-time state; best on a tmpfs.")
    var run = "/run/wherry"
}

/// Which daemon a client verb speaks to.
struct ClientOptions: ParsableArguments {
    @Option(name: .customLong("run-dir"), help: "The run directory of the daemon to speak to.")
    var run = "/run/wherry"
}

/// How a daemon logs.
struct LogOptions: ParsableArguments {
    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error or critical.")
    var level = "info"

    @Option(name: .customLong("log-format"), help: "text or json.")
    var format = "text"

    /// Installs the process's log handler.
    func bootstrap() throws -> Logger {
        guard let level = Logger.Level(rawValue: level) else {
            throw ValidationError("unknown log level \(level)")
        }
        guard let format = LogFormat(rawValue: format) else {
            throw ValidationError("unknown log format \(format): text or json")
        }
        LogSetup.bootstrap(level: level, format: format)
        return Logger(label: "wherry")
    }
}

extension HTTPServing.ListenAddress: ExpressibleByArgument {
    public init?(argument: String) {
        try? self.init(parsing: argument)
    }
}
