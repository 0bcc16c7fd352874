public import NIOCore
import Synchronization

/// Pieces of bytes on their way from one task or handler to one other; bounded.
public final class ByteQueue: Sendable {
    private struct State {
        var pieces: [ByteBuffer] = []
        var bytes = 0
        /// Nothing more comes.
        var isFinished = false
        /// Nobody takes any more.
        var isAbandoned = false
        var reader: CheckedContinuation<ByteBuffer?, Never>?
        var writer: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let limit: Int
    private let onRoom: (@Sendable () -> Void)?

    /// - Parameters:
    ///   - limit: bytes from which on the queue is full; the piece that reaches it still goes in.
    ///   - onRoom: called after a full queue has been read from.
    public init(limit: Int, onRoom: (@Sendable () -> Void)? = nil) {
        self.limit = limit
        self.onRoom = onRoom
    }

    /// Puts a piece in. False: the queue is full, and nothing should follow before `onRoom`.
    public func offer(_ piece: ByteBuffer) -> Bool {
        let (reader, hasRoom) = state.withLock { state -> (CheckedContinuation<ByteBuffer?, Never>?, Bool) in
            guard !state.isFinished, !state.isAbandoned else { return (nil, true) }
            if let reader = state.reader {
                state.reader = nil
                return (reader, true)
            }
            state.pieces.append(piece)
            state.bytes += piece.readableBytes
            return (nil, state.bytes < limit)
        }
        reader?.resume(returning: piece)
        return hasRoom
    }

    /// Puts a piece in, and returns once there is room for another. For one writer.
    public func push(_ piece: ByteBuffer) async {
        if offer(piece) { return }
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                guard state.bytes >= limit, !state.isFinished, !state.isAbandoned else { return true }
                state.writer = continuation
                return false
            }
            if isOver { continuation.resume() }
        }
    }

    /// The next piece; nil at the end, and for good once the task was cancelled. For one reader.
    public func next() async -> ByteBuffer? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (piece, isOver, wasFull, writer) = state.withLock { state in
                    let wasFull = state.bytes >= limit
                    guard !state.pieces.isEmpty, !state.isAbandoned else {
                        let isOver = state.isFinished || state.isAbandoned
                        if !isOver { state.reader = continuation }
                        return (nil as ByteBuffer?, isOver, false, nil as CheckedContinuation<Void, Never>?)
                    }
                    let piece = state.pieces.removeFirst()
                    state.bytes -= piece.readableBytes
                    guard wasFull, state.bytes < limit else { return (piece, true, false, nil) }
                    defer { state.writer = nil }
                    return (piece, true, true, state.writer)
                }
                if isOver { continuation.resume(returning: piece) }
                writer?.resume()
                if wasFull { onRoom?() }
            }
        } onCancel: {
            abandon()
        }
    }

    /// Nothing more comes: the reader gets what is there, and then the end.
    public func finish() {
        let (reader, writer) = state.withLock { state in
            state.isFinished = true
            defer { (state.reader, state.writer) = (nil, nil) }
            return (state.reader, state.writer)
        }
        reader?.resume(returning: nil)
        writer?.resume()
    }

    /// Nobody takes any more: what is there and what comes is dropped.
    public func abandon() {
        let (reader, writer) = state.withLock { state in
            state.isAbandoned = true
            (state.pieces, state.bytes) = ([], 0)
            defer { (state.reader, state.writer) = (nil, nil) }
            return (state.reader, state.writer)
        }
        reader?.resume(returning: nil)
        writer?.resume()
    }
}
