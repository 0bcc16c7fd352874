import HTTPServing
import NIOCore

/// One connection to a port of a pod, on behalf of a client that has others beside it.
///
/// What the client sends waits in a queue of its own, so that a port that does not read stops the others only when that is full.
struct ForwardedConnection: Sendable {
    /// Bytes that wait for the port.
    static let queueLimit = 256 << 10
    let input = ByteQueue(limit: queueLimit)
    private let untilStop: AsyncStream<Never>
    private let stopSignal: AsyncStream<Never>.Continuation

    init() { (untilStop, stopSignal) = AsyncStream.makeStream() }

    /// Ends both directions at once.
    func stop() {
        input.abandon()
        stopSignal.finish()
    }

    /// Connects and carries until both directions have ended or the task is cancelled.
    ///
    /// - Parameters:
    ///   - connect: gives a connected descriptor.
    ///   - write: sends to the client.
    ///   - outputEnd: the port sends no more.
    /// - Throws: what `connect` throws; failures of the connection later are its end.
    func run(
        connect: () async throws -> Int32, write: @escaping @Sendable (ByteBuffer) async throws -> Void,
        outputEnd: @escaping @Sendable () async throws -> Void
    ) async throws {
        // Whatever happens, the client's reader must not wait for this queue.
        defer { input.abandon() }
        let port = try await ByteStream.socket(connect())
        let (input, untilStop) = (input, untilStop)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in untilStop {}
                if !Task.isCancelled { await port.close() }
            }
            group.addTask {
                do {
                    while let bytes = await input.next() { try await port.write(bytes) }
                    if !Task.isCancelled { await port.finishOutput() }
                } catch {
                    // The port takes no more.
                    input.abandon()
                }
            }
            group.addTask {
                do {
                    for await bytes in port.inbound { try await write(bytes) }
                    if !Task.isCancelled { try await outputEnd() }
                } catch {
                    // The client is gone, which its reader notices, too.
                    await port.close()
                }
            }
            // Both directions, or the stop and what was left of them.
            await group.next()
            await group.next()
            group.cancelAll()
        }
        await port.close()
    }
}
