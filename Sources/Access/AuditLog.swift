public import JSON
internal import Linux
public import Logging
internal import Synchronization

/// Who did what, and whether it was allowed: one JSON object of `audit.k8s.io/v1` for each line.
///
/// The files are bounded: a full one moves aside as `audit.log.1`, and the oldest goes. Records are not synced; a power cut may cost
/// the last ones, and a line that it left half written is cut off before the next is added. A log that cannot be written is said once and never stops the API: a full disk must not lock out who frees it.
public final class AuditLog: Sendable {
    private struct State: ~Copyable {
        var file: FileDescriptor?
        var size = 0
        var hasFailed = false
    }

    let path: String
    private let sizeLimit: Int
    /// Files that were full, kept beside the present one.
    private let olderFiles: Int
    private let state = Mutex(State())
    private let logger: Logger

    public init(path: String, sizeLimit: Int = 1 << 20, olderFiles: Int = 3, logger: Logger) {
        self.path = path
        self.sizeLimit = sizeLimit
        self.olderFiles = olderFiles
        self.logger = logger
    }

    public func append(_ record: JSONValue) {
        let line = record.serialized() + [UInt8(ascii: "\n")]
        let failure: (any Error)? = state.withLock { state in
            do {
                try write(line, &state)
                state.hasFailed = false
                return nil
            } catch {
                state.file = nil
                defer { state.hasFailed = true }
                return state.hasFailed ? nil : error
            }
        }
        if let failure {
            logger.error("the audit log cannot be written", metadata: ["path": "\(path)", "error": "\(failure)"])
        }
    }

    private func write(_ line: [UInt8], _ state: inout State) throws {
        if state.file == nil { try open(&state) }
        if state.size + line.count > sizeLimit, state.size > 0 {
            try rotate()
            try open(&state)
        }
        guard let descriptor = state.file?.rawValue else { return }
        try Files.writeAll(descriptor, line)
        state.size += line.count
    }

    private func open(_ state: inout State) throws {
        let file = try FileDescriptor.open(path, O_RDWR | O_CREAT | O_APPEND, mode: 0o600)
        var facts = stat()
        let descriptor = file.rawValue
        try systemCall("fstat", on: path) { fstat(descriptor, &facts) }
        state.size = try endLastLine(descriptor, size: Int(facts.st_size))
        state.file = consume file
    }

    private func rotate() throws {
        for number in stride(from: olderFiles, to: 0, by: -1) {
            let older = number == 1 ? path : "\(path).\(number - 1)"
            guard Files.exists(older) else { continue }
            try systemCall("rename", on: older) { rename(older, "\(path).\(number)") }
        }
        if olderFiles == 0 { _ = try Files.remove(path) }
    }
}
