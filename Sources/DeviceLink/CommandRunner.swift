internal import FleetProtocol
internal import Linux
internal import Logging
internal import Resources
internal import Synchronization

/// Carries out the hub's commands on one connection and streams the answers back.
///
/// An answer waits for each piece's PUBACK, so a slow link slows the reading of the log and nothing piles up.
final class CommandRunner: Sendable {
    typealias ReadLogs = @Sendable (PodLogRequest) async throws -> AsyncThrowingStream<[UInt8], any Error>

    private struct State {
        var seen: [String] = []
        var running: [String: AsyncStream<Void>.Continuation] = [:]
    }

    static let limit = 16
    private let wire: LinkWire
    private let core: LinkCore
    private let readLogs: ReadLogs
    private let logger: Logger
    private let state = Mutex(State())

    init(wire: LinkWire, core: LinkCore, readLogs: @escaping ReadLogs, logger: Logger) {
        self.wire = wire
        self.core = core
        self.readLogs = readLogs
        self.logger = logger
    }

    /// Runs one command to its end. A command that was seen before on this connection is not run again.
    func run(_ command: Command) async {
        let isNew = state.withLock { state in
            guard !state.seen.contains(command.id) else { return false }
            state.seen.append(command.id)
            if state.seen.count > 256 { state.seen.removeFirst() }
            return true
        }
        guard isNew else { return }
        switch command.kind {
        case .cancel:
            if let target = command.target { state.withLock { $0.running[target] }?.finish() }
        case .logs:
            await runLogs(command)
        case .unknown:
            await fail(
                command.id, 0, 501, "NotImplemented", "this device does not know that command: update Wherry there")
        }
    }

    private func runLogs(_ command: Command) async {
        guard let fields = command.logs else {
            return await fail(command.id, 0, 400, "BadRequest", "the command carries no log request")
        }
        let time = await core.time
        guard time.quality == .sync, time.seconds * 1000 <= command.deadline else {
            return await fail(command.id, 0, 504, "Timeout", "the command came to the device after its deadline")
        }
        let (cancelled, cancel) = AsyncStream.makeStream(of: Void.self)
        let accepted = state.withLock { state in
            guard state.running.count < Self.limit else { return false }
            state.running[command.id] = cancel
            return true
        }
        guard accepted else {
            return await fail(command.id, 0, 429, "TooManyRequests", "the device streams \(Self.limit) logs already")
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.stream(command.id, PodLogRequest(fields)) }
            group.addTask { for await _ in cancelled {} }
            await group.next()
            group.cancelAll()
        }
        state.withLock { $0.running[command.id] = nil }
        cancel.finish()
    }

    private func stream(_ id: String, _ request: PodLogRequest) async {
        var index: Int64 = 0
        do {
            for try await bytes in try await readLogs(request) {
                var offset = 0
                while offset < bytes.count {
                    let end = min(offset + FleetLimits.replyChunk, bytes.count)
                    try await reply(CommandReply(command: id, index: index, bytes: Array(bytes[offset..<end])))
                    index += 1
                    offset = end
                }
            }
            guard !Task.isCancelled else { return }
            try await reply(CommandReply(command: id, index: index, eof: true))
        } catch let error as StatusError {
            await fail(id, index, error.code, error.reason.rawValue, error.message)
        } catch is MQTTFailure {
            // The connection is gone, and with it the asker.
        } catch {
            guard !Task.isCancelled else { return }
            await fail(id, index, 500, "InternalError", "\(error)")
        }
    }

    private struct MQTTFailure: Error {}

    private func reply(_ reply: CommandReply) async throws {
        do { try await wire.send(.request, correlation: reply.command, UpRequest.reply(reply)) } catch {
            throw MQTTFailure()
        }
    }

    private func fail(_ id: String, _ index: Int64, _ status: Int, _ reason: String, _ message: String) async {
        let failure = CommandReply.Failure(status: status, reason: reason, message: message)
        try? await reply(CommandReply(command: id, index: index, eof: true, error: failure))
    }
}

extension PodLogRequest {
    init(_ fields: LogsRequest) {
        self.init(
            namespace: fields.namespace, pod: fields.pod, container: fields.container, follow: fields.follow,
            previous: fields.previous, timestamps: fields.timestamps, tailLines: fields.tailLines,
            sinceSeconds: fields.sinceSeconds, sinceTime: fields.sinceTime, limitBytes: fields.limitBytes)
    }
}
