public import Logging

/// How a log line is written.
public enum LogFormat: String, Sendable, CaseIterable {
    /// `2026-01-01T00:00:00.000Z INFO  label: message key=value`, for people.
    case text
    /// One JSON object per line, for machines: `time`, `level`, `logger`, `message`, then the metadata under `fields`.
    case json
}

/// Sends swift-log to standard error.
public enum LogSetup {
    /// Installs the handler for every `Logger` of the process; call once, first thing in a daemon's `main`.
    public static func bootstrap(level: Logger.Level, format: LogFormat) {
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, level: level, format: format, sink: .standardError)
        }
    }
}
