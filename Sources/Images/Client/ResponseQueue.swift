internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// An answer's parts between the event loop and the one task that takes them: bounded, and complete even when the
/// connection breaks.
final class ResponseQueue: Sendable {
    enum Part: Sendable {
        case head(HTTPResponseHead)
        case bytes(ByteBuffer)
    }

    private struct State {
        var parts = CircularBuffer<Part>()
        var bytes = 0
        var isEnded = false
        var failure: (any Error)?
        var waiting: CheckedContinuation<Part?, any Error>?
        var whenRoom: (@Sendable () -> Void)?
    }

    /// Bytes in the queue from which on nothing more is asked of the connection. They are lost with the process: few.
    private static let room = 64 << 10

    private let state = Mutex(State())

    var hasRoom: Bool { state.withLock { $0.bytes < Self.room } }

    /// Sets what is called when there is room again.
    func whenRoom(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.whenRoom = body } }

    func append(_ part: Part) {
        let waiting = state.withLock { state -> CheckedContinuation<Part?, any Error>? in
            if let waiting = state.waiting {
                state.waiting = nil
                return waiting
            }
            state.parts.append(part)
            if case .bytes(let bytes) = part { state.bytes += bytes.readableBytes }
            return nil
        }
        waiting?.resume(returning: part)
    }

    /// Ends the answer, well or by an error; the first end stands, and comes after everything in the queue.
    func end(_ failure: (any Error)?) {
        let waiting = state.withLock { state -> CheckedContinuation<Part?, any Error>? in
            guard !state.isEnded else { return nil }
            state.isEnded = true
            state.failure = failure
            defer { state.waiting = nil }
            return state.waiting
        }
        if let failure { waiting?.resume(throwing: failure) } else { waiting?.resume(returning: nil) }
    }

    /// The next part; nil at a good end.
    func next() async throws -> Part? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (result, whenRoom) = take(orWait: continuation)
                whenRoom?()
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            end(CancellationError())
        }
    }

    private func take(
        orWait continuation: CheckedContinuation<Part?, any Error>
    ) -> (Result<Part?, any Error>?, (@Sendable () -> Void)?) {
        state.withLock { state in
            if let part = state.parts.popFirst() {
                let wasFull = state.bytes >= Self.room
                if case .bytes(let bytes) = part { state.bytes -= bytes.readableBytes }
                return (.success(part), wasFull && state.bytes < Self.room ? state.whenRoom : nil)
            }
            if let failure = state.failure { return (.failure(failure), nil) }
            if state.isEnded { return (.success(nil), nil) }
            state.waiting = continuation
            return (nil, nil)
        }
    }
}
