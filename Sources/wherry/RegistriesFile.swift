import Images
import JSON
import Linux
import Logging
import Synchronization
import YAML

/// `<data-dir>/registries.yaml`, read again when it has changed.
///
/// A file that turns bad under a running agent is reported once, and what was good before goes on being used. One that was
/// never good stops pulls, and nothing else: going round a mirror unasked could cost what the mirror was to save.
final class RegistriesFile: Sendable {
    private struct State {
        var stamp: FileStamp?
        var good: RegistryConfiguration? = RegistryConfiguration()
        var problem: ImageError?
    }

    private let path: String
    private let logger: Logger
    private let state: Mutex<State>

    init(dataDirectory: String, logger: Logger) {
        path = dataDirectory + "/registries.yaml"
        self.logger = logger
        var state = State()
        if FileStamp(path) != nil { state.good = nil }
        self.state = Mutex(state)
    }

    /// The configuration as the file has it now, or as it was when the file was last good.
    func current() throws(ImageError) -> RegistryConfiguration {
        try state.withLock { state throws(ImageError) in
            let stamp = FileStamp(path)
            if stamp != state.stamp || (state.good == nil && state.problem == nil) { read(stamp, into: &state) }
            guard let good = state.good else {
                throw state.problem ?? ImageError(.invalidConfiguration, "\(path) was not read")
            }
            return good
        }
    }

    private func read(_ stamp: FileStamp?, into state: inout State) {
        // The settings of no file are nobody's last word.
        if state.stamp == nil { state.good = nil }
        state.stamp = stamp
        do {
            state.good = try stamp == nil ? RegistryConfiguration() : Self.parse(path)
            state.problem = nil
        } catch {
            let detail = (error as? ImageError)?.message ?? "\(error)"
            state.problem = ImageError(.invalidConfiguration, "\(path): \(detail); mend it, nothing needs a restart")
            logger.error(
                "registries.yaml cannot be used",
                metadata: ["path": "\(path)", "error": "\(detail)", "kept": "\(state.good != nil)"])
        }
    }

    private static func parse(_ path: String) throws -> RegistryConfiguration {
        let documents = try YAMLReader.documents(in: try Files.read(path, limit: 1 << 20))
        guard documents.count <= 1 else { throw CommandError("it has \(documents.count) documents") }
        return try RegistryConfiguration(documents.first ?? .null)
    }
}
