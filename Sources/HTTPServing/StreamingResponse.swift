public import Hummingbird
public import NIOCore
import ServiceLifecycle

/// Writes the pieces of an endless answer; every write reaches the client at once.
public final class StreamWriter: @unchecked Sendable {
    // No lock needed, one task at a time uses it: the producer while it runs, the response's own task before and after.
    private var writer: any ResponseBodyWriter

    init(_ writer: any ResponseBodyWriter) {
        self.writer = writer
    }

    public func write(_ buffer: ByteBuffer) async throws {
        try await writer.write(buffer)
    }

    public func write(_ bytes: some Sequence<UInt8> & Sendable) async throws {
        try await writer.write(ByteBuffer(bytes: bytes))
    }

    func finish() async throws {
        try await writer.finish(nil)
    }
}

extension ResponseBody {
    /// A chunked body whose producer is cancelled when the client goes away and when the daemon shuts down, so that
    /// no watch holds up a stop. The connection closes after it.
    ///
    /// - Parameters:
    ///   - request: its body must not have been read.
    ///   - produce: writes until it returns; must answer to task cancellation.
    public static func stream(
        for request: Request, _ produce: @escaping @Sendable (StreamWriter) async throws -> Void
    ) -> ResponseBody {
        ResponseBody { writer in
            let stream = StreamWriter(writer)
            let (stop, stopSignal) = AsyncStream<Never>.makeStream()
            try await withGracefulShutdownHandler {
                try await request.body.consumeWithInboundCloseHandler { _ in
                    await firstToEnd(
                        { for await _ in stop {} },
                        { try? await produce(stream) })
                } onInboundClosed: {
                    stopSignal.finish()
                }
            } onGracefulShutdown: {
                stopSignal.finish()
            }
            try await stream.finish()
        }
    }

    private static func firstToEnd(
        _ first: @escaping @Sendable () async -> Void, _ second: @escaping @Sendable () async -> Void
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await first() }
            group.addTask { await second() }
            await group.next()
            group.cancelAll()
        }
    }
}
